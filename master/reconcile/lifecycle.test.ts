import { describe, expect, test } from 'vitest'
import { decideTrial, DRAINING_MS_MAX } from './lifecycle.ts'
import { experimentEnd, FREE_RUNS_MAX } from './next-step.ts'
import type { LifecycleDecision, LiveFacts, TrialFacts } from './world.ts'

const live = (over: Partial<LiveFacts> = {}): LiveFacts => ({
  id: 'trial-1.1', state: 'RUNNING', want: 'run', wantAt: null, disabledAgent: null, noticedAgent: null, drained: false, lost: false, adopted: false, openCheckpoints: 0, lostCheckpoints: 0, exitKind: null, exitText: '', endedAt: null, ...over,
})
const facts = (over: Partial<TrialFacts> = {}): TrialFacts => ({
  trialId: 1, taskId: 'trial-1', experimentId: 7, experimentState: 'ACTIVE', experimentReason: 'canceled by ann', trialState: 'ACTIVE',
  restarts: 0, maxRestarts: 2, preemptMs: 60_000, freeRuns: 0, stop: null, earlyExit: null, live: null, ...over,
})
const ended = (over: Partial<LiveFacts>): LiveFacts => live({ state: 'DRAINING', drained: true, endedAt: 0, ...over })

describe('decideTrial', () => {
  test.each<[string, TrialFacts, Partial<LifecycleDecision> | null]>([
    ['active without allocation', facts(), { kind: 'allocate' }],
    ['paused without allocation', facts({ experimentState: 'PAUSED' }), null],
    ['canceled without allocation', facts({ experimentState: 'STOPPING_CANCELED' }), { kind: 'end', state: 'CANCELED', reason: 'canceled by ann' }],
    ['stopped by its search while it runs: asked to save', facts({ stop: { by: 'search', reason: 'rung 1' }, live: live() }), { kind: 'want', to: 'preempt', reason: 'rung 1' }],
    ['stopped by its search before it was assigned', facts({ stop: { by: 'search', reason: 'rung 1' }, live: live({ state: 'PENDING' }) }), { kind: 'seal', reason: 'rung 1', next: { kind: 'end', restarts: 0, state: 'COMPLETED', reason: 'rung 1' } }],
    ['stopped by its search: saved, it does not go again', facts({ stop: { by: 'search', reason: 'rung 1' }, live: ended({ exitKind: 'preempted', want: 'preempt' }) }), { kind: 'seal', next: { kind: 'end', restarts: 0, state: 'COMPLETED', reason: 'rung 1' } }],
    ['stopped by its search and failing on the way out: it had done all it was asked for', facts({ stop: { by: 'search', reason: 'rung 1' }, live: ended({ exitKind: 'user-error' }) }), { kind: 'seal', next: { kind: 'end', restarts: 0, state: 'COMPLETED', reason: 'rung 1' } }],
    ['stopped by its search while paused, nothing left', facts({ experimentState: 'PAUSED', stop: { by: 'search', reason: 'rung 1' } }), { kind: 'end', state: 'COMPLETED' }],
    ['killed alone', facts({ stop: { by: 'kill', reason: 'killed by bob' }, live: live() }), { kind: 'want', to: 'kill', reason: 'killed by bob' }],
    ['killed alone and gone', facts({ stop: { by: 'kill', reason: 'killed by bob' }, live: ended({ exitKind: 'stopped' }) }), { kind: 'seal', next: { kind: 'end', restarts: 0, state: 'CANCELED', reason: 'killed by bob' } }],
    ['its script refused its hyperparameters: no restart', facts({ earlyExit: 'INVALID_HP', live: ended({ exitKind: 'user-error' }) }), { kind: 'seal', next: { kind: 'end', restarts: 0, state: 'ERROR', reason: 'its script refused its hyperparameters (INVALID_HP)' } }],
    ['an ended trial', facts({ trialState: 'COMPLETED', experimentState: 'STOPPING_CANCELED' }), null],
    ['waits for the scheduler', facts({ live: live({ state: 'PENDING' }) }), null],
    ['runs', facts({ live: live() }), null],
    ['paused while it runs', facts({ experimentState: 'PAUSED', live: live() }), { kind: 'want', from: 'run', to: 'preempt' }],
    ['killed while it saves', facts({ experimentState: 'STOPPING_KILLED', live: live({ want: 'preempt', wantAt: 0 }) }), { kind: 'want', from: 'preempt', to: 'kill' }],
    ['killed twice', facts({ experimentState: 'STOPPING_KILLED', live: live({ want: 'kill' }) }), null],
    ['its agent was disabled', facts({ live: live({ disabledAgent: 'a' }) }), { kind: 'want', to: 'kill', reason: 'agent a was disabled' }],
    ['activated again while it saves: a wish never goes back', facts({ live: live({ want: 'preempt', wantAt: 5_000_000 }) }), null],
    ['waits for its agent to drain', facts({ live: ended({ drained: false, exitKind: 'completed' }) }), null],
    ['waits for a checkpoint', facts({ live: ended({ openCheckpoints: 1, exitKind: 'completed' }) }), null],
  ])('%s', (_name, given, expected) => {
    const decision = decideTrial(given, 1)
    if (expected === null) expect(decision).toBeNull()
    else expect(decision).toMatchObject(expected)
  })

  test('a paused allocation that still waits is sealed at once and the trial rests', () => {
    expect(decideTrial(facts({ experimentState: 'PAUSED', live: live({ state: 'PENDING' }) }), 0)).toMatchObject({ kind: 'seal', next: { kind: 'rest', restarts: 0 } })
  })

  test('one that does not save in time is stopped', () => {
    const given = facts({ experimentState: 'PAUSED', live: live({ want: 'preempt', wantAt: 1_000 }) })
    expect(decideTrial(given, 60_999)).toBeNull()
    expect(decideTrial(given, 61_000)).toMatchObject({ kind: 'want', from: 'preempt', to: 'stop', reason: 'it did not save and stop within 60 s' })
  })

  test('the seal waits for a checkpoint no longer than the deadline', () => {
    const given = facts({ live: ended({ drained: false, openCheckpoints: 2, exitKind: 'completed' }) })
    expect(decideTrial(given, DRAINING_MS_MAX - 1)).toBeNull()
    expect(decideTrial(given, DRAINING_MS_MAX)).toMatchObject({ kind: 'seal', abandon: true, next: { kind: 'end', state: 'COMPLETED' } })
  })
})

