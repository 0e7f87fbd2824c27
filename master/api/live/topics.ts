import type { LiveMessage, LiveRequest } from '../../../protocol/wire/live.ts'
import { findLogSource } from '../../store/queries/logs.ts'
import { listEvents, listMetrics, trialEnded } from '../../store/queries/events.ts'
import type { Db } from '../../store/db.ts'
import { readLines } from './read-lines.ts'
import { meantTask } from '../shapes/task-ids.ts'

export type Subscribe = Extract<LiveRequest, { kind: 'subscribe' }>

export interface LivePage {
  /** null: nothing new */
  message: LiveMessage | null
  cursor: number
  /** there is more to be read at once */
  more: boolean
  /** nothing can follow the cursor */
  ended: boolean
}

/** Reads what came after the cursor. Null: there is no such task or trial. */
export type ReadTopic = (cursor: number) => Promise<LivePage | null>

const EVENTS_PER_PAGE = 500
const METRICS_PER_PAGE = 1_000
/** Characters of text in one message, so that a client never has to take megabytes at once. */
const TEXT_PER_MESSAGE = 256 * 1024

/** What was read may have ended before it was read, never the other way round: the end is asked first. */
export function topicReader(db: Db, { id, topic }: Subscribe): ReadTopic {
  switch (topic.name) {
    case 'events':
      return async (cursor) => {
        const items = await listEvents(db, { after: cursor, experimentId: topic.experimentId, instanceId: topic.instanceId, pool: topic.pool, kind: topic.kind, descending: false, limit: EVENTS_PER_PAGE })
        const next = items.at(-1)?.id ?? cursor
        return { message: items.length === 0 ? null : { kind: 'events', id, cursor: next, items }, cursor: next, more: items.length === EVENTS_PER_PAGE, ended: false }
      }
    case 'metrics':
      return async (cursor) => {
        const ended = await trialEnded(db, topic.trialId)
        if (ended === null) return null
        const items = await listMetrics(db, { trialId: topic.trialId, after: cursor, limit: METRICS_PER_PAGE })
        const next = items.at(-1)?.id ?? cursor
        const more = items.length === METRICS_PER_PAGE
        return { message: items.length === 0 ? null : { kind: 'metrics', id, cursor: next, items }, cursor: next, more, ended: ended && !more }
      }
    case 'logs':
      return async (cursor) => {
        const source = await findLogSource(db, { taskId: meantTask(topic.taskId).id })
        if (!source) return null
        const page = await readLines(db, source.taskId, { matches: null }, cursor, false)
        const lines = withinText(page.lines)
        const isCut = lines.length < page.lines.length
        const next = isCut ? (lines.at(-1)?.id ?? cursor) : page.cursor
        const items = lines.map(({ allocationId: _, ...line }) => line)
        return { message: items.length === 0 ? null : { kind: 'logs', id, cursor: next, items }, cursor: next, more: isCut || page.more, ended: source.ended && !isCut && !page.more }
      }
  }
}

/** At least one line, and no more than fit. */
function withinText<T extends { log: string }>(lines: readonly T[]): readonly T[] {
  let size = 0
  const end = lines.findIndex((line, index) => {
    size += line.log.length
    return index > 0 && size > TEXT_PER_MESSAGE
  })
  return end < 0 ? lines : lines.slice(0, end)
}
