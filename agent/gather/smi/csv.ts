import { TROUBLE_WORD, bare, numberOf, versionOf } from './cell.ts'
import { FIELD_NAMES, type Said } from './fields.ts'
import type { Gpu, Listing } from './listing.ts'
import { newestOf } from './newest.ts'
import { readGpu } from './read-gpu.ts'

/** One block of `--format=csv`: a header and its rows, as printed. */
export interface CsvBlock {
  /** `memory.total [MiB]` */
  header: string[]
  rows: string[][]
}

export interface CsvText {
  blocks: CsvBlock[]
  notes: string[]
}

/** `pci.bus_id`, `memory.total [MiB]`; names are words with dots, some in camel case. */
const FIELD_CELL = /^([a-z][a-zA-Z0-9_]*(?:\.[a-zA-Z0-9_]+)*)(?: \[([^\]]{1,8})\])?$/

const KNOWN = new Set<string>([...Object.values(FIELD_NAMES).flat(), 'timestamp', 'driver_version', 'kmd_version', 'cuda_version', 'count', 'pid', 'process_name', 'used_memory', 'used_gpu_memory', 'vbios_version', 'compute_cap', 'persistence_mode', 'display_mode', 'display_active', 'compute_mode'])
/** First words of every family of fields, for those that are not in KNOWN. */
const FAMILY = /^(accounting|addressing_mode|clocks|clocks_event_reasons|clocks_throttle_reasons|display|driver_model|ecc|encoder|enforced|fabric|gom|gsp|inforom|memory|mig|module|pci|pcie|platform|power|protected_memory|remapped_rows|reset_status|retired_pages|temperature|utilization|vgpu_device_capability|vgpu_driver_capability)\./

/** nvidia-smi separates by comma and blank, so that a comma in a number or a name stays; who took the blanks away gets plain commas. */
export function cellsOf(line: string, spaced: boolean): string[] {
  return line.split(spaced ? /, +|(?<=\]),(?=\[)/ : ',').map((cell) => cell.trim())
}

function isHeader(cells: string[]): boolean {
  if (!cells.every((cell) => FIELD_CELL.test(cell))) return false
  const names = cells.map((cell) => FIELD_CELL.exec(cell)?.[1] ?? '')
  return names.filter((name) => KNOWN.has(name) || FAMILY.test(name)).length * 2 > names.length
}

/** Splits a text into blocks; null where no line is a header. Lines that are no row are notes. */
export function splitCsv(text: string): CsvText | null {
  const found: CsvText = { blocks: [], notes: [] }
  let spaced = true
  for (const line of text.split('\n')) {
    if (line.trim() === '') continue
    const header = cellsOf(line, line.includes(', ') || !line.includes(','))
    if (isHeader(header)) {
      spaced = line.includes(', ') || !line.includes(',')
      found.blocks.push({ header, rows: [] })
      continue
    }
    const block = found.blocks.at(-1)
    if (block === undefined) found.notes.push(line.trim().slice(0, 256))
    else takeRow(line, spaced, block, found.notes)
  }
  return found.blocks.length === 0 ? null : found
}

/** A row of fewer cells was cut: its last cell may be too, so only those before it stay. A longer one is no row, but for a comma in the last cell. */
function takeRow(line: string, spaced: boolean, block: CsvBlock, notes: string[]): void {
  const cells = cellsOf(line, spaced)
  const width = block.header.length
  const sentence = (cells.length === 1 && width > 1) || (width === 1 && /^\S+: |^(NVIDIA-SMI|Unable|Failed|No devices)/.test(line))
  if (sentence || (cells.length > width && width === 1 && !line.includes(', '))) notes.push(line.trim().slice(0, 256))
  else if (cells.length < width) block.rows.push(cells.slice(0, -1))
  else if (cells.length === width) block.rows.push(cells)
  else if (/^(name|gpu_name|process_name)\b/.test(block.header.at(-1) ?? '')) block.rows.push([...cells.slice(0, width - 1), cells.slice(width - 1).join(', ')])
  else notes.push(`${cells.length} cells below ${width} fields: ${line.slice(0, 200)}`)
}

