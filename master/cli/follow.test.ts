import { afterEach, beforeEach, expect, test } from 'vitest'
import { createClient } from './client.ts'
import type { Client } from './client.ts'
import { EXIT } from './fail.ts'
import { followExperiment } from './follow-experiment.ts'
import { startMasterDouble, TOKEN } from './master-double.ts'
import type { MasterDouble } from './master-double.ts'

let master: MasterDouble
let client: Client
const stop = new AbortController()

beforeEach(async () => {
  master = await startMasterDouble()
  client = createClient({ master: master.url, token: TOKEN, signal: stop.signal })
})
afterEach(() => master.stop())

function follow(): { lines: string[]; statuses: string[]; end: Promise<{ state: string }> } {
  const [lines, statuses]: [string[], string[]] = [[], []]
  const end = followExperiment({ client, experimentId: 7, out: { line: (text) => lines.push(text), status: (text) => statuses.push(text) }, signal: stop.signal, pollMs: 20, format: (entry) => entry.id })
  return { lines, statuses, end }
}

const ids = (from: number, to: number): string[] => Array.from({ length: to - from + 1 }, (_, i) => String(from + i))
const settle = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

test.each([[false], [true]])('lines arrive once though streams break in the middle and end too soon (after known: %s)', async (knowsAfter) => {
  master.knowsAfter = knowsAfter
  for (const id of ids(1, 20)) master.append(id)
  master.cutAfter = [3, -7, 0, 11]
  const { lines, statuses, end } = follow()
  await settle(400)
  for (const id of ids(21, 40)) master.append(id)
  await settle(100)
  master.append('41')
  master.end('COMPLETED')
  expect((await end).state).toBe('COMPLETED')
  expect(lines).toEqual(ids(1, 41))
  expect(statuses[0]).toBe('experiment 7 RUNNING  step 1200  38%  loss 0.3123  accuracy 0.89  1 checkpoint')
  expect(statuses.at(-1)).toBe('')
})

test('a last pass that a stopping master cut short is no end', async () => {
  for (const id of ids(1, 9)) master.append(id)
  master.end('COMPLETED')
  master.cutAfter = [-4, -1, -2, 0]
  const { lines, end } = follow()
  await end
  expect(lines).toEqual(ids(1, 9))
})

test('a lost master is waited for', async () => {
  master.append('1')
  const { lines, statuses, end } = follow()
  await settle(150)
  await master.stop()
  await settle(300)
  expect(statuses.at(-1)).toContain('master lost, trying again')
  master.append('2')
  await master.start()
  await settle(100)
  master.append('3')
  master.end('ERROR', 'exit code 3')
  expect((await end).state).toBe('ERROR')
  expect(lines).toEqual(['1', '2', '3'])
})

test('a master that was never reached and an unknown experiment are errors at once', async () => {
  const gone = followExperiment({ client, experimentId: 8, out: { line: () => undefined, status: () => undefined }, signal: stop.signal })
  await expect(gone).rejects.toMatchObject({ exit: EXIT.failed, message: 'there is nothing at /api/v1/experiments/8' })
  await master.stop()
  await expect(follow().end).rejects.toMatchObject({ exit: EXIT.unreachable })
  await master.start()
})
