import { Check } from 'typebox/value'
import { expect, test } from 'vitest'
import { Held } from '../../protocol/wire/heartbeat.ts'
import { heldOf } from './held.ts'
import { aContainer, aRow } from './world.fixture.ts'

test('journal first, then what only Docker knows; sorted; labels that are no allocation are left out', () => {
  const held = heldOf(
    [aRow({ alloc: 'trial-2.1', phase: 'started', containerId: 'c2' }), aRow({ phase: 'drained' })],
    [aContainer('exited', 'trial-2.1'), aContainer('running', 'trial-0.4'), aContainer('running', 'nonsense')],
  )
  expect(held).toEqual([{ alloc: 'trial-0.4', state: 'RUNNING', containerId: 'id-trial-0.4' }, { alloc: 'trial-1.1', state: 'DRAINING' }, { alloc: 'trial-2.1', state: 'RUNNING', containerId: 'c2' }])
  for (const item of held) expect(Check(Held, item)).toBe(true)
})
