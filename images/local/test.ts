import { join } from 'node:path'
import { clearReports, runTier } from './run-tier.ts'
import { runWithServers } from './servers.ts'
import { STATE } from './steps.mjs'

/** `npm test`: real servers of our own, then every tier of tests; exit 0 only when all passed. Arguments go to vitest. */
const REPORTS = join(STATE, 'results')
/** flow tests measure times of whole clusters: they run alone */
const TIERS = [['unit', 'props', 'servers'], ['flow']]

await runWithServers('test', async (env, signal) => {
  clearReports(REPORTS)
  let failed = 0
  for (const tier of TIERS) failed += (await runTier(tier, { env, signal, reports: REPORTS })) === 0 ? 0 : 1
  return failed === 0 ? 0 : 1
}, ['trainer', 'trainer-torch'])
