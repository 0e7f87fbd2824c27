import { join } from 'node:path'
import { clearReports, runTier } from './run-tier.ts'
import { runWithServers } from './servers.ts'
import { STATE } from './steps.mjs'

/** `npm run test:exam`: real servers of our own, then the published `determined` package against them; exit 0 only when all passed. Arguments go to vitest, but `--write-table`: what the run finds is written into README.md. */
const REPORTS = join(STATE, 'results/exam')

await runWithServers('exam', (env, signal) => {
  clearReports(REPORTS)
  const found = process.argv.includes('--write-table') ? { DROVER_EXAM_WRITE_TABLE: '1' } : {}
  return runTier(['exam'], { env: { ...env, ...found }, signal, reports: REPORTS })
}, ['trainer', 'trainer-torch', 'trainer-determined'])
