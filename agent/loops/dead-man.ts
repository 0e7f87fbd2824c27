import Type from 'typebox'
import { Check } from 'typebox/value'
import type { Clock } from '../../protocol/kit/clock.ts'
import type { Log } from '../../protocol/kit/log.ts'
import { startLoop, type Loop } from '../../protocol/kit/loop.ts'
import { DockerError } from '../docker/errors.ts'
import { runShell } from '../host/run-shell.ts'
import type { Uptime } from '../host/uptime.ts'
import type { Journal } from '../journal/door.ts'
import { decideDeadMan } from '../plan/dead-man.ts'

export interface DeadManDeps {
  limitMs: number
  poweroffCommand: string
  /** names of the containers that live, of every cluster that this agent was ever in */
  listLive: () => Promise<readonly string[]>
  journal: Pick<Journal, 'getMeta' | 'setMeta' | 'allocations' | 'outbox'>
  uptime: Uptime
  clock: Clock
  random: () => number
  log: Log
  signal: AbortSignal
}

export interface DeadMan {
  /** The master has answered a heartbeat: the machine is wanted. */
  answered(): void
  /** Resolves when `signal` aborted and the running pass has ended. */
  readonly ended: Promise<void>
}

/** Uptime at which the master last answered or a container was last seen alive; kept so that a restart of the agent does not begin anew. */
const Mark = Type.Object({ bootId: Type.String(), quietSince: Type.Number() })
const KEY = 'dead-man'
const POWEROFF_KEY = 'poweroff'
/** share of the limit: how often it is looked at, and how stale the mark on disk may be */
const LOOKS = 20
const MARKS = 10
const [SWEEP_MIN_MS, SWEEP_MAX_MS] = [100, 30_000]
const COMMAND_MS = 60_000
/** a command that was taken and did nothing is given again */
const AGAIN_MS = 300_000

/**
 * Switches the machine off that no master has asked for during `limitMs`. Looks once before it resolves, so that an agent
 * that dies at each start does so too. Only a first start in this boot begins the count; a restart goes on counting.
 */
export async function startDeadMan(deps: DeadManDeps): Promise<DeadMan> {
  if (deps.limitMs === 0) return { answered: () => undefined, ended: Promise.resolve() }
  let quietSince = begin(deps)
  let marked = quietSince
  let orderedAt: number | null = null
  const sweepMs = Math.min(Math.max(deps.limitMs / LOOKS, SWEEP_MIN_MS), SWEEP_MAX_MS)
  const alive = (): void => {
    quietSince = deps.uptime.nowMs()
    if (quietSince - marked < deps.limitMs / MARKS) return
    marked = quietSince
    mark(deps, quietSince)
  }
  const look = async (): Promise<void> => {
    if (deps.uptime.nowMs() - quietSince < sweepMs) return
    const live = await listOrNull(deps)
    const now = deps.uptime.nowMs()
    const decision = decideDeadMan({ limitMs: deps.limitMs, quietMs: now - quietSince, live, rows: deps.journal.allocations(), outbox: deps.journal.outbox.depth() })
    if (decision.kind === 'stay') {
      if (decision.live) alive()
      return
    }
    if (orderedAt !== null && now - orderedAt < AGAIN_MS) return
    await powerOff(deps, decision.reason)
    orderedAt = now
  }
  await look().catch((error: unknown) => deps.log.warn({ err: error }, 'the dead-man switch could not look, will try again'))
  const loop: Loop = startLoop({ name: 'dead-man', sweepMs, capMs: 60_000, pass: look, signal: deps.signal, clock: deps.clock, random: deps.random, log: deps.log })
  return { answered: alive, ended: loop.ended }
}

/** The mark of this boot, later by what it may lack: rather late than early. Another boot, or a first start: now. */
function begin(deps: DeadManDeps): number {
  const now = deps.uptime.nowMs()
  const stored: unknown = JSON.parse(deps.journal.getMeta(KEY) ?? 'null')
  if (Check(Mark, stored) && stored.bootId === deps.uptime.bootId) return Math.min(now, stored.quietSince + deps.limitMs / MARKS)
  mark(deps, now)
  return now
}

function mark(deps: DeadManDeps, quietSince: number): void {
  deps.journal.setMeta(KEY, JSON.stringify({ bootId: deps.uptime.bootId, quietSince }))
}

async function listOrNull(deps: DeadManDeps): Promise<readonly string[] | null> {
  try {
    return await deps.listLive()
  } catch (error) {
    if (!(error instanceof DockerError)) throw error
    deps.log.debug({ err: error }, 'Docker does not answer the dead-man switch')
    return null
  }
}

/** Journalled before it is done; rejects where the command fails, and is then tried again. */
async function powerOff(deps: DeadManDeps, reason: string): Promise<void> {
  deps.journal.setMeta(POWEROFF_KEY, JSON.stringify({ at: deps.clock.wallMs(), reason }))
  deps.log.error({ reason, command: deps.poweroffCommand }, 'the dead-man switch powers this machine off')
  const said: string[] = []
  const end = await runShell(deps.poweroffCommand, { deadlineMs: COMMAND_MS, signal: deps.signal, onLine: (line) => {
    if (said.length < 20) said.push(line.slice(0, 500))
  } })
  if (end.kind === 'exit' && end.code === 0) return
  if (end.kind === 'stopped') return
  throw new Error(`the power-off command ${JSON.stringify(deps.poweroffCommand.slice(0, 200))} did not do it (${end.kind === 'exit' ? `exit code ${String(end.code)}` : end.kind}): ${said.join(' | ')}: correct DROVER_POWEROFF_COMMAND`)
}
