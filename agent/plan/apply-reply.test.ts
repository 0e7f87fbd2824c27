import { describe, expect, test } from 'vitest'
import { applyReply, NOTHING_HELD, type HeldDesired } from './apply-reply.ts'
import { aWant } from './world.fixture.ts'

const held: HeldDesired = { store: 's1', generation: 5, desired: [aWant('run')], retire: null }
const full = (store: string, generation: number) => ({ v: 1 as const, kind: 'desired' as const, store, needInventory: false, generation, desired: [aWant('stop')] })
const same = (store: string, needInventory = false) => ({ v: 1 as const, kind: 'same' as const, store, needInventory })

describe('reply to a heartbeat', () => {
  test('a newer desired state replaces the whole', () => {
    expect(applyReply(held, full('s1', 6))).toEqual({ held: { store: 's1', generation: 6, desired: [aWant('stop')], retire: null }, changed: true, again: false })
  })
  test('an older one is ignored: a late reply', () => {
    expect(applyReply(held, full('s1', 4))).toEqual({ held, changed: false, again: false })
  })
  test('another store: generations begin again', () => {
    expect(applyReply(held, full('s2', 1)).held).toEqual({ store: 's2', generation: 1, desired: [aWant('stop')], retire: null })
  })
  test('"same" of another store cannot be meant: what is held stands until a heartbeat with 0 brings the whole', () => {
    expect(applyReply(held, same('s2'))).toEqual({ held: { store: 's2', generation: 0, desired: held.desired, retire: null }, changed: true, again: true })
  })
  test('the first reply', () => {
    expect(applyReply(NOTHING_HELD, full('s1', 3)).changed).toBe(true)
  })
  test('the inventory is asked for: a heartbeat follows at once', () => {
    expect(applyReply(held, same('s1', true))).toEqual({ held, changed: false, again: true })
  })
  test('the same generation with a longer list: what must be discarded is heard; once more changes nothing', () => {
    const longer = { ...full('s1', 5), desired: [aWant('run'), aWant('discard', 'trial-9.1')] }
    const applied = applyReply(held, longer)
    expect([applied.changed, applied.held.desired]).toEqual([true, longer.desired])
    expect(applyReply(applied.held, longer).changed).toBe(false)
  })
})

describe('retirement', () => {
  const retiring: HeldDesired = { ...held, retire: 'idle for 5 min' }
  const asking = (generation: number) => ({ ...full('s1', generation), retire: 'idle for 5 min' })
  test.each([
    ['is heard with a newer generation', held, asking(6), 'idle for 5 min'],
    ['is heard within the same generation', held, asking(5), 'idle for 5 min'],
    ['of an older reply is not heard', held, asking(4), null],
    ['stands over "same"', retiring, same('s1'), 'idle for 5 min'],
    ['stands over the same generation without it: a replay', retiring, full('s1', 5), 'idle for 5 min'],
    ['stands over an older reply without it: a replay', retiring, full('s1', 4), 'idle for 5 min'],
    ['is forgotten with a newer generation that has it no more', retiring, full('s1', 6), null],
    ['stands over "same" of another store', retiring, same('s2'), 'idle for 5 min'],
    ['is forgotten when another store does not ask for it', retiring, full('s2', 1), null],
  ])('%s', (_name, before, reply, retire) => {
    expect(applyReply(before, reply).held.retire).toBe(retire)
  })
  test('a replay of the reply that asked, after it was taken back, changes nothing', () => {
    const back = applyReply(retiring, full('s1', 6)).held
    expect(applyReply(back, asking(5))).toEqual({ held: back, changed: false, again: false })
  })
})
