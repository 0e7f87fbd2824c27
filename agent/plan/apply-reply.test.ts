import { describe, expect, test } from 'vitest'
import { applyReply, NOTHING_HELD, type HeldDesired } from './apply-reply.ts'
import { aWant } from './world.fixture.ts'

const held: HeldDesired = { store: 's1', generation: 5, desired: [aWant('run')] }
const full = (store: string, generation: number) => ({ v: 1 as const, kind: 'desired' as const, store, needInventory: false, generation, desired: [aWant('stop')] })
const same = (store: string, needInventory = false) => ({ v: 1 as const, kind: 'same' as const, store, needInventory })

describe('reply to a heartbeat', () => {
  test('a newer desired state replaces the whole', () => {
    expect(applyReply(held, full('s1', 6))).toEqual({ held: { store: 's1', generation: 6, desired: [aWant('stop')] }, changed: true, again: false })
  })
  test('an older one is ignored: a late reply', () => {
    expect(applyReply(held, full('s1', 4))).toEqual({ held, changed: false, again: false })
  })
  test('another store: generations begin again', () => {
    expect(applyReply(held, full('s2', 1)).held).toEqual({ store: 's2', generation: 1, desired: [aWant('stop')] })
  })
  test('"same" of another store cannot be meant: what is held stands until a heartbeat with 0 brings the whole', () => {
    expect(applyReply(held, same('s2'))).toEqual({ held: { store: 's2', generation: 0, desired: held.desired }, changed: true, again: true })
  })
  test('the first reply', () => {
    expect(applyReply(NOTHING_HELD, full('s1', 3)).changed).toBe(true)
  })
  test('the inventory is asked for: a heartbeat follows at once', () => {
    expect(applyReply(held, same('s1', true))).toEqual({ held, changed: false, again: true })
  })
})
