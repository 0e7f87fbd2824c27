import { backoffMs } from '../../../protocol/kit/backoff.ts'
import { realClock } from '../../../protocol/kit/clock.ts'
import type { ApiWhyInstance } from '../../../protocol/wire/api.ts'
import type { LiveEvent } from '../../../protocol/wire/live.ts'
import { isUnreachable } from '../fail.ts'
import { whenText } from '../format.ts'
import type { Invocation } from '../invocation.ts'
import type { Why } from '../shapes.ts'
import { whyInstanceLines, whyLines } from '../why-lines.ts'
import { instanceIdOf } from './show-instances.ts'

export async function whyExperiment(invocation: Invocation, id: number): Promise<void> {
  const client = await invocation.client()
  const answer = await client.get<Why>(`/api/v1/drover/why/experiments/${id}`)
  if (invocation.terminal.json) return invocation.terminal.data(answer)
  for (const line of whyLines(answer)) invocation.terminal.line(line)
}

export async function whyInstance(invocation: Invocation, id: string): Promise<void> {
  const client = await invocation.client()
  const answer = await client.get<ApiWhyInstance>(`/api/v1/drover/why/instances/${instanceIdOf(id)}`)
  if (invocation.terminal.json) return invocation.terminal.data(answer)
  for (const line of whyInstanceLines(answer)) invocation.terminal.line(line)
}

export interface EventOptions {
  experimentId: number | undefined
  instanceId: string | undefined
  pool: string | undefined
  kind: string | undefined
  after: number
  follow: boolean
}

const POLL_MS = 1_000

/** Pages by the event id until there are no more; followed, it asks on and survives a lost master. */
export async function listEvents(invocation: Invocation, options: EventOptions): Promise<void> {
  const { terminal, signal } = invocation
  const { experimentId, instanceId, pool, kind } = options
  const client = await invocation.client()
  let { after } = options
  let failures = 0
  while (!signal.aborted) {
    try {
      const { events = [], cursor = after } = await client.get<{ events?: LiveEvent[]; cursor?: number }>('/api/v1/drover/events', { experimentId, instanceId, pool, kind, after })
      failures = 0
      const fresh = events.filter(({ id }) => id > after)
      for (const event of fresh) print(invocation, event)
      after = fresh.reduce((last, { id }) => Math.max(last, id), Math.max(after, cursor))
      if (fresh.length > 0) continue
    } catch (error) {
      if (!options.follow || !isUnreachable(error)) throw error
      failures += 1
      if (failures === 1) terminal.note('the master is lost; trying again')
    }
    if (!options.follow) return
    await realClock.sleep(failures === 0 ? POLL_MS : backoffMs(failures, Math.random, { baseMs: 500, capMs: 5_000, floorMs: 200 }), signal)
  }
}

function print({ terminal }: Invocation, event: LiveEvent): void {
  if (terminal.json) return terminal.data(event, true)
  const about = [
    event.experimentId === null ? '' : `experiment ${event.experimentId}`,
    event.trialId === null ? '' : `trial ${event.trialId}`,
    event.pool ? `pool ${event.pool}` : '',
    event.instanceId ? `instance ${event.instanceId}` : event.agentId === null ? '' : `agent ${event.agentId}`,
  ].filter((part) => part !== '')
  terminal.line(`${event.id}  ${whenText(event.time)}  ${event.kind}  ${about.join(' ')}${about.length > 0 ? '  ' : ''}${event.text}`)
}