describe('a gang', () => {
  const text = 'rank 1 on agent b: exit code 3'
  test.each<[string, Partial<LiveFacts>, Partial<LifecycleDecision> | null]>([
    ['one has failed: the others are killed, and the reason says who', { exitKind: 'user-error', exitText: text }, { kind: 'want', from: 'run', to: 'kill', reason: `a gang ends together: ${text}` }],
    ['one is lost', { exitKind: 'lost', exitText: 'rank 1: agent b was lost', lost: true }, { kind: 'want', to: 'kill', reason: 'a gang ends together: rank 1: agent b was lost' }],
    ['killed already', { exitKind: 'user-error', want: 'kill' }, null],
    ['one has completed: it waits for the others', { exitKind: 'completed' }, null],
    ['one has saved as asked: the others have their time', { exitKind: 'preempted', want: 'preempt', wantAt: 0 }, null],
    ['one wants to be requeued unasked', { exitKind: 'preempted', exitText: 'rank 0 on agent a: exit code 75' }, { kind: 'want', to: 'stop' }],
    ['stopped already', { exitKind: 'preempted', want: 'stop' }, null],
    ['one fails while the others save', { exitKind: 'oom', want: 'preempt', wantAt: 0 }, { kind: 'want', from: 'preempt', to: 'kill' }],
  ])('%s', (_name, given, expected) => {
    const decision = decideTrial(facts({ live: live(given) }), 1)
    if (expected === null) expect(decision).toBeNull()
    else expect(decision).toMatchObject(expected)
  })

  test('it is one restart, and a requeue free of charge that others were killed for is counted as unasked', () => {
    expect(decideTrial(facts({ live: ended({ want: 'kill', exitKind: 'user-error', exitText: text }) }), 0)).toMatchObject({ next: { kind: 'allocate', restarts: 1 } })
    expect(decideTrial(facts({ live: ended({ want: 'kill', exitKind: 'lost', lost: true, adopted: true }) }), 0)).toMatchObject({ next: { kind: 'allocate', restarts: 0 } })
    expect(decideTrial(facts({ freeRuns: FREE_RUNS_MAX - 1, live: ended({ want: 'kill', exitKind: 'lost', lost: true, adopted: true }) }), 0)).toMatchObject({ next: { kind: 'end', state: 'ERROR' } })
    expect(decideTrial(facts({ freeRuns: FREE_RUNS_MAX - 1, live: ended({ want: 'stop', exitKind: 'preempted' }) }), 0)).toMatchObject({ next: { kind: 'end', state: 'ERROR' } })
  })
})

