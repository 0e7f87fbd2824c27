import { chmod, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { homedir } from 'node:os'
import { dirname, join } from 'node:path'
import { CliError, EXIT } from './fail.ts'

/** Session tokens by master and user, in a file that only its owner may read. */
export interface Credentials {
  /** `user` null: whoever logged in last */
  find(master: string, user: string | null): Promise<{ user: string; token: string } | null>
  save(master: string, user: string, token: string): Promise<void>
  drop(master: string, user: string): Promise<void>
}

interface AuthFile {
  version: 1
  masters: Record<string, { current: string; tokens: Record<string, string> }>
}

export function credentialsPath(env: NodeJS.ProcessEnv): string {
  return join(env['XDG_CONFIG_HOME'] || join(homedir(), '.config'), 'drover', 'auth.json')
}

export function openCredentials(path: string): Credentials {
  return {
    async find(master, user) {
      const entry = (await load(path)).masters[master]
      const name = user ?? entry?.current
      const token = name === undefined ? undefined : entry?.tokens[name]
      return name === undefined || token === undefined ? null : { user: name, token }
    },
    async save(master, user, token) {
      const file = await load(path)
      file.masters[master] = { current: user, tokens: { ...file.masters[master]?.tokens, [user]: token } }
      await store(path, file)
    },
    async drop(master, user) {
      const file = await load(path)
      const entry = file.masters[master]
      if (entry === undefined) return
      const { [user]: _gone, ...tokens } = entry.tokens
      const [current] = Object.keys(tokens)
      if (current === undefined) delete file.masters[master]
      else file.masters[master] = { current: entry.current === user ? current : entry.current, tokens }
      await store(path, file)
    },
  }
}

async function load(path: string): Promise<AuthFile> {
  const empty: AuthFile = { version: 1, masters: {} }
  let text: string
  try {
    text = await readFile(path, 'utf8')
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return empty
    throw new CliError(EXIT.failed, `cannot read ${path}: ${codeOf(error)}`, 'make it readable for you, or set XDG_CONFIG_HOME to a directory of yours')
  }
  try {
    const file = JSON.parse(text) as Partial<AuthFile>
    if (file.version === 1 && typeof file.masters === 'object' && file.masters !== null) return { version: 1, masters: file.masters }
  } catch {
    // told below: not JSON and not ours are the same mistake
  }
  throw new CliError(EXIT.failed, `${path} is not a file of drover's`, 'remove it and log in again')
}

/** Written beside and renamed over, so that a reader or a crash never meets half a file. */
async function store(path: string, file: AuthFile): Promise<void> {
  const part = `${path}.${process.pid}.part`
  try {
    await mkdir(dirname(path), { recursive: true, mode: 0o700 })
    await writeFile(part, `${JSON.stringify(file, null, 2)}\n`, { mode: 0o600, flag: 'wx' })
    await chmod(part, 0o600)
    await rename(part, path)
  } catch (error) {
    await rm(part, { force: true })
    throw new CliError(EXIT.failed, `cannot write ${path}: ${codeOf(error)}`, 'make its directory writable for you, or set XDG_CONFIG_HOME')
  }
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : 'unknown fault'
}
