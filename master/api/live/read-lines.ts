import { CHUNKS_PER_PAGE, readChunks, type ChunkFilter } from '../../store/queries/logs.ts'
import type { Db } from '../../store/db.ts'
import { levelShape, linesOf, type Line } from '../shapes/log-line.ts'

export interface LineFilter extends Omit<ChunkFilter, 'cursor' | 'descending' | 'taskId'> {
  /** LOG_LEVEL_... */
  levels?: readonly string[] | undefined
  stdtypes?: readonly string[] | undefined
  /** null: every line */
  matches: ((text: string) => boolean) | null
}

export interface LinePage {
  lines: Line[]
  /** number of the last line that was looked at, matching or not */
  cursor: number
  /** there may be more at once */
  more: boolean
}

/** The next page of a task's lines beyond (or, descending, below) the cursor. No line is left out or given twice. */
export async function readLines(db: Db, taskId: string, filter: LineFilter, cursor: number, descending: boolean): Promise<LinePage> {
  const chunks = await readChunks(db, { ...filter, taskId, cursor, descending })
  const lines: Line[] = []
  let last = cursor
  for (const chunk of chunks) {
    const own = linesOf(chunk).filter((line) => (descending ? line.id < cursor : line.id > cursor))
    if (descending) own.reverse()
    for (const line of own) {
      last = line.id
      if (isWanted(line, filter)) lines.push(line)
    }
  }
  return { lines, cursor: last, more: chunks.length === CHUNKS_PER_PAGE }
}

function isWanted(line: Line, filter: LineFilter): boolean {
  if (filter.levels?.length && !filter.levels.includes(levelShape(line.level))) return false
  if (filter.stdtypes?.length && !filter.stdtypes.includes(line.std)) return false
  if (filter.before && line.time > filter.before.toISOString()) return false
  if (filter.after && line.time < filter.after.toISOString()) return false
  return filter.matches === null || filter.matches(line.log)
}
