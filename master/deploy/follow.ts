import { setTimeout as sleep } from 'node:timers/promises'
import type { Stacks } from './aws/door.ts'
import { endingOf, failuresOf, type Ending, type Failure } from './reasons.ts'

const POLL_MS = 2_000

export interface Followed {
  ending: Exclude<Ending, 'running'>
  status: string
  failures: Failure[]
}

/** Tells each event of the stack once, until its status is its last word. */
export async function followStack(stacks: Stacks, name: string, since: Date, { say, signal }: { say: (text: string) => void; signal: AbortSignal }): Promise<Followed> {
  const told = new Set<string>()
  const kept = []
  for (;;) {
    // asked before the events: what comes between is told in the next round
    const state = await stacks.find(name)
    const ending = endingOf(state?.status ?? null)
    const events = state === null ? [] : await stacks.events(name, since)
    for (const event of events.filter((one) => !told.has(one.id))) {
      told.add(event.id)
      kept.push(event)
      say(`${event.at.toISOString().slice(11, 19)}  ${event.status.toLowerCase().replaceAll('_', ' ')}  ${event.resource}${event.reason === '' ? '' : `: ${event.reason}`}`)
    }
    if (ending !== 'running') return { ending, status: state?.status ?? 'gone', failures: failuresOf(kept) }
    await sleep(POLL_MS, undefined, { signal })
  }
}
