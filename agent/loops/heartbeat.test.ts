import { expect, test } from 'vitest'
import { realClock } from '../../protocol/kit/clock.ts'
import type { Link } from '../../protocol/link.ts'
import type { Heartbeat, HeartbeatReply, Inventory } from '../../protocol/wire/heartbeat.ts'
import { aWant } from '../plan/world.fixture.ts'
import { openDesired } from './desired.ts'
import { startHeartbeat } from './heartbeat.ts'
import { silentLog } from './log.fixture.ts'
import { until } from './rig.fixture.ts'

const INVENTORY: Inventory = { hostname: 'h', version: '0', bootId: 'b', kernel: 'k', os: 'o', cpus: 1, memoryMib: 1, diskFreeMib: 1, docker: '', driver: null, instanceId: null, instanceType: null, zone: null, slots: [], held: [] }

/** A link whose other end is a function, and a journal that is a map. */
function begin(answer: (beat: Heartbeat) => Promise<unknown> | unknown) {
  const beats: Heartbeat[] = []
  const meta = new Map<string, string>()
  const journal = { getMeta: (key: string) => meta.get(key) ?? null, setMeta: (key: string, value: string) => void meta.set(key, value) }
  const stop = new AbortController()
  const pokes: (() => void)[] = []
  const link = {
    request: async (_subject: string, payload: string) => {
      const beat = JSON.parse(payload) as Heartbeat
      beats.push(beat)
      return { data: new TextEncoder().encode(JSON.stringify(await answer(beat))) }
    },
    subscribe: () => ({
      unsubscribe: () => undefined,
      async *[Symbol.asyncIterator]() {
        for (;;) {
          await new Promise<void>((resolve) => void pokes.push(resolve))
          yield {}
        }
      },
    }),
  } as unknown as Link
  const desired = openDesired(journal)
  const inventory = { ...INVENTORY }
  let changes = 0
  let answered = 0
  let drained = false
  startHeartbeat({ link, agentId: 'a1', inc: 1, outboxDepth: () => 0, desired, inventory: () => inventory, onChange: () => void (changes += 1), onAnswered: () => void (answered += 1), drained: () => drained, clock: realClock, random: () => 0, log: silentLog, signal: stop.signal })
  return { beats, desired, inventory, stop, changes: () => changes, answered: () => answered, setDrained: () => void (drained = true), poke: () => pokes.shift()?.(), again: () => openDesired(journal) }
}
const same = (needInventory = false): HeartbeatReply => ({ v: 1, kind: 'same', store: 's', needInventory })

test('the inventory goes with the first beat, then only when it changed or is asked for', async () => {
  const replies: HeartbeatReply[] = [{ v: 1, kind: 'desired', store: 's', needInventory: false, generation: 3, desired: [aWant('run')] }, same(), same(), same(true), same()]
  const rig = begin(() => replies.shift() ?? same())
  const beat = async (count: number) => {
    if (count > 1) rig.poke()
    await until(`beat ${count}`, () => rig.beats.length >= count, 2_000)
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
  await beat(1)
  await beat(2)
  rig.inventory.cpus = 2
  await beat(3)
  rig.poke()
  await until('the asked-for beat follows at once', () => rig.beats.length >= 5, 2_000)
  expect(rig.beats.map((sent) => sent.inventory?.cpus ?? null)).toEqual([1, null, 2, null, 2])
  expect(rig.beats.map((sent) => sent.have).slice(0, 2)).toEqual([0, 3])
  expect([rig.desired.held().desired, rig.changes()]).toEqual([[aWant('run')], 1])
  expect(rig.again().held()).toEqual(rig.desired.held())
  rig.stop.abort()
})

test('a poke during a beat makes another follow at once', async () => {
  let release: () => void = () => undefined
  const held = new Promise<void>((resolve) => void (release = resolve))
  const rig = begin(async (beat) => (beat.have === 0 ? (await held, same()) : same()))
  await until('the first beat is under way', () => rig.beats.length === 1, 2_000)
  rig.poke()
  await new Promise((resolve) => setTimeout(resolve, 20))
  expect(rig.beats).toHaveLength(1)
  release()
  await until('the second follows', () => rig.beats.length >= 2, 1_000)
  rig.stop.abort()
})

test('an answer that is none changes nothing', async () => {
  const rig = begin(() => ({ v: 1, kind: 'desired', store: 's', generation: 'many' }))
  await until('it was tried', () => rig.beats.length >= 2, 3_000)
  expect([rig.desired.held().generation, rig.changes()]).toEqual([0, 0])
  rig.stop.abort()
})

test('a refusal, an answer that is none and no answer do not count as one', async () => {
  const replies: unknown[] = [{ v: 1, kind: 'refused', store: 's', error: 'agent a1 is not enrolled here' }, { v: 1, kind: 'odd' }, same()]
  const rig = begin(() => {
    const reply = replies.shift()
    if (reply === undefined) throw new Error('timeout')
    return reply
  })
  await until('the third is answered', () => rig.answered() === 1, 3_000)
  rig.poke()
  await until('two more are lost', () => rig.beats.length >= 5, 3_000)
  expect(rig.answered()).toBe(1)
  rig.stop.abort()
})

test('a request to retire is held, also over a restart; the answer goes with the next beat', async () => {
  const rig = begin((beat) => (beat.have === 0 ? { v: 1, kind: 'desired', store: 's', needInventory: false, generation: 4, desired: [], retire: 'idle for 5 min' } : same()))
  await until('it is heard', () => rig.desired.held().retire !== null, 2_000)
  expect([rig.again().held().retire, rig.changes(), rig.beats[0]?.drained]).toEqual(['idle for 5 min', 1, undefined])
  rig.setDrained()
  rig.poke()
  await until('the next beat', () => rig.beats.length === 2, 2_000)
  expect(rig.beats[1]?.drained).toBe(true)
  rig.stop.abort()
})
