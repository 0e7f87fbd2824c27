import { parseAllocationId } from '../../protocol/words/ids.ts'
import { isDockerError, ModelDefinitionError } from '../docker/errors.ts'
import { packWorkDir } from '../docker/model-definition.ts'
import type { JournalAllocation } from '../journal/door.ts'
import { containerOptions, devicesOf, LABELS, type ContainerOptions } from '../plan/container-spec.ts'
import { infoFiles } from '../plan/harness.ts'
import { allocationPaths } from '../plan/paths.ts'
import { sandboxName } from '../plan/sandbox-name.ts'
import type { StepOf } from '../plan/steps.ts'
import { wiringOf } from '../plan/wiring.ts'
import { BlobError, rowOf, type StepContext } from './context.ts'
import { failLaunch } from './exit.ts'
import { gatewayPlace, sandboxFor } from './network.ts'
import { makeRunDirectory } from './run-directory.ts'

const CONTEXT_BYTES_MAX = 128 << 20

/**
 * Makes the container and fills it with the model definition. The row is the intent, the name the idempotency key: a
 * crash between any two lines finds the same container again by its name, and fills it again. The start may follow at
 * once: what the plan looked at for this step holds for that one, and its slots stay claimed.
 */
export async function create(context: StepContext, step: StepOf<'create'>, signal: AbortSignal): Promise<StepOf<'start'> | undefined> {
  const row = rowOf(context, step.alloc)
  const devices = devicesOf(row.spec, context.slots())
  if (!devices.ok) return void failLaunch(context, row, 'agent-error', `slot ${devices.missing} is not on this agent (any more)`)
  const paths = allocationPaths(context.stateDir, row.alloc)
  const [sandbox] = await Promise.all([sandboxFor(context, row), makeRunDirectory(paths, row.spec.user)])
  if (row.place?.network === 'bridge' && row.place.address !== sandbox?.address) return void failLaunch(context, row, 'agent-error', `the network of this member at ${row.place.address} is gone, which the others were told: somebody removed container ${sandboxName(row.spec)}`)
  const wiring = wiringOf(row.place, sandbox?.id ?? null, step.peers)
  const options = containerOptions(row.spec, paths, devices.slots, context.agentId, wiring)
  const info = infoFiles(row.spec, context.agentId, wiring, devices.slots.filter((slot) => slot.kind !== 'cpu').map((slot) => slot.uuid))
  try {
    // side by side, and all awaited: a step must not end while Docker still makes its container
    const [made, fetched, , named] = await Promise.allSettled([
      createOnce(context, row, options),
      row.spec.context === null ? null : context.blobs.fetch(row.spec.context, CONTEXT_BYTES_MAX, signal),
      context.attendant.serve({ spec: row.spec, paths, place: gatewayPlace(row, sandbox) }),
      sandbox?.named,
    ])
    if (made.status === 'rejected') throw made.reason
    if (named.status === 'rejected') throw named.reason
    const containerId = made.value
    if (containerId === null) return undefined
    if (fetched.status === 'rejected') throw fetched.reason
    await context.docker.fill(containerId, '/', packWorkDir(row.spec, fetched.value, info), signal)
    const overtaken = context.journal.highestEpoch(parseAllocationId(row.alloc)?.task ?? row.alloc) > row.epoch
    context.journal.transaction((tx) => {
      tx.putAllocation({ ...row, phase: 'created', containerId, ...(step.peers === undefined ? {} : { peers: wiring.peers.map((peer, rank) => ({ rank, address: peer.address, port: peer.port })) }) })
      tx.append({ kind: 'state', alloc: row.alloc, t: context.clock.wallMs(), state: 'STARTING', containerId }, !overtaken)
    })
    return overtaken ? undefined : { kind: 'start', alloc: row.alloc, reason: 'created' }
  } catch (error) {
    if (isDockerError(error, 'image-missing')) {
      context.imageReady.delete(row.alloc)
      context.imagesSeen.delete(row.spec.image)
    }
    if (error instanceof ModelDefinitionError) return void failLaunch(context, row, 'create', error.message)
    if (error instanceof BlobError) return void failLaunch(context, row, 'agent-error', `the model definition cannot be had: ${error.message}`)
    if (!isDockerError(error, 'invalid')) throw error
    return void failLaunch(context, row, 'create', `Docker refuses the container: ${error.message}. ${cureOf(error.message)}`)
  }
}

/** Null where the name belongs to somebody else: answered, and free of charge for the user. */
async function createOnce(context: StepContext, row: JournalAllocation, options: ContainerOptions): Promise<string | null> {
  try {
    return await context.docker.create(options)
  } catch (error) {
    if (!isDockerError(error, 'conflict')) throw error
    const found = await context.docker.inspect(options.name)
    const own = [LABELS.cluster, LABELS.agent, LABELS.alloc].every((label) => found.labels[label] === options.Labels[label])
    if (own && found.network === options.HostConfig.NetworkMode) return found.id
    if (own && found.status === 'created') {
      // made for a network that is gone; it never started
      await context.docker.remove(found.id)
      return context.docker.create(options)
    }
    if (own) return found.id
    failLaunch(context, row, 'agent-error', `the name ${options.name} is taken in Docker by a container that is not this agent's (${found.id.slice(0, 12)}): remove it`)
    return null
  }
}

/** Its network went before its start: back to where it is made; `create` finds the container by its name and replaces it. */
export function recreate(context: StepContext, step: StepOf<'recreate'>): void {
  context.journal.putAllocation({ ...rowOf(context, step.alloc), phase: 'restored', containerId: null })
}

function cureOf(message: string): string {
  if (/bind source path does not exist/i.test(message)) return 'Correct bind_mounts: host_path must exist on every agent of the pool.'
  if (/duplicate mount point/i.test(message)) return 'Correct bind_mounts: two mounts have the same container_path.'
  if (/invalid mount|mount path/i.test(message)) return 'Correct bind_mounts: container_path must be absolute.'
  return 'Correct the experiment configuration.'
}
