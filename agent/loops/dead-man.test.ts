import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { realClock, type Clock } from '../../protocol/kit/clock.ts'
import { DockerError } from '../docker/errors.ts'
import { openJournal, type SqliteJournal } from '../journal/sqlite.ts'
import { aRow } from '../plan/world.fixture.ts'
import { startDeadMan, type DeadMan } from './dead-man.ts'
import { silentLog } from './log.fixture.ts'
import { until } from './rig.fixture.ts'

const MINUTE = 60_000
const LIMIT = 60 * MINUTE
let dir: string
let journal: SqliteJournal
let live: string[] | null
let now: number
let bootId: string
let looks: number
let life: { deadMan: DeadMan; stop: AbortController } | null

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'drover-dead-man-'))
  journal = openJournal(dir, () => undefined)
  ;[live, now, bootId, looks, life] = [[], 1_000_000, 'boot-1', 0, null]
})
afterEach(async () => {
  await end()
  journal.close()
  rmSync(dir, { recursive: true })
})

/** Sweeps in 5 ms. */
const clock: Clock = { ...realClock, sleep: (_ms, signal) => {
  looks += 1
  return realClock.sleep(5, signal)
} }
const listLive = async () => {
  if (live === null) throw new DockerError('unreachable', 'no engine')
  return live
}
async function begin(change: { limitMs?: number; command?: string } = {}) {
  const stop = new AbortController()
  const deadMan = await startDeadMan({
    limitMs: change.limitMs ?? LIMIT, poweroffCommand: change.command ?? `printf x >>${dir}/off`, listLive, journal, uptime: { get bootId() {
      return bootId
    }, nowMs: () => now }, clock, random: () => 0, log: silentLog, signal: stop.signal,
  })
  life = { deadMan, stop }
  return deadMan
}
async function end() {
  life?.stop.abort()
  await life?.deadMan.ended
  life = null
}
async function pass(ms: number) {
  now += ms
  const target = looks + 3
  await until('it was looked at', () => looks >= target, 5_000)
}
const offs = () => (existsSync(join(dir, 'off')) ? readFileSync(join(dir, 'off'), 'utf8').length : 0)

test('an hour without an answer and nothing here: the command runs, once, and the journal says why', async () => {
  const deadMan = await begin()
  await pass(59 * MINUTE)
  deadMan.answered()
  await pass(59 * MINUTE)
  expect(offs()).toBe(0)
  await pass(MINUTE)
  await until('the command has run', () => offs() === 1, 5_000)
  expect(JSON.parse(journal.getMeta('poweroff') ?? '')).toMatchObject({ at: expect.any(Number), reason: 'no master has answered and no container has lived for 60 min, and nothing is left to deliver' })
  await pass(MINUTE)
  expect(offs()).toBe(1)
  await pass(6 * MINUTE)
  await until('a command that did nothing is given again', () => offs() === 2, 5_000)
})

test('a live container keeps the machine, and what it leaves behind has a period of its own', async () => {
  await begin()
  live = ['drover-trial-1.1']
  for (let hour = 0; hour < 5; hour += 1) await pass(LIMIT)
  live = []
  journal.putAllocation(aRow({ phase: 'exited' }))
  await pass(LIMIT)
  await pass(LIMIT - MINUTE)
  expect(offs()).toBe(0)
  await pass(MINUTE)
  await until('it is given up', () => offs() === 1, 5_000)
})

test('a Docker that does not answer: the journal decides', async () => {
  await begin()
  live = null
  journal.putAllocation(aRow({ phase: 'started' }))
  for (let hour = 0; hour < 5; hour += 1) await pass(LIMIT)
  expect(offs()).toBe(0)
  journal.removeAllocation('trial-1.1')
  await pass(2 * LIMIT)
  await until('it is off', () => offs() === 1, 5_000)
})

test('restarts of the agent do not begin the count anew; a start of the machine does', async () => {
  await begin()
  await end()
  now += 50 * MINUTE
  await begin()
  await pass(0)
  await end()
  expect(offs()).toBe(0)
  now += 17 * MINUTE
  await begin()
  // the first look is done before it resolves: an agent that dies at each start still goes
  expect(offs()).toBe(1)
  await end()
  ;[bootId, now] = ['boot-2', 5_000]
  await begin()
  await pass(LIMIT - MINUTE)
  expect(offs()).toBe(1)
})

test('a command that fails is tried again', async () => {
  await begin({ command: `printf x >>${dir}/off; exit 3` })
  now += LIMIT
  await until('it was tried again', () => offs() >= 2, 5_000)
})

test('0 switches it off', async () => {
  await begin({ limitMs: 0 })
  now += 99 * LIMIT
  await new Promise((resolve) => setTimeout(resolve, 50))
  expect([offs(), looks]).toEqual([0, 0])
})
