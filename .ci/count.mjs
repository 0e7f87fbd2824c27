// Adds up vitest's JSON reports of a directory: prints `<passed> <failed> <skipped>`.
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

const folder = process.argv[2]
const sum = { passed: 0, failed: 0, skipped: 0 }
for (const name of existsSync(folder) ? readdirSync(folder) : []) {
  if (!name.endsWith('.json')) continue
  const report = JSON.parse(readFileSync(join(folder, name), 'utf8'))
  sum.passed += report.numPassedTests
  sum.failed += report.numFailedTests
  sum.skipped += report.numPendingTests
  // a file that could not be loaded has no test that failed
  if (!report.success && report.numFailedTests === 0) sum.failed += 1
}
process.stdout.write(`${sum.passed} ${sum.failed} ${sum.skipped}\n`)
