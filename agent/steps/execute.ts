import { createHash } from 'node:crypto'
import { chown, mkdir, rm, writeFile } from 'node:fs/promises'
import { Readable } from 'node:stream'
import Value from 'typebox/value'
import type { Clock } from '../../protocol/kit/clock.ts'
import type { Log } from '../../protocol/kit/log.ts'
import { AllocationSpec } from '../../protocol/wire/spec.ts'
import { exitKindOf, type ExitKind } from '../../protocol/words/failures.ts'
import { parseAllocationId } from '../../protocol/words/ids.ts'
import { DockerError } from '../docker/errors.ts'
import type { Engine } from '../docker/engine.ts'
import type { Identity } from '../identity/enroll.ts'
import type { MasterHttp } from '../identity/https.ts'
import type { Journal, JournalAllocation } from '../journal/door.ts'
import { containerSpec, type SlotDevice } from '../plan/container-spec.ts'
import type { Step, StepKind } from '../plan/plan.ts'
import type { Attendant } from './attendant.ts'
import { contextTar } from './context.ts'
import { ensureImage } from './image.ts'
import { pathsOf } from './paths.ts'

export interface StepDeps {
  engine: Engine
  journal: Journal
  attendant: Attendant
  http: MasterHttp
  identity: () => Identity
  slots: () => readonly SlotDevice[]
  stateDir: string
  /** allocations whose side work runs in this life of the agent */
  attached: Set<string>
  /** allocations this agent refused, so that it says so once */
  refused: Set<string>
  clock: Clock
  log: Log
}

type Executors = { readonly [K in StepKind]: (deps: StepDeps, step: Extract<Step, { kind: K }>, signal: AbortSignal) => Promise<void> }
const SPEC_MAX = 8 << 20
const CONTEXT_MAX = 128 << 20
const TAIL_LINES = 20

/** A missing executor does not compile. Each is safe to run again after a crash at any point. */
const EXECUTORS: Executors = { accept, refuse, prepare, create, start, attach, preempt, terminate, 'report-exit': reportExit, 'report-vanished': reportVanished, 'report-unstarted': reportUnstarted, drain, discard }

export function execute(deps: StepDeps, step: Step, signal: AbortSignal): Promise<void> {
  const run = EXECUTORS[step.kind] as (deps: StepDeps, step: Step, signal: AbortSignal) => Promise<void>
  return run(deps, step, signal)
}

async function accept(deps: StepDeps, step: Extract<Step, { kind: 'accept' }>): Promise<void> {
  const bytes = await deps.http.bytes(`/agent/v1/blobs/${step.spec}`, deps.identity().agentToken, SPEC_MAX)
  const digest = createHash('sha256').update(bytes).digest('hex')
  const spec: unknown = JSON.parse(bytes.toString('utf8'))
  if (digest !== step.spec || !Value.Check(AllocationSpec, spec) || spec.alloc !== step.alloc) throw new Error(`the spec ${step.spec} of ${step.alloc} is not what its digest names`)
  const adopted = (await deps.engine.list()).find((container) => container.alloc === step.alloc)
  const row: JournalAllocation = {
    alloc: step.alloc, epoch: parseAllocationId(step.alloc)?.epoch ?? 0, specDigest: step.spec, spec, phase: adopted && !adopted.fresh ? 'started' : 'accepted',
    containerId: adopted?.id ?? null, preemptAt: null, stopAt: null, acceptedAt: deps.clock.wallMs(),
  }
  await makeDirectories(deps, row)
  deps.journal.putAllocation(row)
}

async function refuse(deps: StepDeps, step: Extract<Step, { kind: 'refuse' }>): Promise<void> {
  if (deps.refused.has(step.alloc)) return
  deps.refused.add(step.alloc)
  deps.log.warn({ alloc: step.alloc, reason: step.reason }, 'order refused')
  deps.journal.outbox.append({ kind: 'exit', t: deps.clock.wallMs(), alloc: step.alloc, exit: 'agent-error', oomKilled: false, endedAt: deps.clock.wallMs(), text: `the agent refused the order: ${step.reason}` })
  deps.journal.outbox.append({ kind: 'drained', t: deps.clock.wallMs(), alloc: step.alloc })
}

async function makeDirectories(deps: StepDeps, row: JournalAllocation): Promise<void> {
  const paths = pathsOf(deps.stateDir, row.alloc)
  await mkdir(paths.checkpoints, { recursive: true, mode: 0o755 })
  await writeFile(paths.metricsFile, '', { flag: 'a' })
  for (const path of [paths.run, paths.checkpoints, paths.metricsFile]) await chown(path, row.spec.user.uid, row.spec.user.gid)
}

