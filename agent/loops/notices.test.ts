import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { realClock, type Clock } from '../../protocol/kit/clock.ts'
import type { Log } from '../../protocol/kit/log.ts'
import { startImds, type FakeImds } from '../../test/rig/imds.ts'
import { openImds } from '../host/imds.ts'
import { openJournal, type SqliteJournal } from '../journal/sqlite.ts'
import { startNotices } from './notices.ts'
import { until } from './rig.fixture.ts'

let dir: string
let service: FakeImds
let journal: SqliteJournal
let stop: AbortController
let ended: Promise<void>
let passes: number
let said: string[]

const hear = (_fields: object, message: string): void => void said.push(message)
const log: Log = { debug: hear, info: hear, warn: hear, error: hear, child: () => log }
/** The sweep in 20 ms. */
const clock: Clock = { ...realClock, sleep: (ms, signal) => {
  passes += 1
  return realClock.sleep(ms / 200, signal)
} }
const begin = () => {
  stop = new AbortController()
  ended = startNotices({ imds: openImds({ endpoint: service.url, clock }), journal, clock, random: () => 0, log, signal: stop.signal }).ended
}
const more = async (count: number) => {
  const target = passes + count
  await until(`${count} more passes`, () => passes >= target)
}
const events = () => journal.outbox.after(0, 100).map((event) => (event.kind === 'notice' ? [event.seq, event.notice, event.action, event.at] : [event.kind]))

beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), 'drover-notices-'))
  journal = openJournal(dir, () => undefined)
  service = await startImds({ instanceId: 'i-0123456789abcdef0', instanceType: 'g5.xlarge', zone: 'eu-west-1b', region: 'eu-west-1', privateIp: '10.0.0.7', userData: '', spot: true })
  ;[passes, said] = [0, []]
})
afterEach(async () => {
  stop.abort()
  await ended
  journal.close()
  await service.close()
  rmSync(dir, { recursive: true })
})

test('each distinct notice becomes one event, also over a restart of the agent', async () => {
  begin()
  await more(3)
  expect(events()).toEqual([])
  service.notice('rebalance', new Date('2030-01-01T00:00:00Z'))
  await more(3)
  service.notice('spot', new Date('2030-01-01T00:02:00Z'))
  await more(3)
  const both = [[1, 'rebalance', '', null], [2, 'spot', 'terminate', Date.UTC(2030, 0, 1, 0, 2)]]
  expect(events()).toEqual(both)
  stop.abort()
  await ended
  journal.close()
  journal = openJournal(dir, () => undefined)
  begin()
  await more(3)
  expect(events()).toEqual(both)
  service.notice('spot', new Date('2030-01-01T00:03:00Z'))
  await more(3)
  expect(events()).toEqual([...both, [3, 'spot', 'terminate', Date.UTC(2030, 0, 1, 0, 3)]])
})

test.each(['http500', 'token401'] as const)('a service that is broken (%s) is told once, asked on, and heard when it is well', async (fault) => {
  service.fail(fault)
  begin()
  await more(5)
  const broken = 'the metadata service cannot be asked for notices, will be tried again'
  expect(said).toEqual([broken, broken])
  service.notice('spot')
  service.fail('none')
  await more(3)
  expect(said.slice(2).toSorted()).toEqual(['EC2 gave notice for this instance', 'the metadata service answers again', 'the metadata service answers again'])
  expect(events()).toHaveLength(1)
})

test('a stop ends the loop while the service is silent', async () => {
  service.fail('dead')
  begin()
  const from = performance.now()
  stop.abort()
  await ended
  expect(performance.now() - from).toBeLessThan(1_800)
})
