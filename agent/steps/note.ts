import { plainText } from '../plan/plain-text.ts'
import type { StepContext } from './context.ts'

/** A line of the agent's own in the task log. */
export function note(context: StepContext, alloc: string, level: 'INFO' | 'WARNING' | 'ERROR', text: string): void {
  context.journal.outbox.append({ kind: 'note', alloc, t: context.clock.wallMs(), level, text: plainText(text, 8192) })
}
