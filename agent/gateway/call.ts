import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Clock } from '../../protocol/kit/clock.ts'
import type { AllocationSpec } from '../../protocol/wire/spec.ts'
import type { NewAgentEvent } from '../../protocol/wire/events.ts'
import type { Journal, JournalTransaction } from '../journal/door.ts'
import { HttpError } from './answer.ts'
import { parseLenientJson, isRecord } from './lenient-json.ts'
import type { Preemption } from './preemption.ts'
import type { Proxy } from './proxy.ts'

export const SMALL_BYTES_MAX = 64 * 1024

export interface RouteOptions {
  spec: AllocationSpec
  journal: Journal
  preemption: Preemption
  proxy: Proxy
  clock: Clock
  /** the storage directory on the host, where reported checkpoints lie */
  storage: string
  /** a checkpoint was reported: its row is in the journal */
  onReported: () => void
  /** ends waiting polls when the gateway closes */
  signal: AbortSignal
}

/** `false`: not answered here, the master is asked. */
export type Handler = (options: RouteOptions, call: Call) => Promise<false | void> | false | void
export interface Call {
  request: IncomingMessage
  response: ServerResponse
  query: URLSearchParams
  /** ids in the path, decoded */
  ids: readonly string[]
}

/** Answered only after the commit. A full disk is told as a passing fault: the harness tries again. */
export function commit(options: RouteOptions, ...events: readonly NewAgentEvent[]): void {
  commitAll(options, (tx) => events.forEach((event) => tx.append(event)))
}

export function commitAll(options: RouteOptions, body: (tx: JournalTransaction) => void): void {
  try {
    options.journal.transaction(body)
  } catch (cause) {
    if (cause instanceof RangeError) throw new HttpError(413, `it is too large for one report: ${cause.message}`, { cause })
    throw new HttpError(503, 'the agent cannot write its journal now; try again', { retryAfterSeconds: 5, cause })
  }
}

export function requireTrial(options: RouteOptions, call: Call): void {
  const [id = ''] = call.ids
  if (id !== String(options.spec.trialId)) throw new HttpError(404, `trial ${id.slice(0, 40)} is not this container's; it runs trial ${options.spec.trialId}`)
}

export function requireAllocation(options: RouteOptions, call: Call): void {
  const [id = ''] = call.ids
  if (id !== options.spec.alloc) throw new HttpError(404, `allocation ${id.slice(0, 80)} is not this container's; it is ${options.spec.alloc}`)
}

export function parseBody(text: string): unknown {
  try {
    return parseLenientJson(text)
  } catch (cause) {
    throw new HttpError(400, `the body is not JSON: ${cause instanceof Error ? cause.message.slice(0, 200) : 'unreadable'}`, { cause })
  }
}

/** The body as an object; an empty one counts as `{}`. */
export function objectOf(text: string): Record<string, unknown> {
  return text.trim() === '' ? {} : record(parseBody(text), 'the body')
}

export function record(value: unknown, name: string): Record<string, unknown> {
  if (!isRecord(value)) throw new HttpError(400, `${name} must be a JSON object, not ${shown(value)}`)
  return value
}

export function shown(value: unknown): string {
  return value === undefined ? 'missing' : JSON.stringify(value).slice(0, 80)
}

/** An id of the body, where it is given, is this container's. */
export function requireKnown(name: string, value: unknown, own: string): void {
  if (value !== undefined && value !== null && value !== own) throw new HttpError(400, `${name} is ${shown(value)}, this container's is ${own}`)
}
