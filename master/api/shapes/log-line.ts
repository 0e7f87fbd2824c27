import type { ApiTaskLog, ApiTrialLog } from '../../../protocol/wire/api.ts'
import type { LiveLine } from '../../../protocol/wire/live.ts'
import type { LogChunkRow } from '../../store/queries/logs.ts'
import { shownAllocationId, shownTaskId } from './task-ids.ts'

export interface Line extends LiveLine {
  allocationId: string
}

/** Characters of a container id that are shown in a line. */
const CONTAINER_WIDTH = 8

export function linesOf(chunk: LogChunkRow): Line[] {
  return chunk.lines.map(([t, std, level, text], index) => ({
    id: chunk.first_line + index, time: new Date(t).toISOString(), level, std, rank: chunk.rank, agentId: chunk.agent_id,
    containerId: chunk.container_id, source: chunk.source, log: text, allocationId: chunk.allocation_id,
  }))
}

export function levelShape(level: string): string {
  return level === '' ? 'LOG_LEVEL_UNSPECIFIED' : `LOG_LEVEL_${level}`
}

/** `task`: as it is shown. */
export function taskLogShape(line: Line, task: { id: string; experimentId: number | null }): ApiTaskLog {
  return {
    id: String(line.id), taskId: shownTaskId(task.id, task.experimentId), allocationId: shownAllocationId(line.allocationId, task.experimentId), agentId: line.agentId, containerId: line.containerId, rankId: line.rank, timestamp: line.time,
    level: levelShape(line.level), message: messageOf(line), log: `${line.log}\n`, source: line.source, stdtype: line.std,
  }
}

export function trialLogShape(line: Line, trialId: number): ApiTrialLog {
  return {
    id: String(line.id), trialId, agentId: line.agentId, containerId: line.containerId, rankId: line.rank, timestamp: line.time,
    level: levelShape(line.level), message: messageOf(line), log: `${line.log}\n`, source: line.source, stdtype: line.std,
  }
}

/** The flat form that Determined's client prints: `[time] container [rank=0] || LEVEL: text`. */
function messageOf(line: Line): string {
  const time = line.time.replace(/\.(\d{3})Z$/, '.$1000Z')
  const container = line.containerId === '' ? ' '.repeat(CONTAINER_WIDTH) : line.containerId.slice(0, CONTAINER_WIDTH)
  const level = line.level === '' ? '' : `${line.level}: `
  return `[${time}] ${container} [rank=${line.rank}] || ${level}${line.log}\n`
}
