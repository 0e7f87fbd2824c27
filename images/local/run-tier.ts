import { spawn } from 'node:child_process'
import { mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import type { Env } from './servers.ts'
import { say } from './session.ts'
import { REPO } from './steps.mjs'

const OWN_OPTIONS = new Set(['-y', '--write-table'])

/** Forgets the reports of an earlier run. */
export function clearReports(folder: string): void {
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(folder, { recursive: true })
}

/** Runs vitest's projects at once; the arguments of this process that are no option of ours go to vitest. Gives its exit code; its JSON report goes to `reports`. */
export function runTier(projects: readonly string[], { env, signal, reports }: { env: Env; signal: AbortSignal; reports: string }): Promise<number> {
  say(`\n--- ${projects.join(' and ')}`)
  const filter = process.argv.slice(2).filter((argument) => !OWN_OPTIONS.has(argument))
  const report = join(reports, `${projects.join('-')}.json`)
  const args = ['run', ...projects.flatMap((project) => ['--project', project]), '--reporter=default', '--reporter=json', `--outputFile.json=${report}`, ...(filter.length > 0 ? ['--passWithNoTests'] : []), ...filter]
  const child = spawn(process.execPath, [join(REPO, 'node_modules/vitest/vitest.mjs'), ...args], { env, cwd: REPO, stdio: ['ignore', 'inherit', 'inherit'] })
  signal.addEventListener('abort', () => child.kill('SIGTERM'), { once: true })
  return new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('exit', (code) => resolve(code ?? 1))
  })
}
