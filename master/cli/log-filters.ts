import type { Query } from './client.ts'
import { CliError, EXIT } from './fail.ts'

export interface LogFilters {
  follow: boolean
  tail: number | null
  head: number | null
  levels: string[]
  agentIds: string[]
  containerIds: string[]
  rankIds: number[]
  stdtypes: string[]
  searchText: string | undefined
  after: string | undefined
  before: string | undefined
}

const LEVELS = ['CRITICAL', 'ERROR', 'WARNING', 'INFO', 'DEBUG', 'TRACE']

/** As query of GET /api/v1/trials/:id/logs, without `follow`, `limit` and `orderBy`. */
export function filterQuery(filters: LogFilters): Query {
  return {
    levels: filters.levels.map(levelOf),
    agentIds: filters.agentIds,
    containerIds: filters.containerIds,
    rankIds: filters.rankIds,
    stdtypes: filters.stdtypes.map(stdtypeOf),
    searchText: filters.searchText,
    timestampAfter: timeOf(filters.after, '--after'),
    timestampBefore: timeOf(filters.before, '--before'),
  }
}

function levelOf(text: string): string {
  const level = text.toUpperCase()
  if (!LEVELS.includes(level)) throw new CliError(EXIT.usage, `unknown level ${JSON.stringify(text)}`, `allowed: ${LEVELS.join(', ').toLowerCase()}`)
  return `LOG_LEVEL_${level}`
}

function stdtypeOf(text: string): string {
  if (text !== 'stdout' && text !== 'stderr') throw new CliError(EXIT.usage, `unknown stream ${JSON.stringify(text)}`, 'allowed: stdout, stderr')
  return text
}

function timeOf(text: string | undefined, option: string): string | undefined {
  if (text === undefined) return undefined
  const time = new Date(text)
  if (Number.isNaN(time.getTime())) throw new CliError(EXIT.usage, `${option} ${JSON.stringify(text)} is no time`, 'write it as 2026-01-31T12:00:00Z')
  return time.toISOString()
}
