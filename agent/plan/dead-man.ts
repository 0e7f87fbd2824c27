import type { AllocationRow } from './row.ts'

/** What decides whether a machine that nobody asks for any more switches itself off. Milliseconds. */
export interface DeadManWorld {
  /** 0 = never */
  limitMs: number
  /** since the newest of: the master answered a heartbeat; a container of this agent was seen alive; the agent was first started here */
  quietMs: number
  /** names of this agent's containers that live; null: Docker does not answer, so the journal's word counts */
  live: readonly string[] | null
  rows: readonly AllocationRow[]
  outbox: number
}

/** `live`: the quiet time begins anew. `reason` is for people. */
export type DeadManDecision = { kind: 'stay'; live: boolean; reason: string } | { kind: 'poweroff'; reason: string }

const MAY_LIVE: readonly AllocationRow['phase'][] = ['created', 'started']

/**
 * A live container always keeps the machine. Unfinished work without one (uploads, undelivered events, an allocation that
 * waits for its start) and a Docker that does not answer keep it for one more period; nothing keeps it longer.
 */
export function decideDeadMan(world: DeadManWorld): DeadManDecision {
  if (world.limitMs === 0) return { kind: 'stay', live: false, reason: 'the dead-man switch is off' }
  const living = livingOf(world)
  if (living !== null) return { kind: 'stay', live: true, reason: living }
  if (world.quietMs < world.limitMs) return { kind: 'stay', live: false, reason: `the master answered, or a container lived, ${minutes(world.quietMs)} min ago` }
  const left = leftOf(world)
  const silence = `no master has answered and no container has lived for ${minutes(world.quietMs)} min`
  if (left === '') return { kind: 'poweroff', reason: `${silence}, and nothing is left to deliver` }
  if (world.quietMs >= 2 * world.limitMs) return { kind: 'poweroff', reason: `${silence}; given up: ${left}` }
  return { kind: 'stay', live: false, reason: `${silence}, but there is left: ${left}` }
}

/** Why something may be alive; null when nothing is. */
function livingOf({ live, rows }: DeadManWorld): string | null {
  const name = live?.[0]
  if (name !== undefined) return `container ${name} lives`
  const row = live === null ? rows.find(({ phase }) => MAY_LIVE.includes(phase)) : undefined
  return row === undefined ? null : `Docker does not answer, and by the journal ${row.alloc} may run`
}

function leftOf({ live, rows, outbox }: DeadManWorld): string {
  const open = rows.filter((row) => row.phase !== 'drained').length
  const parts = [open > 0 ? `${open} unfinished allocations` : '', outbox > 0 ? `${outbox} undelivered events` : '', live === null ? 'a Docker Engine that does not answer' : '']
  return parts.filter((part) => part !== '').join(', ')
}

function minutes(ms: number): number {
  return Math.round(ms / 6_000) / 10
}
