import type { FastifyInstance } from 'fastify'
import Type from 'typebox'
import type { LogEntry } from '../../recent-log.ts'
import type { ApiDeps } from '../deps.ts'
import { sendStream } from '../live/ndjson.ts'

const PAGE = 500
const FOLLOW_MS = 500
const Query = Type.Object({ offset: Type.Optional(Type.Integer({ minimum: -1_000_000_000, maximum: 2_147_483_647 })), limit: Type.Optional(Type.Integer({ minimum: 0, maximum: 2_147_483_647 })), follow: Type.Optional(Type.Boolean()) })
const LEVELS: Readonly<Record<LogEntry['level'], string>> = { debug: 'LOG_LEVEL_DEBUG', info: 'LOG_LEVEL_INFO', warn: 'LOG_LEVEL_WARNING', error: 'LOG_LEVEL_ERROR' }

/** The newest records of the master that is asked, oldest first. A negative offset counts from the newest. For administrators: it tells of everybody's work. */
export function masterLogRoute(app: FastifyInstance, deps: Pick<ApiDeps, 'recentLog' | 'clock' | 'log'>, stopping: AbortSignal): void {
  app.get<{ Querystring: Type.Static<typeof Query> }>('/api/v1/master/logs', { config: { access: 'admin' }, schema: { querystring: Query } }, (request, reply) => {
    const { offset = 0, limit = 0, follow = false } = request.query
    const { recentLog } = deps
    return sendStream(request, reply, stopping, deps.log, async function* (signal) {
      let after = offset < 0 ? Math.max(0, recentLog.newest() + offset) : offset
      let left = limit > 0 ? limit : Number.POSITIVE_INFINITY
      // what comes while it is read is a follower's: without one it ends with the newest of now
      const end = recentLog.newest()
      while (!signal.aborted && left > 0) {
        const entries = recentLog.since(after, Math.min(PAGE, left)).filter((entry) => follow || entry.id <= end)
        if (entries.length > 0) yield entries.map(entryShape)
        after = entries.at(-1)?.id ?? after
        left -= entries.length
        if (entries.length > 0) continue
        if (!follow) return
        await deps.clock.sleep(FOLLOW_MS, signal)
      }
    })
  })
}

function entryShape({ id, at, level, text }: LogEntry): Record<string, unknown> {
  return { logEntry: { id, timestamp: at, level: LEVELS[level], message: text } }
}
