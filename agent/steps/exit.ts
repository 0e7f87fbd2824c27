import type { NewAgentEvent } from '../../protocol/wire/events.ts'
import type { ExitKind } from '../../protocol/words/failures.ts'
import type { ContainerFacts } from '../docker/door.ts'
import { isDockerError } from '../docker/errors.ts'
import type { JournalAllocation } from '../journal/door.ts'
import { exitKindOfRow, exitText, type ExitFacts } from '../plan/exit-facts.ts'
import { plainText } from '../plan/plain-text.ts'
import type { StepOf } from '../plan/steps.ts'
import { rowOf, type StepContext } from './context.ts'

const TAIL_LINES = 20
const SIGKILLED = 137
const REMOVAL_MS = 300

/** Reads how it ended; slots are free from here on (DRAINING). Phase and event are one commit: reported exactly once (I6). */
export async function exited(context: StepContext, step: StepOf<'exited'>): Promise<void> {
  const row = rowOf(context, step.alloc)
  const found = await context.docker.inspect(step.containerId)
  if (found.status !== 'exited' || (await isBeingRemoved(context, row, found))) return
  const tail = found.exitCode === 0 ? '' : await tailOf(context, found.id)
  const facts: ExitFacts = { code: found.exitCode, oomKilled: found.oomKilled, error: found.error, tail }
  const exit = exitKindOfRow(row, facts)
  const endedAt = found.endedAt ?? context.clock.wallMs()
  context.journal.transaction((tx) => {
    tx.putAllocation({ ...row, phase: 'exited', containerId: found.id })
    // it began and ended while nobody looked: that it ran is told all the same
    if (row.phase !== 'started' && found.startedAt !== null) tx.append({ kind: 'state', alloc: row.alloc, t: found.startedAt, state: 'RUNNING', containerId: found.id })
    tx.append({
      kind: 'exit', alloc: row.alloc, t: context.clock.wallMs(), exit, code: found.exitCode, oomKilled: found.oomKilled, endedAt,
      ...(found.startedAt === null ? {} : { startedAt: found.startedAt }), text: exitText(exit, facts, row.spec.shmBytes),
    })
  })
  context.log.info({ alloc: row.alloc, exit, code: found.exitCode }, 'container ended')
}

/** Someone removed the container: how it ended cannot be known. Declared checkpoints are still on disk: it drains as usual. */
export function vanished(context: StepContext, step: StepOf<'vanished'>): void {
  const row = rowOf(context, step.alloc)
  const exit: ExitKind = row.stopAt === null ? 'vanished' : 'stopped'
  context.journal.transaction((tx) => {
    tx.putAllocation({ ...row, phase: 'exited' })
    tx.append(exitEvent(context, row.alloc, exit, `the container is gone from Docker without a trace of its exit: ${step.reason}`))
  })
  context.log.warn({ alloc: row.alloc }, 'container vanished')
}

export function abandon(context: StepContext, step: StepOf<'abandon'>): void {
  failLaunch(context, rowOf(context, step.alloc), step.exit, `ended before its container ran: ${step.reason}`)
}

/** Final: no container ran, so there is nothing to drain. */
export function failLaunch(context: StepContext, row: JournalAllocation, exit: ExitKind, text: string): void {
  context.journal.transaction((tx) => {
    tx.putAllocation({ ...row, phase: 'drained' })
    tx.append(exitEvent(context, row.alloc, exit, text))
    tx.append({ kind: 'drained', alloc: row.alloc, t: context.clock.wallMs() })
  })
  context.log.warn({ alloc: row.alloc, exit, text }, 'allocation ended before its container ran')
  context.sandboxes.free()
}

/**
 * Answers for an allocation that this agent has no row of and will never start. Marked after the events: a crash
 * between the two says it twice, which the master takes as once.
 */
export function refuse(context: StepContext, step: StepOf<'refuse'>): void {
  context.journal.transaction((tx) => {
    tx.append(exitEvent(context, step.alloc, step.exit, `the agent does not start this allocation: ${step.reason}`))
    tx.append({ kind: 'drained', alloc: step.alloc, t: context.clock.wallMs() })
  })
  context.refused.add(step.alloc)
  context.log.warn({ alloc: step.alloc, reason: step.reason }, 'allocation refused')
}

/**
 * `docker rm -f` kills first: for a moment it looks like a run that died of SIGKILL and would be charged. One that is
 * gone after that moment has vanished, which the next plan sees.
 */
async function isBeingRemoved(context: StepContext, row: JournalAllocation, found: ContainerFacts): Promise<boolean> {
  if (found.exitCode !== SIGKILLED || row.stopAt !== null || found.oomKilled) return false
  await context.clock.sleep(REMOVAL_MS, new AbortController().signal)
  try {
    return (await context.docker.inspect(found.id)).beingRemoved
  } catch (error) {
    if (isDockerError(error, 'missing')) return true
    throw error
  }
}

function exitEvent(context: StepContext, alloc: string, exit: ExitKind, text: string): NewAgentEvent {
  const now = context.clock.wallMs()
  return { kind: 'exit', alloc, t: now, exit, oomKilled: false, endedAt: now, text: plainText(text, 4096) }
}

/** The exit counts for more than its words: a log that cannot be read leaves the text without its tail. */
async function tailOf(context: StepContext, containerId: string): Promise<string> {
  try {
    return (await context.docker.tail(containerId, TAIL_LINES)).trimEnd()
  } catch (error) {
    if (!isDockerError(error, 'missing', 'server', 'conflict', 'not-running')) throw error
    context.log.warn({ containerId, err: error }, 'the last log lines could not be read')
    return ''
  }
}
