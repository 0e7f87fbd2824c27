import type { ExitKind } from '../../protocol/words/failures.ts'
import { holdsSlots, WANTS, type AllocationState, type Want } from '../../protocol/words/states.ts'
import { DRAINING_MS_MAX } from './lifecycle.ts'

/** A command that has not ended, with its one allocation. Times in milliseconds of the database's clock. */
export interface CommandFacts {
  taskId: string
  /** empty: nobody asked for its end */
  killedBy: string
  allocation: string
  state: AllocationState
  want: Want
  /** all members say that their logs are through, or are lost */
  drained: boolean
  /** an agent of it that a person disabled without letting it drain */
  disabledAgent: string | null
  exitKind: ExitKind | null
  exitText: string
  endedAt: number | null
}

export type CommandDecision =
  | { kind: 'want'; taskId: string; allocation: string; from: Want; to: Want; reason: string }
  /** sealed, and the command has ended; `endReason` empty: well */
  | { kind: 'end'; taskId: string; allocation: string; reason: string; endReason: string }

/** The next step of one command, or null at rest. It runs once: whatever ends it, it does not go again. */
export function decideCommand(facts: CommandFacts, now: number): CommandDecision | null {
  const { taskId, allocation, state } = facts
  if (state === 'PENDING') return facts.killedBy === '' ? null : { kind: 'end', taskId, allocation, reason: 'it never ran', endReason: `killed by ${facts.killedBy}` }
  if (state === 'SEALED') return { kind: 'end', taskId, allocation, reason: 'it is sealed', endReason: endOf(facts) }
  if (state === 'DRAINING') {
    const late = facts.endedAt !== null && now - facts.endedAt >= DRAINING_MS_MAX
    if (!facts.drained && !late) return null
    return { kind: 'end', taskId, allocation, reason: late && !facts.drained ? 'the agent did not finish in time after the container\'s end' : 'its logs are through', endReason: endOf(facts) }
  }
  const asked = facts.killedBy !== '' ? `killed by ${facts.killedBy}` : facts.disabledAgent === null ? null : `agent ${facts.disabledAgent} was disabled`
  if (asked === null || !holdsSlots(state) || WANTS.indexOf('kill') <= WANTS.indexOf(facts.want)) return null
  return { kind: 'want', taskId, allocation, from: facts.want, to: 'kill', reason: asked }
}

function endOf({ killedBy, exitKind, exitText }: CommandFacts): string {
  if (exitKind === 'completed') return ''
  if (killedBy !== '') return `killed by ${killedBy}`
  return exitText || (exitKind ?? 'it ended without a word')
}