/** Image, then checkpoint; what fails for good ends the allocation with its cure. */
async function prepare(deps: StepDeps, step: Extract<Step, { kind: 'prepare' }>, signal: AbortSignal): Promise<void> {
  const row = rowOf(deps, step.alloc)
  deps.journal.outbox.append({ kind: 'state', t: deps.clock.wallMs(), alloc: row.alloc, state: 'PULLING' })
  const image = await ensureImage(deps, row.spec, signal)
  if (!image.ok) return endUnstarted(deps, row, 'image', image.error)
  if (row.spec.restore) {
    deps.journal.outbox.append({ kind: 'state', t: deps.clock.wallMs(), alloc: row.alloc, state: 'RESTORING' })
    const restored = await deps.attendant.restore(row.spec, pathsOf(deps.stateDir, row.alloc), signal)
    if (!restored.ok && restored.transient) throw new Error(restored.error)
    if (!restored.ok) return endUnstarted(deps, row, 'restore', `checkpoint ${row.spec.restore.uuid} (step ${row.spec.restore.steps}) could not be restored: ${restored.error}`)
  }
  deps.journal.transaction((tx) => {
    tx.putAllocation({ ...row, phase: 'restored' })
    tx.append({ kind: 'state', t: deps.clock.wallMs(), alloc: row.alloc, state: 'STARTING' })
  })
}

async function create(deps: StepDeps, step: Extract<Step, { kind: 'create' }>): Promise<void> {
  const row = rowOf(deps, step.alloc)
  const context = row.spec.context === null ? null : await deps.http.bytes(`/agent/v1/blobs/${row.spec.context}`, deps.identity().agentToken, CONTEXT_MAX)
  if (context && createHash('sha256').update(context).digest('hex') !== row.spec.context) throw new Error(`the model definition of ${row.alloc} is not what its digest names`)
  const facts = { agentId: deps.identity().agentId, masterId: deps.identity().clusterId, runDir: pathsOf(deps.stateDir, row.alloc).run, slots: deps.slots(), hasRestored: row.spec.restore !== null }
  try {
    const containerId = await deps.engine.create(containerSpec(row.spec, facts))
    await deps.engine.putArchive(containerId, Readable.from(contextTar(row.spec, context)), '/')
    deps.journal.putAllocation({ ...row, phase: 'created', containerId })
  } catch (error) {
    if (!isUsersFault(error)) throw error
    endUnstarted(deps, row, 'create', `Docker refused the container: ${error.message}. Check environment, bind_mounts and resources of the experiment`)
  }
}

async function start(deps: StepDeps, step: Extract<Step, { kind: 'start' }>): Promise<void> {
  const row = rowOf(deps, step.alloc)
  try {
    await deps.engine.start(step.containerId)
  } catch (error) {
    if (!(error instanceof DockerError) || error.kind === 'unreachable') throw error
    const looked = await deps.engine.inspect(step.containerId)
    if (looked.fresh || !looked.running) return endUnstarted(deps, row, 'create', `Docker could not start the container: ${error.message}`)
  }
  deps.journal.transaction((tx) => {
    tx.putAllocation({ ...row, phase: 'started', containerId: step.containerId })
    tx.append({ kind: 'state', t: deps.clock.wallMs(), alloc: row.alloc, state: 'RUNNING', containerId: step.containerId })
  })
  await attach(deps, { ...step, kind: 'attach' })
}

async function attach(deps: StepDeps, step: Extract<Step, { kind: 'attach' }>): Promise<void> {
  const row = rowOf(deps, step.alloc)
  const looked = await deps.engine.inspect(step.containerId)
  if (!looked.running) return
  deps.attendant.attach({ spec: row.spec, paths: pathsOf(deps.stateDir, row.alloc), containerId: looked.id, pid: looked.pid, logPath: looked.logPath })
  deps.attached.add(row.alloc)
  if (row.phase !== 'started') deps.journal.putAllocation({ ...row, phase: 'started', containerId: looked.id })
}

async function preempt(deps: StepDeps, step: Extract<Step, { kind: 'preempt' }>): Promise<void> {
  const row = rowOf(deps, step.alloc)
  deps.attendant.preempt(row.alloc)
  const paths = pathsOf(deps.stateDir, row.alloc)
  await writeFile(paths.preemptFile, `${step.reason}\n`)
  await chown(paths.preemptFile, row.spec.user.uid, row.spec.user.gid)
  deps.journal.transaction((tx) => {
    tx.putAllocation({ ...row, preemptAt: deps.clock.wallMs() })
    tx.append({ kind: 'note', t: deps.clock.wallMs(), alloc: row.alloc, level: 'INFO', text: `asked to save and stop: ${step.reason}` })
  })
}

async function terminate(deps: StepDeps, step: Extract<Step, { kind: 'terminate' }>): Promise<void> {
  const row = rowOf(deps, step.alloc)
  if (row.stopAt === null) {
    deps.journal.transaction((tx) => {
      tx.putAllocation({ ...row, stopAt: deps.clock.wallMs() })
      tx.append({ kind: 'note', t: deps.clock.wallMs(), alloc: row.alloc, level: 'INFO', text: `${step.signal}: ${step.reason}` })
    })
  }
  await deps.engine.signal(step.containerId, step.signal)
}

