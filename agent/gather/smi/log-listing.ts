import { bare, numberOf, textOf, TROUBLE_WORD, versionOf } from './cell.ts'
import type { Gpu, Listing, MigDevice } from './listing.ts'
import { newestOf } from './newest.ts'
import { readGpu } from './read-gpu.ts'
import { childOf, flatten, valueAt, type Node, type Tree } from './tree.ts'

/** Sections that hold many of one kind: read by themselves. */
const APART = new Set(['mig_devices', 'mig_device', 'processes', 'accounted_processes', 'supported_clocks', 'process_id', 'process_info'])

const GPU_LABEL = /^GPU\s?([0-9a-f]{4,8}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-9a-f])$/i

/** The GPUs of `-q` (`notation` q) or `-q -x` (xml). */
export function readLog(tree: Tree, notation: 'q' | 'xml'): Listing {
  const isGpu = notation === 'xml' ? (node: Node) => node.key === 'gpu' : (node: Node) => GPU_LABEL.test(node.label)
  const gpus = findAll(tree.root, isGpu)
  const said = (...keys: string[]): string | null => keys.map((key) => headValue(tree.root, key, isGpu)).find((value) => value !== null) ?? null
  const cudaSaid = said('cuda_umd_version', 'cuda_version')
  const trouble: Listing['trouble'] = tree.broken === null ? [] : [{ field: 'text', said: tree.broken }]
  const attached = numberOf(said('attached_gpus'), '', 'attached', trouble)
  const listing: Listing = {
    driver: versionOf(said('kmd_version')) ?? versionOf(said('driver_version')),
    cuda: versionOf(cudaSaid),
    cudaSaid: cudaSaid === null || versionOf(cudaSaid) !== null || /^\[?n\/a\]?$/i.test(cudaSaid) ? null : bare(cudaSaid),
    attached,
    gpus: newestOf(gpus.map((gpu, place) => readOne(gpu, place))),
    notes: notesOf(tree.root, notation),
    trouble,
  }
  if (attached !== null && attached !== listing.gpus.length) trouble.push({ field: 'attached', said: `${attached} are attached, ${listing.gpus.length} are listed` })
  return listing
}

function readOne(from: Node, place: number): Gpu {
  const said = flatten(from, APART)
  // `index` below a GPU belongs to a MIG device
  said.delete('index')
  const id = /\bid\s*=\s*["']([^"']*)["']/.exec(from.label)?.[1] ?? GPU_LABEL.exec(from.label)?.[1]
  if (id !== undefined && !said.has('pci.bus_id') && !said.has('pci.pci_bus_id')) said.set('pci.bus_id', id)
  const gpu = readGpu(said, { place, units: true })
  const devices = [...from.children, ...(childOf(from, 'mig_devices')?.children ?? [])].filter((child) => child.key === 'mig_device')
  gpu.mig.devices = devices.map((device, index) => readMig(device, index, gpu))
  gpu.processes = findAll(childOf(from, 'processes') ?? from, (each) => each.key === 'process_info' || each.key === 'process_id').length
  for (const word of [from.value, ...from.children.filter((child) => child.value === null && child.children.length === 0).map((child) => child.label)]) {
    if (word !== null && TROUBLE_WORD.test(bare(word))) gpu.trouble.push({ field: 'gpu', said: bare(word) })
  }
  return gpu
}

function readMig(from: Node, place: number, gpu: Gpu): MigDevice {
  const trouble = gpu.trouble
  const memory = childOf(from, 'fb_memory_usage', 'shared_fb_memory_usage')
  const count = (key: string): number | null => numberOf(valueAt(from, key), '', `mig.${key}`, trouble)
  const mebibytes = (key: string): number | null => (memory === null ? null : numberOf(valueAt(memory, key), 'MiB', `mig.${key}`, trouble, true))
  return {
    index: count('index') ?? place,
    uuid: textOf(valueAt(from, 'uuid', 'mig_uuid', 'mig_device_uuid'), 'mig.uuid', trouble),
    profile: textOf(valueAt(from, 'profile', 'device_name'), 'mig.profile', trouble),
    gpuInstanceId: count('gpu_instance_id'), computeInstanceId: count('compute_instance_id'),
    memoryTotalMib: mebibytes('total'), memoryUsedMib: mebibytes('used'),
  }
}

const HEAD_KEY = /^(timestamp|(driver|cuda|kmd|cuda_umd|nvml)_version|attached_gpus|.*nvsmi_log)$/

/** Lines that are no part of the log, as warnings of a wrapper or of nvidia-smi itself. */
function notesOf(root: Node, notation: 'q' | 'xml'): string[] {
  const lines = notation === 'xml' ? (root.value ?? '').split('\n') : root.children.filter((child) => child.children.length === 0 && !GPU_LABEL.test(child.label) && !HEAD_KEY.test(child.key)).map((child) => (child.value === null ? child.label : `${child.label}: ${child.value}`))
  return lines.map((line) => line.trim().slice(0, 256)).filter((line) => line !== '')
}

/** The first value of a key outside the GPUs; copied text is not always indented as it was. */
function headValue(from: Node, key: string, isGpu: (node: Node) => boolean): string | null {
  for (const child of from.children) {
    if (isGpu(child)) continue
    const value = child.key === key ? child.value : headValue(child, key, isGpu)
    if (value !== null) return value
  }
  return null
}

function findAll(from: Node, wanted: (node: Node) => boolean): Node[] {
  return from.children.flatMap((child) => (wanted(child) ? [child] : findAll(child, wanted)))
}