export function nameOf(headerCell: string): string {
  return FIELD_CELL.exec(headerCell)?.[1] ?? headerCell
}

/** The GPUs of `--query-gpu --format=csv`, with or without units; several blocks are columns of the same GPUs. */
export function readCsv(text: CsvText): Listing {
  const listing: Listing = { driver: null, cuda: null, cudaSaid: null, attached: null, gpus: [], notes: text.notes, trouble: [] }
  const blocks = text.blocks.filter((block) => block.rows.length > 0)
  const height = blocks[0]?.rows.length ?? 0
  const same = blocks.filter((block) => block.rows.length === height)
  if (same.length !== blocks.length) listing.trouble.push({ field: 'text', said: 'the blocks of this output list different numbers of GPUs: only those as long as the first are read' })
  const units = same.some((block) => block.header.some((cell, column) => withUnit(cell, block.rows.map((row) => row[column]))))
  const saids = Array.from({ length: height }, (_, row) => joinRow(same, row))
  for (const said of saids) {
    listing.driver ??= versionOf(said.get('driver_version') ?? null) ?? versionOf(said.get('kmd_version') ?? null)
    listing.cuda ??= versionOf(said.get('cuda_version') ?? null)
    listing.attached ??= numberOf(said.get('count') ?? null, '', 'attached', listing.trouble)
    if (same.some((block) => block.header.length > said.size)) listing.trouble.push({ field: 'text', said: 'a row ends before its last field' })
  }
  listing.gpus = newestOf(saids.map((said, place) => readGpu(said, { place, units })), saids.every((said) => said.has('index')))
  return listing
}

function withUnit(headerCell: string, values: (string | undefined)[]): boolean {
  const unit = FIELD_CELL.exec(headerCell)?.[2]
  return unit !== undefined && values.some((value) => value?.endsWith(` ${unit}`) === true)
}

function joinRow(blocks: CsvBlock[], row: number): Said {
  const said = new Map<string, string>()
  for (const block of blocks) {
    block.header.forEach((cell, column) => {
      const value = block.rows[row]?.[column]
      if (value !== undefined) said.set(nameOf(cell), value)
    })
  }
  return said
}

const VALUE_CELL = /^(\[[^\]]+\]|n\/a|[+-]?\d[\d.,]*( [a-z%/]+)?|0x[0-9a-f]+|gpu-[0-9a-f-]+|[0-9a-f]{4,8}:[0-9a-f:.]+|(not )?active|enabled|disabled|yes|no|default|p\d{1,2}|[\d.]+)$/i

/** Rows of `csv,noheader`: nothing says what the columns are, so they stay as they are. Null where the lines are no such rows. */
export function splitHeaderless(text: string): { rows: string[][]; notes: string[] } | null {
  const rows: string[][] = []
  const notes: string[] = []
  for (const line of text.split('\n')) {
    if (line.trim() === '') continue
    const cells = cellsOf(line, line.includes(', '))
    const values = cells.filter((cell) => VALUE_CELL.test(cell) || TROUBLE_WORD.test(bare(cell))).length
    const alone = cells.length === 1 && /^(GPU-[0-9a-f-]{36}|\[[A-Z][^\]]*\]|\d+( MiB| %| W| MHz)?)$/i.test(cells[0] ?? '')
    if (alone || (cells.length > 1 && values * 2 >= cells.length)) rows.push(cells)
    else notes.push(line.trim().slice(0, 256))
  }
  return rows.length === 0 || notes.length > rows.length + 4 ? null : { rows, notes }
}

/** What a row without header tells by its form alone: the UUID and the bus address. Every number stays unread. */
export function readHeaderless(rows: string[][]): Gpu[] {
  const saids = rows.map((row) => {
    const said = new Map<string, string>()
    const uuid = row.find((cell) => /^GPU-[0-9a-f-]{36}$/i.test(cell))
    const bus = row.find((cell) => /^[0-9a-f]{4,8}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-9a-f]$/i.test(cell))
    if (uuid !== undefined) said.set('uuid', uuid)
    if (bus !== undefined) said.set('pci.bus_id', bus)
    return said
  })
  return saids.map((said, place) => readGpu(said, { place, units: false }))
}
