import { join } from 'node:path'
import { clearReports, runTier } from './run-tier.ts'
import { runWithServers } from './servers.ts'
import { STATE } from './steps.mjs'

/** `npm run test:drills`: real servers of our own, then test/drills; exit 0 only when all passed. Arguments go to vitest. */
const REPORTS = join(STATE, 'results/drills')

await runWithServers('drills', (env, signal) => {
  clearReports(REPORTS)
  return runTier(['drills'], { env, signal, reports: REPORTS })
})
