import type { ExitKind } from '../../protocol/words/failures.ts'

/** How a member of an allocation ended. */
export interface MemberEnd {
  kind: ExitKind
  /** Unix milliseconds by its host's clock */
  at: number
}

/** The host's doing. What the others see of it is a connection that breaks. */
const HOSTS_DOING: ReadonlySet<ExitKind> = new Set(['vanished', 'agent-error', 'lost'])

/**
 * A gang ends together, and its members are heard in any order: is `next` rather the cause than what is known? A failure
 * before an end that was well; the host's doing before a script's error, which follows from it; else the earlier one.
 */
export function isRatherCause(next: MemberEnd, known: MemberEnd | null): boolean {
  if (known === null) return true
  if (next.kind === 'completed' || known.kind === 'completed') return next.kind !== 'completed'
  // stopped by order, which had its cause
  if (next.kind === 'stopped') return false
  if (known.kind === 'user-error' && HOSTS_DOING.has(next.kind)) return true
  if (next.kind === 'user-error' && HOSTS_DOING.has(known.kind)) return false
  return next.at < known.at
}
