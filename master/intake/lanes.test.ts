import fc from 'fast-check'
import { expect, test } from 'vitest'
import { createLanes } from './lanes.ts'

test('in order within a key, never more at once than allowed, everything taken is done', async () => {
  await fc.assert(fc.asyncProperty(fc.scheduler(), fc.array(fc.constantFrom('a', 'b', 'c'), { maxLength: 20 }), async (s, keys) => {
    const lanes = createLanes({ atOnce: 2, perKey: 4, total: 8 })
    const taken: [string, number][] = []
    const done: [string, number][] = []
    let running = 0
    keys.forEach((key, index) => {
      const ok = lanes.run(key, async () => {
        running += 1
        expect(running).toBeLessThanOrEqual(2)
        await s.schedule(Promise.resolve())
        running -= 1
        done.push([key, index])
      })
      if (ok) taken.push([key, index])
    })
    await s.waitIdle()
    await lanes.idle()
    for (const key of ['a', 'b', 'c']) expect(done.filter(([k]) => k === key)).toEqual(taken.filter(([k]) => k === key))
  }), { numRuns: 50 })
})

test('a flood of one key is refused, other keys go on', async () => {
  const lanes = createLanes({ atOnce: 1, perKey: 2, total: 3 })
  let release = (): void => undefined
  const gate = new Promise<void>((resolve) => { release = resolve })
  expect([lanes.run('a', () => gate), lanes.run('a', () => gate), lanes.run('a', () => gate), lanes.run('b', () => gate), lanes.run('c', () => gate)]).toEqual([true, true, false, true, false])
  release()
  await lanes.idle()
  expect(lanes.run('a', () => Promise.resolve())).toBe(true)
})
