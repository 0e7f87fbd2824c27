import { expect, test } from 'vitest'
import { decideCommand, type CommandFacts } from './command.ts'
import { DRAINING_MS_MAX } from './lifecycle.ts'

const facts = (over: Partial<CommandFacts>): CommandFacts => ({
  taskId: 'command-a', killedBy: '', allocation: 'command-a.1', state: 'RUNNING', want: 'run', drained: false, disabledAgent: null, exitKind: null, exitText: '', endedAt: null, ...over,
})

test('what runs or waits unasked is left alone', () => {
  for (const state of ['PENDING', 'ASSIGNED', 'PULLING', 'RUNNING'] as const) expect(decideCommand(facts({ state }), 0)).toBeNull()
})

test('a killed one that waits ends at once; one that runs is killed, and asked once', () => {
  expect(decideCommand(facts({ state: 'PENDING', killedBy: 'bob' }), 0)).toMatchObject({ kind: 'end', endReason: 'killed by bob' })
  expect(decideCommand(facts({ killedBy: 'bob' }), 0)).toMatchObject({ kind: 'want', from: 'run', to: 'kill', reason: 'killed by bob' })
  expect(decideCommand(facts({ killedBy: 'bob', want: 'kill' }), 0)).toBeNull()
})

test('an agent that is disabled without a drain ends it', () => {
  expect(decideCommand(facts({ disabledAgent: 'a1' }), 0)).toMatchObject({ kind: 'want', to: 'kill', reason: 'agent a1 was disabled' })
})

test('after the container is gone its logs are waited for, but not for ever; then it says how it ended', () => {
  const over = { state: 'DRAINING', exitKind: 'user-error', exitText: 'exit 3', endedAt: 1_000 } as const
  expect(decideCommand(facts(over), 2_000)).toBeNull()
  expect(decideCommand(facts({ ...over, drained: true }), 2_000)).toMatchObject({ kind: 'end', endReason: 'exit 3' })
  expect(decideCommand(facts(over), 1_000 + DRAINING_MS_MAX)).toMatchObject({ kind: 'end', endReason: 'exit 3' })
  expect(decideCommand(facts({ ...over, exitKind: 'completed', drained: true }), 2_000)).toMatchObject({ kind: 'end', endReason: '' })
})
