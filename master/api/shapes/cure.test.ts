import { describe, expect, test } from 'vitest'
import { alarmCure, poolCure, splitNote, type PoolStanding } from './cure.ts'

const pool = (over: Partial<PoolStanding> = {}): PoolStanding => ({ name: 'gpu', paused: null, managed: true, note: '1 allocation waits, 1 slot in all', refused: [], starting: 0, agents: 0, waiting: 1, ...over })
const capacity = { kind: 'capacity' as const, code: 'InsufficientInstanceCapacity' }
const quota = { kind: 'quota' as const, code: 'VcpuLimitExceeded' }

describe('what a person can do about a pool', () => {
  test.each<[string, PoolStanding, string]>([
    ['paused: what comes first', pool({ paused: 'three boots', refused: [quota], waiting: 0 }), 'drover pool resume gpu'],
    ['what the loop says itself', pool({ note: '1 allocation waits. Cure: ask AWS for more', waiting: 0 }), 'ask AWS for more'],
    ['a quota before capacity', pool({ refused: [capacity, quota] }), 'vCPUs'],
    ['nobody joined', pool({ managed: false }), 'DROVER_POOL=gpu'],
  ])('%s', (_, standing, words) => expect(poolCure(standing)).toContain(words))
  test.each<[string, PoolStanding]>([
    ['nothing waits', pool({ waiting: 0, refused: [quota] })], ['one starts', pool({ starting: 1, refused: [capacity] })], ['agents are busy', pool({ managed: false, agents: 2 })], ['EC2 refused nothing', pool()],
  ])('%s: nothing', (_, standing) => expect(poolCure(standing)).toBe(''))
})

test('the sentence and its cure are told apart', () => {
  expect(splitNote('a; b. Cure: c. d')).toEqual({ note: 'a; b', cure: 'c. d' })
  expect(splitNote('a')).toEqual({ note: 'a', cure: '' })
})

test('an alarm that says what to do itself needs no more', () => {
  expect(alarmCure('terminate-failing:us-east-1')).toBe('')
  expect(alarmCure('pool-paused:gpu')).toContain('drover pool resume gpu')
})
