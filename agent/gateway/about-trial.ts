import { randomUUID } from 'node:crypto'
import type { NewAgentEvent } from '../../protocol/wire/events.ts'
import { HttpError, answerJson, readBody } from './answer.ts'
import { SMALL_BYTES_MAX, commit, objectOf, requireTrial, shown, type Call, type RouteOptions } from './call.ts'
import { isRecord } from './lenient-json.ts'
import { bounded, note } from './note.ts'
import { METRICS_BYTES_MAX, readMetricsBody, readProgressBody } from './report-body.ts'

/** Larger reports go in parts. */
const ENTRY_BYTES_MAX = 512 * 1024
/** UTF-16 units of one part: at most three bytes each, as JSON in JSON some more. */
const PART_LENGTH = 200_000
/** Both mean that other hyperparameters are needed; the search acts on them. A stop of the user's own needs no more than the exit. */
const EARLY_EXITS = ['INVALID_HP', 'INIT_INVALID_HP'] as const
const USER_STOP = 'EXITED_REASON_USER_REQUESTED_STOP'
const LOGS_BYTES_MAX = 4 * 1024 * 1024
const LOG_LEVELS: Readonly<Record<string, 'WARNING' | 'ERROR'>> = { LOG_LEVEL_WARNING: 'WARNING', LOG_LEVEL_ERROR: 'ERROR', LOG_LEVEL_CRITICAL: 'ERROR' }

export async function metrics(options: RouteOptions, call: Call): Promise<void> {
  requireTrial(options, call)
  const now = options.clock.wallMs()
  const { t = now, ...report } = readMetricsBody(await readBody(call.request, METRICS_BYTES_MAX), options.spec.trialId)
  const { alloc } = options.spec
  const whole = JSON.stringify({ ...report, t })
  if (Buffer.byteLength(whole) <= ENTRY_BYTES_MAX) commit(options, { kind: 'metrics', alloc, t: now, reports: [{ ...report, t }] })
  else commit(options, ...inParts(whole, alloc, now))
  answerJson(call.response, 200, {})
}

function inParts(whole: string, alloc: string, t: number): NewAgentEvent[] {
  const report = randomUUID()
  const texts: string[] = []
  for (let at = 0; at < whole.length; ) {
    // never between the halves of a surrogate pair
    const end = at + PART_LENGTH
    const cut = end < whole.length && /[\uD800-\uDBFF]/.test(whole[end - 1] ?? '') ? end - 1 : end
    texts.push(whole.slice(at, cut))
    at = cut
  }
  return texts.map((text, part) => ({ kind: 'metrics-part', alloc, t, report, part, of: texts.length, text }))
}

export async function progress(options: RouteOptions, call: Call): Promise<void> {
  requireTrial(options, call)
  const share = readProgressBody(await readBody(call.request, SMALL_BYTES_MAX))
  commit(options, { kind: 'progress', alloc: options.spec.alloc, t: options.clock.wallMs(), progress: share })
  answerJson(call.response, 200, {})
}

/** A word for people on what the run is doing. */
export async function status(options: RouteOptions, call: Call): Promise<void> {
  requireTrial(options, call)
  const { state } = objectOf(await readBody(call.request, SMALL_BYTES_MAX))
  if (typeof state !== 'string') throw new HttpError(400, `state must be text, not ${shown(state)}`)
  commit(options, { kind: 'status', alloc: options.spec.alloc, t: options.clock.wallMs(), state: bounded(state, 256) })
  answerJson(call.response, 200, {})
}

export async function earlyExit(options: RouteOptions, call: Call): Promise<void> {
  requireTrial(options, call)
  const { reason } = objectOf(await readBody(call.request, SMALL_BYTES_MAX))
  const found = EARLY_EXITS.find((name) => reason === `EXITED_REASON_${name}`)
  const [alloc, t] = [options.spec.alloc, options.clock.wallMs()]
  if (found !== undefined) commit(options, { kind: 'early-exit', alloc, t, reason: found })
  else if (reason === USER_STOP) commit(options, note(alloc, 'INFO', 'the run says that it stops because its user asked', t))
  else throw new HttpError(400, `reason must be one of ${EARLY_EXITS.map((name) => `EXITED_REASON_${name}`).join(', ')}, ${USER_STOP}, not ${shown(reason)}`)
  answerJson(call.response, 200, {})
}

/** What a script ships by itself stands in the task log beside the output that the agent reads. */
export async function shipLogs(options: RouteOptions, call: Call): Promise<void> {
  const { logs } = objectOf(await readBody(call.request, LOGS_BYTES_MAX))
  if (!Array.isArray(logs)) throw new HttpError(400, `logs must be a list, not ${shown(logs)}`)
  const t = options.clock.wallMs()
  const lines = logs.filter(isRecord).map(({ log, level }) => note(options.spec.alloc, LOG_LEVELS[String(level)] ?? 'INFO', String(log ?? '').replace(/\n$/, ''), t))
  if (lines.length > 0) commit(options, ...lines)
  answerJson(call.response, 200, {})
}

/** `core_context.alert`: for people, in the task log. */
export async function alert(options: RouteOptions, call: Call): Promise<void> {
  const { data } = objectOf(await readBody(call.request, SMALL_BYTES_MAX))
  const { title = '', description = '', level } = isRecord(data) ? data : {}
  commit(options, note(options.spec.alloc, LOG_LEVELS[String(level)] ?? 'INFO', `alert: ${[title, description].filter((text) => text !== '').map(String).join(': ')}`, options.clock.wallMs()))
  answerJson(call.response, 200, {})
}
