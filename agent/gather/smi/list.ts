import { textOf, uuidOf } from './cell.ts'
import type { Gpu, Listing } from './listing.ts'
import { newestOf } from './newest.ts'
import { readGpu } from './read-gpu.ts'

const GPU_LINE = /^\s*GPU\s+(\d{1,4}):\s+(.*?)\s*\((UUID|S\/N):\s*([^()]*)\)\s*$/
const MIG_LINE = /^\s*MIG\s+(\S+)\s+Device\s+(\d{1,4}):\s*\(UUID:\s*([^()]*)\)\s*$/

export function isListLine(line: string): boolean {
  return GPU_LINE.test(line) || MIG_LINE.test(line)
}

/** `nvidia-smi -L`: GPUs, and below each its MIG devices. A line that is cut is no device; it stays as a note. */
export function readList(text: string): Listing {
  const listing: Listing = { driver: null, cuda: null, cudaSaid: null, attached: null, gpus: [], notes: [], trouble: [] }
  let parent: Gpu | null = null
  for (const line of text.split('\n')) {
    if (line.trim() === '') continue
    const gpu = GPU_LINE.exec(line)
    const mig = MIG_LINE.exec(line)
    if (gpu !== null) listing.gpus.push((parent = gpuOf(gpu)))
    else if (mig !== null && parent !== null) takeMig(mig, parent)
    else {
      listing.notes.push(line.trim().slice(0, 256))
      // its devices would otherwise be taken for those of the GPU before
      if (/^\s*GPU\s/.test(line)) parent = null
    }
  }
  listing.gpus = newestOf(listing.gpus)
  return listing
}

function gpuOf(match: RegExpExecArray): Gpu {
  const [, index = '', name = '', what, id = ''] = match
  return readGpu(new Map([['index', index], ['name', name], [what === 'UUID' ? 'uuid' : 'serial', id]]), { place: 0, units: true })
}

function takeMig(match: RegExpExecArray, parent: Gpu): void {
  const [, profile = '', index = '', id = ''] = match
  const uuid = textOf(id, 'mig.uuid', parent.trouble)
  const old = /^MIG-(GPU-[0-9a-f-]+)\/(\d{1,3})\/(\d{1,3})$/i.exec(uuid ?? '')
  const whole = old === null ? uuidOf(uuid?.replace(/^MIG-/i, '') ?? null, parent.trouble) !== null : uuidOf(old[1] ?? null, parent.trouble) !== null
  parent.mig.mode = 'Enabled'
  parent.mig.devices.push({
    index: Number(index), uuid: whole ? uuid : null, profile,
    gpuInstanceId: old === null ? null : Number(old[2]), computeInstanceId: old === null ? null : Number(old[3]),
    memoryTotalMib: null, memoryUsedMib: null,
  })
}