async function reportExit(deps: StepDeps, step: Extract<Step, { kind: 'report-exit' }>): Promise<void> {
  const row = rowOf(deps, step.alloc)
  const facts = await deps.engine.inspect(step.containerId)
  if (facts.running) return
  const exit = exitKindOf({ code: facts.exitCode, oomKilled: facts.oomKilled, preemptAsked: row.preemptAt !== null, stopAsked: row.stopAt !== null })
  const tail = facts.exitCode === 0 || exit === 'preempted' ? '' : await deps.engine.tail(step.containerId, TAIL_LINES)
  const text = `${wordsOf(exit, facts.exitCode)}${tail === '' ? '' : `; its last lines:\n${tail.slice(-3_000)}`}`
  deps.journal.transaction((tx) => {
    tx.putAllocation({ ...row, phase: 'exited', containerId: step.containerId })
    tx.append({
      kind: 'exit', t: deps.clock.wallMs(), alloc: row.alloc, exit, code: facts.exitCode, oomKilled: facts.oomKilled,
      ...(facts.startedAt > 0 ? { startedAt: facts.startedAt } : {}), endedAt: facts.endedAt || deps.clock.wallMs(), text: text.replaceAll('\0', ''),
    })
  })
}

function wordsOf(exit: ExitKind, code: number): string {
  if (exit === 'oom') return 'the container was killed for want of memory (exit code 137)'
  if (exit === 'preempted') return `the container saved and stopped when asked (exit code ${code})`
  return `the container exited with code ${code}`
}

async function reportVanished(deps: StepDeps, step: Extract<Step, { kind: 'report-vanished' }>): Promise<void> {
  const row = rowOf(deps, step.alloc)
  deps.journal.transaction((tx) => {
    tx.putAllocation({ ...row, phase: 'exited' })
    tx.append({ kind: 'exit', t: deps.clock.wallMs(), alloc: row.alloc, exit: row.stopAt === null ? 'vanished' : 'stopped', oomKilled: false, endedAt: deps.clock.wallMs(), text: 'the container vanished: Docker no longer has it, somebody removed it or the host lost it' })
  })
}

async function reportUnstarted(deps: StepDeps, step: Extract<Step, { kind: 'report-unstarted' }>): Promise<void> {
  endUnstarted(deps, rowOf(deps, step.alloc), 'stopped', `ended before its container began: ${step.reason}`)
}

function endUnstarted(deps: StepDeps, row: JournalAllocation, exit: ExitKind, text: string): void {
  deps.journal.transaction((tx) => {
    tx.putAllocation({ ...row, phase: 'exited', containerId: null })
    tx.append({ kind: 'exit', t: deps.clock.wallMs(), alloc: row.alloc, exit, oomKilled: false, endedAt: deps.clock.wallMs(), text: text.slice(0, 4_000).replaceAll('\0', '') })
  })
}

async function drain(deps: StepDeps, step: Extract<Step, { kind: 'drain' }>, signal: AbortSignal): Promise<void> {
  const row = rowOf(deps, step.alloc)
  if (row.containerId !== null) {
    const logPath = await deps.engine.inspect(row.containerId).then((found) => found.logPath, (error: unknown) => {
      if (error instanceof DockerError && error.kind === 'missing') return ''
      throw error
    })
    await deps.attendant.drain({ spec: row.spec, paths: pathsOf(deps.stateDir, row.alloc), containerId: row.containerId, logPath }, signal)
  }
  if (signal.aborted) return
  deps.journal.transaction((tx) => {
    tx.putAllocation({ ...row, phase: 'drained' })
    tx.append({ kind: 'drained', t: deps.clock.wallMs(), alloc: row.alloc })
  })
}

async function discard(deps: StepDeps, step: Extract<Step, { kind: 'discard' }>): Promise<void> {
  if (step.containerId !== null) await deps.engine.remove(step.containerId)
  await deps.attendant.detach(step.alloc)
  await rm(pathsOf(deps.stateDir, step.alloc).root, { recursive: true, force: true })
  deps.journal.removeAllocation(step.alloc)
  deps.attached.delete(step.alloc)
}

/** Docker judged the request itself: going again with the same spec cannot help. */
function isUsersFault(error: unknown): error is DockerError {
  return error instanceof DockerError && (error.kind === 'bad-request' || error.kind === 'image-missing' || (error.kind === 'transient' && /invalid|not found|no such/i.test(error.message)))
}

function rowOf(deps: StepDeps, alloc: string): JournalAllocation {
  const row = deps.journal.allocation(alloc)
  if (!row) throw new Error(`the journal has no row of ${alloc}`)
  return row
}
