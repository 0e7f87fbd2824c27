import type { TSchema, Static } from 'typebox'
import { Compile } from 'typebox/compile'
import { AgentEvent, EventBatch } from '../../protocol/wire/events.ts'
import { Heartbeat } from '../../protocol/wire/heartbeat.ts'
import { LogBatch } from '../../protocol/wire/logs.ts'

export type Checked<T> = { ok: true; value: T } | { ok: false; error: string }

/** Compiled once; what fails comes back as one sentence that names the field. */
export function checker<S extends TSchema>(schema: S): (value: unknown) => Checked<Static<S>> {
  const validator = Compile(schema)
  return (value) => {
    if (validator.Check(value)) return { ok: true, value: value as Static<S> }
    const first = validator.Errors(value)[0]
    return { ok: false, error: `${first?.instancePath || 'message'} ${first?.message ?? 'is malformed'}`.slice(0, 500) }
  }
}

export const checkHeartbeat = checker(Heartbeat)
export const checkEventBatch = checker(EventBatch)
export const checkEvent = checker(AgentEvent)
export const checkLogBatch = checker(LogBatch)

/** Bytes of a message to a value; never throws. */
export function parseMessage(data: Uint8Array, maxBytes: number): Checked<unknown> {
  if (data.length > maxBytes) return { ok: false, error: `message has ${data.length} bytes, at most ${maxBytes} are taken` }
  try {
    return { ok: true, value: JSON.parse(Buffer.from(data.buffer, data.byteOffset, data.byteLength).toString('utf8')) }
  } catch {
    return { ok: false, error: 'message is not JSON' }
  }
}
