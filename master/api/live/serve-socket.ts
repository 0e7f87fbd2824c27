import type { WebSocket } from 'ws'
import { Check, Errors } from 'typebox/value'
import { backoffMs } from '../../../protocol/kit/backoff.ts'
import type { Clock } from '../../../protocol/kit/clock.ts'
import type { Log } from '../../../protocol/kit/log.ts'
import { LiveRequest, type LiveMessage } from '../../../protocol/wire/live.ts'
import { isTransient } from '../../store/failures.ts'
import type { Db } from '../../store/db.ts'
import { findNul } from '../clean-input.ts'
import { IDLE_PAUSE_MS, type ChangeHub } from './change-hub.ts'
import { topicReader, type ReadTopic, type Subscribe } from './topics.ts'

/** More unsent bytes than this, and the socket's subscriptions pause until the client has taken them. */
const BUFFERED_MAX = 4 * 1024 * 1024
const BUFFERED_PAUSE_MS = 50
/** A client that takes nothing for this long is cut off; it may come back with its cursors. */
const STALLED_MS = 60_000
const SUBSCRIPTIONS_MAX = 64
const SWEEP_MS = 2_000
const PING_MS = 20_000
const CLOSE_POLICY = 1008
const CLOSE_GOING_AWAY = 1001

export interface SocketDeps {
  db: Db
  clock: Clock
  random: () => number
  log: Log
  hub: ChangeHub
  stopping: AbortSignal
  /** False once the session that opened this socket has ended. */
  isStillAllowed(): Promise<boolean>
}

/** Serves one client until it goes away. Each subscription is a loop of its own: read after the cursor, send, wait for a change. */
export function serveSocket(socket: WebSocket, deps: SocketDeps): void {
  const gone = new AbortController()
  const signal = AbortSignal.any([gone.signal, deps.stopping])
  const subscriptions = new Map<number, AbortController>()
  deps.stopping.addEventListener('abort', () => socket.close(CLOSE_GOING_AWAY, 'the master stops: connect again'), { signal: gone.signal })
  socket.on('close', () => gone.abort())
  socket.on('error', (error) => deps.log.debug({ err: error }, 'live socket failed'))
  socket.on('message', (data, isBinary) => {
    const request = isBinary ? 'binary frames are not understood: send JSON text' : parseRequest(String(data))
    if (typeof request === 'string') return send(socket, { kind: 'error', id: null, message: request })
    subscriptions.get(request.id)?.abort()
    subscriptions.delete(request.id)
    if (request.kind === 'unsubscribe') return
    if (subscriptions.size >= SUBSCRIPTIONS_MAX) return send(socket, { kind: 'error', id: request.id, message: `more than ${SUBSCRIPTIONS_MAX} subscriptions: end one first` })
    const own = new AbortController()
    subscriptions.set(request.id, own)
    void follow(socket, deps, request, AbortSignal.any([signal, own.signal])).finally(() => {
      if (subscriptions.get(request.id) === own) subscriptions.delete(request.id)
    })
  })
  void keepAlive(socket, deps, signal)
}

async function follow(socket: WebSocket, deps: SocketDeps, request: Subscribe, signal: AbortSignal): Promise<void> {
  const read = topicReader(deps.db, request)
  let cursor = request.topic.after
  let failures = 0
  while (!signal.aborted) {
    const seen = deps.hub.version()
    const page = await readOrFault(read, cursor, deps)
    if (signal.aborted) return
    if (page === 'unknown') return send(socket, { kind: 'error', id: request.id, message: `${request.topic.name}: there is no such task or trial: check the id` })
    if (page === 'failed') return send(socket, { kind: 'error', id: request.id, message: 'the master could not read this: its log tells more' })
    if (page === 'later') {
      failures += 1
      await deps.clock.sleep(backoffMs(failures, deps.random, { baseMs: 100, capMs: 5_000, floorMs: 50 }), signal)
      continue
    }
    failures = 0
    if (page.message) {
      if (!await hasRoom(socket, deps, signal)) return
      send(socket, page.message)
    }
    cursor = page.cursor
    if (page.ended) return send(socket, { kind: 'end', id: request.id, cursor })
    if (page.more) continue
    if (page.message === null) await deps.clock.sleep(IDLE_PAUSE_MS, signal)
    await deps.hub.waitBeyond(seen, SWEEP_MS, signal)
  }
}

async function readOrFault(read: ReadTopic, cursor: number, deps: SocketDeps): Promise<Exclude<Awaited<ReturnType<ReadTopic>>, null> | 'unknown' | 'later' | 'failed'> {
  try {
    return await read(cursor) ?? 'unknown'
  } catch (error) {
    if (isTransient(error)) return 'later'
    deps.log.error({ err: error }, 'live subscription failed')
    return 'failed'
  }
}

/** Waits until the client has taken what was sent; false when it is gone or has stalled. The cursor has not moved yet: nothing is lost. */
async function hasRoom(socket: WebSocket, deps: SocketDeps, signal: AbortSignal): Promise<boolean> {
  const since = deps.clock.monotonicMs()
  while (socket.bufferedAmount > BUFFERED_MAX) {
    if (deps.clock.monotonicMs() - since > STALLED_MS) {
      socket.terminate()
      return false
    }
    await deps.clock.sleep(BUFFERED_PAUSE_MS, signal)
    if (signal.aborted) return false
  }
  return !signal.aborted
}

/** Pings, so that a client that vanished is noticed, and looks whether its session still lives. */
async function keepAlive(socket: WebSocket, deps: SocketDeps, signal: AbortSignal): Promise<void> {
  let isHeard = true
  socket.on('pong', () => { isHeard = true })
  while (!signal.aborted) {
    await deps.clock.sleep(PING_MS, signal)
    if (signal.aborted) return
    if (!isHeard) return socket.terminate()
    isHeard = false
    socket.ping()
    const isAllowed = await deps.isStillAllowed().catch((error: unknown) => isTransient(error))
    if (!isAllowed) return socket.close(CLOSE_POLICY, 'the session has ended: log in again')
  }
}

/** The request, or what is wrong with it. */
function parseRequest(text: string): LiveRequest | string {
  let value: unknown
  try {
    value = JSON.parse(text)
    const nul = findNul(value, '')
    if (nul !== null) return `${nul} contains the NUL character (\\u0000): remove it`
  } catch (error) {
    return `not understood: send JSON like {"kind":"subscribe","id":1,"topic":{"name":"events","after":0}} (${error instanceof Error ? error.message : 'malformed'})`
  }
  if (!Check(LiveRequest, value)) {
    const [first] = Errors(LiveRequest, value)
    return `not understood: ${first ? `${first.instancePath || 'the message'} ${first.message}` : 'see protocol/wire/live.ts'}`
  }
  if (value.kind === 'subscribe' && !isInRange(value.topic)) return 'not understood: a cursor or id is out of range'
  return value
}

function isInRange(topic: Subscribe['topic']): boolean {
  const ids = [topic.name === 'events' ? (topic.experimentId ?? 1) : topic.name === 'metrics' ? topic.trialId : 1]
  return Number.isSafeInteger(topic.after) && ids.every((id) => id > 0 && id <= 2_147_483_647)
}

function send(socket: WebSocket, message: LiveMessage): void {
  if (socket.readyState === socket.OPEN) socket.send(JSON.stringify(message))
}
