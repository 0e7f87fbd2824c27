import { bare, isAbsent, numberOf, versionOf } from './cell.ts'
import type { Gpu, Listing, MigDevice, Trouble } from './listing.ts'
import { readGpu } from './read-gpu.ts'

/** `| 0  Tesla T4   On | 00000000:00:1E.0 Off | 0 |`: three cells, of which the middle one has a bus address, or N/A on an integrated GPU. */
const GPU_ROW = /^\s*\|\s*(\d{1,4})\s+(\S.*?)\s+(\S+)\s*\|\s*([0-9a-fA-F]{4,8}:[0-9a-fA-F]{2}:[0-9a-fA-F]{2}\.[0-9a-fA-F]|N\/A)\s+(\S+)\s*\|\s*(.*?)\s*\|\s*$/
const MIG_ROW = /^\s*\|\s*(\d{1,4})\s+(\d{1,4})\s+(\d{1,4})\s+(\d{1,4})\s*\|\s*(\d+MiB)\s*\/\s*(\d+MiB)\s*\|/
const HEAD = /NVIDIA-SMI\s+(\S+)/

/** What the table alone tells. */
export interface TableGpu {
  gpu: Gpu
  /** name as it stands there: cut to `NVIDIA GeForce ...`, or ERR! */
  printedName: string
  /** columns in which ERR! stands */
  errors: string[]
}

export interface Table {
  listing: Listing
  smiVersion: string | null
  rows: TableGpu[]
}

export function isTableLine(line: string): boolean {
  return GPU_ROW.test(line) || /^\s*\|\s*NVIDIA-SMI\s+\S+.*\|\s*$/.test(line) || /^\s*\|\s*GPU\s+Name\s+Persistence-M/.test(line)
}

/** The default output: `nvidia-smi` alone. Three lines a GPU (two before driver 450), then MIG devices, then processes. */
export function readTable(text: string): Table {
  const lines = text.split('\n')
  const head = lines.find((line) => HEAD.test(line) && /^\s*\|/.test(line)) ?? ''
  const cuda = /CUDA (?:UMD )?Version:\s*(.*?)\s*(?:\||$)/.exec(head)?.[1] ?? null
  const keyed = new Map<string, TableGpu>()
  lines.forEach((line, at) => {
    const match = GPU_ROW.exec(line)
    // with -l tables follow one another: the last row of each GPU counts
    if (match !== null) keyed.set(`${match[1]} ${match[4]}`, readRow(match, lines[at + 1] ?? '', lines[at + 2] ?? ''))
    takeMig(line, [...keyed.values()])
  })
  const rows = [...keyed.values()]
  const listing: Listing = {
    driver: versionOf(/(?:Driver|KMD) Version:\s*(\S+)/.exec(head)?.[1] ?? null),
    cuda: versionOf(cuda), cudaSaid: cuda === null || isAbsent(cuda) || versionOf(cuda) !== null ? null : bare(cuda),
    attached: null, gpus: rows.map((row) => row.gpu),
    notes: lines.map((line) => line.trim().slice(0, 256)).filter((line) => line !== '' && !/^[|+]/.test(line) && !/^[A-Z][a-z]{2} [A-Z][a-z]{2}\s+\d/.test(line)),
    trouble: [],
  }
  return { listing, smiVersion: versionOf(HEAD.exec(head)?.[1] ?? null), rows }
}

function readRow(match: RegExpExecArray, second: string, third: string): TableGpu {
  const [, index = '', name = '', , bus = '', , ecc = ''] = match
  const cells = cellsOf(second)
  const [fan, temperature, state, draw, limit] = (cells[0] ?? '').split(/\s+/).filter((word) => word !== '/')
  const [used, total] = (cells[1] ?? '').split('/').map((part) => part.trim())
  const [utilization] = (cells[2] ?? '').split(/\s+/)
  const mode = cellsOf(third)[2]
  const said = new Map<string, string>([['index', index], ['name', name], ['pci.bus_id', bus]])
  const put = (key: string, value: string | undefined): void => {
    if (value !== undefined && value !== '') said.set(key, value)
  }
  if (cells.length === 3) {
    put('fan.speed', fan)
    put('temperature.gpu', temperature)
    put('pstate', state)
    put('power.draw', draw)
    put('power.limit', limit)
    put('memory.used', used)
    put('memory.total', total)
    put('utilization.gpu', utilization)
  }
  if (/^\d+$/.test(ecc)) put('ecc.errors.uncorrected.volatile.total', ecc)
  put('ecc.mode.current', /^\d+$/.test(ecc) ? 'Enabled' : ecc === 'Off' ? 'Disabled' : undefined)
  put('mig.mode.current', /^(Enabled|Disabled)\*?$/.exec(mode ?? '')?.[0].replace('*', ''))
  const gpu = readGpu(said, { place: Number(index), units: true })
  if (cells.length !== 3) gpu.trouble.push({ field: 'text', said: 'the table ends inside this row' })
  return { gpu, printedName: name, errors: errorColumns({ fan, temp: temperature, perf: state, power: [draw, limit].find(isError), memory: [used, total].find(isError), util: utilization, ecc }) }
}

/** The cells of a whole line of the table; none of one that is cut. */
function cellsOf(line: string): string[] {
  const inner = /^\s*\|(.*)\|\s*$/.exec(line)?.[1]
  return inner === undefined ? [] : inner.split('|').map((cell) => cell.trim())
}

function isError(word: string | undefined): boolean {
  return word !== undefined && /^\[?(ERR!|Unknown Error)/i.test(word)
}

function errorColumns(columns: Record<string, string | undefined>): string[] {
  return Object.entries(columns).flatMap(([column, word]) => (isError(word) ? [column] : []))
}

function takeMig(line: string, rows: TableGpu[]): void {
  const match = MIG_ROW.exec(line)
  if (match === null) return
  const [, parent, instance, compute, index, used = '', total = ''] = match
  const gpu = rows.find((row) => row.gpu.index === Number(parent))?.gpu
  if (gpu === undefined) return
  const trouble: Trouble[] = gpu.trouble
  const device: MigDevice = {
    index: Number(index), uuid: null, profile: null, gpuInstanceId: Number(instance), computeInstanceId: Number(compute),
    memoryTotalMib: numberOf(total, 'MiB', 'mig.total', trouble, true), memoryUsedMib: numberOf(used, 'MiB', 'mig.used', trouble, true),
  }
  gpu.mig.devices.push(device)
}
