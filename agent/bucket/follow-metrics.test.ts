import { appendFile, rm, symlink, unlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { realClock } from '../../protocol/kit/clock.ts'
import { createLog } from '../../protocol/kit/log.ts'
import { openJournal } from '../journal/sqlite.ts'
import type { AllocationPaths } from '../steps/attendant.ts'
import { followMetrics, type MetricsFollower } from './follow-metrics.ts'
import { freshPaths } from './test-spec.ts'

let paths: AllocationPaths
let journal: ReturnType<typeof openJournal>
let stop: AbortController
beforeEach(async () => {
  paths = await freshPaths()
  journal = openJournal(join(paths.root, 'journal'), (error) => { throw error })
  stop = new AbortController()
})
afterEach(async () => {
  stop.abort()
  journal.close()
  await rm(paths.root, { recursive: true, force: true })
})

function follow(): MetricsFollower {
  stop = new AbortController()
  return followMetrics({ journal, alloc: 'trial-7.2', path: paths.metricsFile, signal: stop.signal, clock: realClock, random: Math.random, log: createLog({ name: 'test', level: 'error' }) })
}

const steps = (): number[] => journal.outbox.after(0, 100_000).flatMap((event) => (event.kind === 'metrics' ? event.reports.map((report) => report.steps) : []))
const notes = (): string[] => journal.outbox.after(0, 100_000).flatMap((event) => (event.kind === 'note' ? [event.text] : []))

test('through kills at random points each line is reported exactly once, in order', { timeout: 30_000 }, async () => {
  let follower = follow()
  let text = ''
  for (let i = 0; i < 3_000; i += 1) text += `{"steps": ${i}, "values": {"loss": ${i % 7 === 0 ? 'NaN' : i / 3}}}\n`
  for (let at = 0, round = 0; at < text.length; round += 1) {
    const size = (round * 7_919) % 3_000
    await appendFile(paths.metricsFile, text.slice(at, at + size))
    at += size
    await new Promise((resolve) => setTimeout(resolve, round % 13))
    if (round % 5 === 0) {
      stop.abort()
      await follower.ended
      journal.close()
      journal = openJournal(join(paths.root, 'journal'), (error) => { throw error })
      follower = follow()
    }
  }
  await appendFile(paths.metricsFile, '{"steps": 3000, "values": {}}')
  await follower.finish()
  expect(steps()).toEqual(Array.from({ length: 3_001 }, (_, i) => i))
  expect(notes()).toEqual([])
})

test('a bad line is told with its number, also after a restart', async () => {
  await writeFile(paths.metricsFile, '{"steps":1,"values":{}}\noops\n')
  await follow().finish()
  stop.abort()
  await appendFile(paths.metricsFile, '{"steps":2,"values":{}}\n{"steps":"x"}\n')
  await follow().finish()
  expect(steps()).toEqual([1, 2])
  expect(notes()).toEqual([expect.stringContaining('line 2 was left out'), expect.stringContaining('line 4 was left out')])
})

test('a line longer than is taken is passed over', async () => {
  await writeFile(paths.metricsFile, `{"steps":1,"values":{}}\n{"steps":2,"values":{"a":"${'x'.repeat(600_000)}"}}\n{"steps":3,"values":{}}\n`)
  await follow().finish()
  expect(steps()).toEqual([1, 3])
  expect(notes()).toEqual([expect.stringContaining('line 2 was left out: it is longer')])
})

test('a file written anew is read from its start, with a note', async () => {
  await writeFile(paths.metricsFile, '{"steps":1,"values":{"a":"long enough"}}\n')
  await follow().finish()
  stop.abort()
  await writeFile(paths.metricsFile, '{"steps":2,"values":{}}\n')
  await follow().finish()
  expect(steps()).toEqual([1, 2])
  expect(notes()).toEqual([expect.stringContaining('became shorter')])
})

test('a link in place of the file is not followed', async () => {
  await unlink(paths.metricsFile)
  await symlink('/etc/passwd', paths.metricsFile)
  await follow().finish()
  expect(steps()).toEqual([])
  expect(notes()).toEqual([expect.stringContaining('symbolic link')])
})

test('no file is no metrics', async () => {
  await unlink(paths.metricsFile)
  await follow().finish()
  expect(journal.outbox.depth()).toBe(0)
})
