import type { NewAgentEvent } from '../../protocol/wire/events.ts'
import { withoutNul } from './lenient-json.ts'

/** A line of the agent's own for the task log. Held to what the wire allows. */
export function note(alloc: string, level: 'INFO' | 'WARNING' | 'ERROR', text: string, t: number): NewAgentEvent {
  return { kind: 'note', alloc, t, level, text: bounded(text, 8_192) }
}

/** Free of NUL and at most `max` characters. */
export function bounded(text: string, max: number): string {
  return withoutNul(text).slice(0, max).toWellFormed()
}
