import { EXIT } from '../fail.ts'
import type { Invocation } from '../invocation.ts'
import { loadConfig } from '../load-config.ts'

/** Without a master: `{ok, config, warnings, errors: [{path, message}]}`; exit 1 when there are mistakes. */
export async function checkConfig({ terminal }: Invocation, files: readonly string[]): Promise<number> {
  const { ok, config, warnings, errors } = await loadConfig(files)
  if (terminal.json) {
    terminal.data({ ok, config, warnings, errors })
    return ok ? EXIT.ok : EXIT.failed
  }
  for (const { path, message } of warnings) terminal.line(`warning  ${at(path)}${message}`)
  for (const { path, message } of errors) terminal.line(`error    ${at(path)}${message}`)
  terminal.line(ok ? `${files[0]} is good` : `${files[0]} has ${errors.length} mistake${errors.length === 1 ? '' : 's'}`)
  return ok ? EXIT.ok : EXIT.failed
}

function at(path: string): string {
  return path === '' ? '' : `${path}: `
}
