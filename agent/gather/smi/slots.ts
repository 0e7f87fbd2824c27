import type { Slot } from '../../../protocol/wire/heartbeat.ts'
import { isId } from '../../../protocol/words/ids.ts'
import type { Gpu, MigDevice } from './listing.ts'

/** MIG devices of one GPU have numbers below this: seven today. */
const MIG_NUMBERS = 16
const REAL_UUID = /^(GPU-)?[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i
const SLOTS_MAX = 256

export interface Slots {
  slots: Slot[]
  /** GPUs and MIG devices that are no slot, with the reason, for the log */
  left: string[]
}

/** What of a GPU with MIG the three outputs tell: `-L` UUID and profile, `-q -x` memory. */
export interface MigSources {
  list: readonly Gpu[]
  log: readonly Gpu[]
}

/**
 * The slots of a host: each GPU, or where MIG is enabled its MIG devices and not the GPU (I1: a GPU that is cut into
 * devices is never given whole). Without a UUID nothing can be given to a container, so there is no slot.
 */
export function slotsOf(gpus: readonly Gpu[], mig: MigSources): Slots {
  const found: Slots = { slots: [], left: [] }
  const beyond = Math.max(-1, ...gpus.map((gpu) => gpu.index)) + 1
  for (const gpu of gpus) {
    const listed = sameGpu(mig.list, gpu)?.mig.devices ?? []
    if (gpu.trouble.some(({ field }) => field === 'mig.mode')) {
      found.left.push(`gpu-${gpu.index} is no slot: whether it is in MIG mode cannot be read`)
      continue
    }
    if (gpu.mig.mode === 'Enabled' || listed.length > 0) takeMig(gpu, listed, sameGpu(mig.log, gpu)?.mig.devices ?? [], beyond, found)
    else take(found, { id: `gpu-${gpu.index}`, kind: 'cuda', uuid: gpu.uuid ?? '', brand: gpu.name ?? '', memoryMib: Math.round(gpu.memory.totalMib ?? 0), index: gpu.index }, gpu.uuid)
  }
  found.slots.sort((a, b) => a.index - b.index)
  return found
}

function takeMig(gpu: Gpu, listed: readonly MigDevice[], told: readonly MigDevice[], beyond: number, found: Slots): void {
  if (listed.length === 0) found.left.push(`GPU ${gpu.index} is in MIG mode and has no MIG device: make some with \`nvidia-smi mig -cgi\`, or switch MIG off`)
  for (const device of listed) {
    // by their number: -L does not tell the instance ids
    const memory = told.find((other) => other.index === device.index)?.memoryTotalMib ?? 0
    take(found, {
      id: `gpu-${gpu.index}-mig-${device.index}`, kind: 'mig', uuid: device.uuid ?? '', brand: `${gpu.name ?? ''} MIG ${device.profile ?? ''}`.trim().slice(0, 256),
      memoryMib: Math.round(memory), index: beyond + gpu.index * MIG_NUMBERS + device.index,
    }, device.uuid?.replace(/^MIG-(GPU-)?/i, '').replace(/\/\d+\/\d+$/, '') ?? null)
  }
}

/** `identity`: the part of the UUID that must be whole. */
function take(found: Slots, slot: Slot, identity: string | null): void {
  const why = !REAL_UUID.test(identity ?? '') ? 'it has no UUID' : !isId(slot.id) || found.slots.some((other) => other.uuid === slot.uuid || other.id === slot.id || other.index === slot.index) ? 'another has the same UUID or number' : found.slots.length >= SLOTS_MAX ? `a host has ${SLOTS_MAX} slots at most` : null
  if (why === null) found.slots.push(slot)
  else found.left.push(`${slot.id} is no slot: ${why}`)
}

function sameGpu(gpus: readonly Gpu[], wanted: Gpu): Gpu | undefined {
  return gpus.find((gpu) => gpu.uuid !== null && gpu.uuid === wanted.uuid)
}
