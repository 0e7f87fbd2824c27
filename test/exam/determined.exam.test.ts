import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { missingForExam, startExam, type Exam, type Row } from './exam.ts'
import { routeNamer, routesOfPackage } from './routes-of-package.ts'
import { clusterRows } from './rows/cluster.ts'
import { commandRows } from './rows/command.ts'
import { checkpointRows } from './rows/checkpoint.ts'
import { deletionRows } from './rows/deletion.ts'
import { experimentRows } from './rows/experiment.ts'
import { logRows } from './rows/logs.ts'
import { modelRows } from './rows/model.ts'
import { sdkRows } from './rows/sdk.ts'
import { steerRows } from './rows/steer.ts'
import { userRows } from './rows/user.ts'
import { workspaceRows } from './rows/workspace.ts'
import { tableOf, writeTable, writtenTable, type Result } from './table.ts'

const missing = missingForExam()
if (missing) process.stderr.write(`the exam is skipped: ${missing}\n`)

/** In this order: later rows look at what earlier ones made. */
const ROWS: readonly Row[] = [
  ...userRows, ...experimentRows, ...logRows, ...checkpointRows, ...steerRows, ...commandRows, ...clusterRows, ...workspaceRows, ...modelRows, ...sdkRows, ...deletionRows,
]
const results: Result[] = []
let exam: Exam

describe.skipIf(missing !== null)('the published package, unmodified', () => {
  beforeAll(async () => {
    exam = await startExam()
  })
  afterAll(async () => {
    await exam?.stop()
  })

  for (const row of ROWS) {
    test(`${row.command}`, async () => {
      const from = exam.proxy.calls.length
      let works = false
      try {
        await row.check(exam)
        works = true
      } finally {
        results.push({ command: row.command, works, calls: exam.proxy.calls.slice(from) })
      }
    })
  }

  test('no route that the package called answered with 5xx', () => {
    expect(exam.proxy.calls.filter((call) => call.status >= 500)).toEqual([])
  })

  test('the table in README.md is what this run found (npm run test:exam -- --write-table writes it)', () => {
    const table = tableOf(results, routeNamer(routesOfPackage(process.env['DROVER_TEST_DETERMINED'] ?? '')))
    if (process.env['DROVER_EXAM_WRITE_TABLE'] === '1') writeTable(table)
    expect(writtenTable()).toBe(table)
  })
})