describe('EC2 takes an instance, or took it', () => {
  test('a spot notice: save and stop, then kill only if it must', () => {
    expect(decideTrial(facts({ live: live({ noticedAgent: 'i-1' }) }), 1)).toMatchObject({ kind: 'want', from: 'run', to: 'preempt', reason: 'EC2 will take the instance of agent i-1: save and stop, it goes again free of charge' })
    expect(decideTrial(facts({ live: live({ noticedAgent: 'i-1', want: 'preempt', wantAt: 0 }) }), 1)).toBeNull()
    expect(decideTrial(facts({ live: live({ noticedAgent: 'i-1', want: 'preempt', wantAt: 0 }) }), 60_000)).toMatchObject({ kind: 'want', to: 'stop' })
  })

  test('the seal waits until the bucket is looked through, and gives up what will never arrive', () => {
    const lost = ended({ lost: true, exitKind: 'lost', lostCheckpoints: 1 })
    expect(decideTrial(facts({ live: lost }), 1)).toBeNull()
    expect(decideTrial(facts({ live: { ...lost, adopted: true, openCheckpoints: 1 } }), 1)).toBeNull()
    expect(decideTrial(facts({ live: { ...lost, adopted: true } }), 1)).toMatchObject({ kind: 'seal', abandon: true, reason: 'an agent was lost, and what it left in the bucket is looked through', next: { kind: 'allocate', restarts: 0 } })
    expect(decideTrial(facts({ live: { ...lost, adopted: true, lostCheckpoints: 0 } }), 1)).toMatchObject({ kind: 'seal', abandon: false })
    expect(decideTrial(facts({ live: lost }), DRAINING_MS_MAX)).toMatchObject({ kind: 'seal', abandon: true, reason: 'what the lost agent left in the bucket could not be looked through within 60 minutes' })
  })

  test('a run that had ended well goes again only where a declared checkpoint went with the host', () => {
    const done = ended({ lost: true, adopted: true, exitKind: 'completed' })
    expect(decideTrial(facts({ live: done }), 1)).toMatchObject({ kind: 'seal', next: { kind: 'end', state: 'COMPLETED' } })
    expect(decideTrial(facts({ live: { ...done, lostCheckpoints: 2 } }), 1)).toMatchObject({ kind: 'seal', abandon: true, next: { kind: 'allocate', restarts: 0, reason: 'it had ended well, but its agent was lost before 2 declared checkpoints arrived; goes again free of charge' } })
  })
})

describe('what follows the seal', () => {
  test.each<[string, Partial<TrialFacts>, Partial<LiveFacts>, object]>([
    ['exit 0', {}, { exitKind: 'completed' }, { kind: 'end', state: 'COMPLETED' }],
    ['exit 0 before the cancel arrived', { experimentState: 'STOPPING_CANCELED' }, { exitKind: 'completed' }, { kind: 'end', state: 'COMPLETED' }],
    ['preempted', {}, { exitKind: 'preempted' }, { kind: 'allocate', restarts: 0 }],
    ['preempted by a pause', { experimentState: 'PAUSED' }, { exitKind: 'preempted', want: 'preempt' }, { kind: 'rest', restarts: 0 }],
    ['preempted by a cancel', { experimentState: 'STOPPING_CANCELED' }, { exitKind: 'preempted', want: 'preempt' }, { kind: 'end', state: 'CANCELED' }],
    ['killed', { experimentState: 'STOPPING_KILLED' }, { exitKind: 'stopped', want: 'kill' }, { kind: 'end', state: 'CANCELED' }],
    ['exit 3', {}, { exitKind: 'user-error', exitText: 'exit code 3' }, { kind: 'allocate', restarts: 1, reason: 'exit code 3; restart 1 of 2' }],
    ['exit 3 for the last time', { restarts: 2 }, { exitKind: 'user-error', exitText: 'exit code 3' }, { kind: 'end', state: 'ERROR', restarts: 2, reason: 'exit code 3 (max_restarts 2 reached)' }],
    ['exit 3 while paused', { experimentState: 'PAUSED' }, { exitKind: 'user-error' }, { kind: 'rest', restarts: 1 }],
    ['unknown image', {}, { exitKind: 'image', exitText: 'no such image' }, { kind: 'end', state: 'ERROR', reason: 'no such image' }],
    ['host lost', {}, { exitKind: 'lost' }, { kind: 'allocate', restarts: 0 }],
    ['no exit was ever reported', {}, { exitKind: null }, { kind: 'allocate', restarts: 0 }],
    ['for ever free of charge', { freeRuns: FREE_RUNS_MAX - 1 }, { exitKind: 'preempted', exitText: 'exit code 75' }, { kind: 'end', state: 'ERROR' }],
    ['asked to stop is never counted', { freeRuns: FREE_RUNS_MAX - 1 }, { exitKind: 'stopped', want: 'kill' }, { kind: 'allocate' }],
  ])('%s', (_name, given, exit, next) => {
    expect(decideTrial(facts({ ...given, live: ended(exit) }), 0)).toMatchObject({ kind: 'seal', abandon: false, next })
  })
})

describe('experimentEnd', () => {
  test.each([
    ['ACTIVE', ['COMPLETED'], 'COMPLETED'], ['ACTIVE', ['ERROR', 'COMPLETED'], 'ERROR'], ['ACTIVE', ['COMPLETED', 'ACTIVE'], null],
    ['PAUSED', ['COMPLETED'], 'COMPLETED'], ['STOPPING_CANCELED', ['COMPLETED'], 'CANCELED'], ['STOPPING_KILLED', ['ERROR'], 'CANCELED'],
    ['STOPPING_ERROR', ['COMPLETED'], 'ERROR'], ['COMPLETED', ['COMPLETED'], null], ['ACTIVE', ['CANCELED'], 'CANCELED'],
  ] as const)('%s with %j -> %s', (state, trials, end) => {
    expect(experimentEnd(state, trials)).toBe(end)
  })
})
