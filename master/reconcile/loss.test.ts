import { describe, expect, test } from 'vitest'
import { decideLoss } from './loss.ts'
import type { LossAgent, LossDecision, LossWorld } from './loss-world.ts'

const NOW = 10_000_000
const agent = (id: string, silentSeconds: number | null, over: Partial<LossAgent> = {}): LossAgent => ({ id, silentMs: silentSeconds === null ? null : silentSeconds * 1000, lostAt: null, live: [], instance: null, ...over })
const running = { state: 'READY', reason: '', ec2Running: true } as const
const gone = { state: 'GONE', reason: 'Server.SpotInstanceTermination', ec2Running: false } as const
const world = (agents: LossAgent[], over: Partial<LossWorld> = {}): LossWorld => ({
  now: NOW, lostMs: 300_000, canaryHealthyForMs: 3_600_000, canaryLastWordMs: 0, masterUpForMs: 3_600_000, agents, brake: { on: null, off: null }, ...over,
})
const short = (decision: LossDecision): string => (decision.kind === 'brake' ? `brake ${decision.to} ${decision.agents.join(',')}`.trim() : `${decision.kind} ${decision.agent}`)
const decide = (given: LossWorld): string[] => decideLoss(given).map(short)

describe('who is lost', () => {
  test.each<[string, LossWorld, string[]]>([
    ['one that is heard', world([agent('a', 4)]), []],
    ['silent, not long enough', world([agent('a', 299.9)]), []],
    ['silent for long enough', world([agent('a', 300)]), ['lose a']],
    ['silent, but the canary was ill meanwhile', world([agent('a', 900)], { canaryHealthyForMs: 299_999 }), []],
    ['silent, but the canary\'s last word is 5 s old', world([agent('a', 304)], { canaryLastWordMs: 5_000 }), []],
    ['silent, but the master has just come up', world([agent('a', 900)], { masterUpForMs: 299_999 }), []],
    ['lost already', world([agent('a', 900, { lostAt: 1 })]), []],
    ['never heard, holds nothing', world([agent('a', null)]), []],
    ['its instance is gone: at once, though it was heard just now', world([agent('a', 1, { instance: gone, live: ['t.1'] })], { canaryHealthyForMs: 0 }), ['lose a']],
    ['lost and gone, its allocation is not sealed yet', world([agent('a', 1, { instance: gone, live: ['t.1'], lostAt: 1 })]), []],
    ['gone and holds nothing', world([agent('a', 1, { instance: gone })]), ['retire-agent a']],
    ['its instance is on its way out, as it was meant to', world([agent('a', 900, { instance: { state: 'TERMINATING', reason: '', ec2Running: false } })]), []],
    ['its instance is on its way out, and it holds something', world([agent('a', 300, { live: ['t.1'], instance: { state: 'TERMINATING', reason: '', ec2Running: false } })]), ['lose a']],
  ])('%s', (_name, given, expected) => {
    expect(decide(given)).toEqual(expected)
  })

  test('the reason says what was seen and what is allowed', () => {
    expect(decideLoss(world([agent('a', 312.7), agent('b', 3, { instance: gone, live: ['t.1'] })]))).toEqual([
      { kind: 'lose', agent: 'a', reason: 'it has been silent for 312 s, 300 s are allowed' },
      { kind: 'lose', agent: 'b', reason: 'its instance is gone, says EC2: Server.SpotInstanceTermination' },
    ])
  })
})

describe('the brake (F45)', () => {
  const three = [agent('a', 400, { instance: running }), agent('b', 380), agent('c', 341)]

  test.each<[string, LossWorld, string[]]>([
    ['three of eight within 60 s', world([...three, ...'defgh'.split('').map((id) => agent(id, 1))]), ['brake on a,b,c']],
    ['three of nine are no more than a third', world([...three, ...'defghi'.split('').map((id) => agent(id, 1))]), ['lose a', 'lose b', 'lose c']],
    ['two of two are too few', world([agent('a', 400), agent('b', 380)]), ['lose a', 'lose b']],
    ['three, but not within 60 s', world([agent('a', 402), ...three.slice(1)]), ['lose a', 'lose b', 'lose c']],
    ['it goes on long before anybody would be lost', world([agent('a', 31), agent('b', 31), agent('c', 31)]), ['brake on a,b,c']],
    ['one of them is gone by EC2: that one is lost, the others are only two', world([agent('a', 400, { instance: gone, live: ['t.1'] }), ...three.slice(1)]), ['lose a', 'lose b', 'lose c']],
    ['while it is on, one that is gone by EC2 is lost all the same', world([...three, agent('d', 400, { instance: gone, live: ['t.1'] })], { brake: { on: ['a', 'b', 'c'], off: null } }), ['lose d']],
    ['one of three is back', world([agent('a', 1), ...three.slice(1)], { brake: { on: ['a', 'b', 'c'], off: null } }), []],
    ['two of three are back: the third has its time again', world([agent('a', 1), agent('b', 1), agent('c', 900)], { brake: { on: ['a', 'b', 'c'], off: null } }), ['brake off c']],
    ['none of them is left', world([agent('d', 900)], { brake: { on: ['a', 'b', 'c'], off: null } }), ['brake off']],
    ['went off by itself a while ago', world(three, { brake: { on: null, off: { at: NOW - 299_000, byPerson: false } } }), []],
    ['went off by itself long ago', world(three, { brake: { on: null, off: { at: NOW - 300_000, byPerson: false } } }), ['lose a', 'lose b', 'lose c']],
    ['released by a person: at once, and the same silence does not bring it back', world(three, { brake: { on: null, off: { at: NOW - 1000, byPerson: true } } }), ['lose a', 'lose b', 'lose c']],
    ['others fall silent after the release', world([...three, agent('x', 40), agent('y', 40), agent('z', 40)], { brake: { on: null, off: { at: NOW - 100_000, byPerson: true } } }), ['brake on x,y,z']],
    ['nobody is silent since before the release', world([agent('a', 1), agent('b', 40)], { brake: { on: null, off: { at: NOW - 100_000, byPerson: true } } }), ['brake over']],
    ['the master has only just begun to listen', world(three, { canaryHealthyForMs: 29_000 }), []],
  ])('%s', (_name, given, expected) => {
    expect(decide(given)).toEqual(expected)
  })
})
