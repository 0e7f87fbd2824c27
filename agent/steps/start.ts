import { isDockerError, type DockerError } from '../docker/errors.ts'
import type { GatewayPlace } from '../gateway/open-gateway.ts'
import { allocationPaths } from '../plan/paths.ts'
import type { StepOf } from '../plan/steps.ts'
import { rowOf, type StepContext } from './context.ts'
import { failLaunch } from './exit.ts'
import { gatewayPlace, runningPlace, sandboxOfCreated } from './network.ts'

/** Starts what was created; one that runs already is fine. */
export async function start(context: StepContext, step: StepOf<'start'>): Promise<void> {
  const row = rowOf(context, step.alloc)
  if (row.containerId === null) throw new Error(`the journal has no container of ${row.alloc} to start`)
  const place = gatewayPlace(row, await sandboxOfCreated(context, row))
  try {
    // open since `create`, unless the agent was started again between; the container must not start before it
    await context.attendant.serve({ spec: row.spec, paths: allocationPaths(context.stateDir, row.alloc), place })
    await context.docker.start(row.containerId)
  } catch (error) {
    const text = isDockerError(error, 'invalid', 'server', 'missing', 'conflict') ? refusalOf(error) : null
    if (text === null) throw error
    return failLaunch(context, row, text.exit, `Docker cannot start the container: ${text.text}`)
  }
  await noteRunning(context, step.alloc, row.containerId, place)
  context.sandboxes.free()
}

export function recordStarted(context: StepContext, step: StepOf<'record-started'>): Promise<void> {
  return noteRunning(context, step.alloc, step.containerId, null)
}

/** Begins the side work, or takes it up again after a restart of the agent; reminds it of a preemption under way. */
export function attach(context: StepContext, step: StepOf<'attach'>): Promise<void> {
  return attachAt(context, step.alloc, step.containerId, null)
}

/** `place` null: the gateway is where the process of the run is, if it still is. */
async function attachAt(context: StepContext, alloc: string, containerId: string, place: GatewayPlace | null): Promise<void> {
  const row = rowOf(context, alloc)
  const found = await context.docker.inspect(containerId)
  if (place === null && found.pid === 0) return
  context.attendant.attach({ spec: row.spec, paths: allocationPaths(context.stateDir, row.alloc), containerId: found.id, place: place ?? runningPlace(row, found.pid), logPath: found.logPath })
  context.attached.add(row.alloc)
  if (row.preemptAt !== null) context.attendant.preempt(row.alloc)
}

async function noteRunning(context: StepContext, alloc: string, containerId: string, place: GatewayPlace | null): Promise<void> {
  const row = rowOf(context, alloc)
  const attaching = attachAt(context, alloc, containerId, place)
  context.journal.transaction((tx) => {
    tx.putAllocation({ ...row, phase: 'started', containerId })
    tx.append({ kind: 'state', alloc, t: context.clock.wallMs(), state: 'RUNNING', containerId })
  })
  await attaching
}

/** Null where it is neither the spec nor the host: the container is gone, or Docker may do it next time. */
function refusalOf(error: DockerError): { exit: 'create' | 'agent-error'; text: string } | null {
  const { message, kind } = error
  if (/no such container/i.test(message)) return null
  if (/device driver|nvidia|libnvidia|CUDA|cdi/i.test(message)) return { exit: 'agent-error', text: `the GPU runtime of this agent does not work: ${message}` }
  // its sandbox went in this very moment: the next plan sees it
  if (/join network|\/ns\/net/i.test(message)) return null
  if (/OCI runtime|mount|working directory|unable to find user|exec format error/i.test(message) || kind === 'invalid') return { exit: 'create', text: message }
  return null
}
