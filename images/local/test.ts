import { spawn } from 'node:child_process'
import { mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { runWithServers, type Env } from './servers.ts'
import { say } from './session.ts'
import { REPO, STATE } from './steps.mjs'

/** `npm test`: real servers of our own, then every tier of tests; exit 0 only when all passed. Arguments go to vitest. */
const RESULTS = join(STATE, 'results')
/** flow tests measure times of whole clusters: they run alone */
const TIERS = [['unit', 'servers'], ['flow']]

/** Gives vitest's exit code; its JSON report goes to .drover/results. */
function vitest(tier: string[], filter: string[], env: Env, signal: AbortSignal): Promise<number> {
  const name = tier.join('-')
  say(`\n--- ${tier.join(' and ')}`)
  const args = ['run', ...tier.flatMap((project) => ['--project', project]), '--reporter=default', '--reporter=json', `--outputFile.json=${join(RESULTS, `${name}.json`)}`, ...(filter.length > 0 ? ['--passWithNoTests'] : []), ...filter]
  const child = spawn(process.execPath, [join(REPO, 'node_modules/vitest/vitest.mjs'), ...args], { env, cwd: REPO, stdio: ['ignore', 'inherit', 'inherit'] })
  signal.addEventListener('abort', () => child.kill('SIGTERM'), { once: true })
  return new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('exit', (code) => resolve(code ?? 1))
  })
}

await runWithServers('test', async (env, signal) => {
  rmSync(RESULTS, { recursive: true, force: true })
  mkdirSync(RESULTS, { recursive: true })
  const filter = process.argv.slice(2).filter((argument) => argument !== '-y')
  let failed = 0
  for (const tier of TIERS) failed += (await vitest(tier, filter, env, signal)) === 0 ? 0 : 1
  return failed === 0 ? 0 : 1
}, ['trainer', 'trainer-torch'])
