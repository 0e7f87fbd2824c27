import { numberOf } from './cell.ts'
import type { Trouble } from './listing.ts'
import { readList } from './list.ts'

export interface NvLink {
  link: number
  active: boolean
  /** GB/s one way; null where it is inactive or not told */
  gbPerSecond: number | null
}

export interface NvLinkGpu {
  index: number
  name: string | null
  uuid: string | null
  links: NvLink[]
  /** what stands in place of links: MIG mode, all inactive */
  notes: string[]
  trouble: Trouble[]
}

const LINK = /^\s*Link (\d{1,3}):\s*(.*?)\s*$/

export function isNvLinkLine(line: string): boolean {
  return /^\s*Link \d{1,3}: (<inactive>|[\d.,]+ GB\/s)\s*$/.test(line) || /^\s*(NVML: )?(Nvlink queries are not supported|Unable to retrieve NVLink)/i.test(line)
}

/** `nvidia-smi nvlink -s`: below each GPU its links. */
export function readNvLink(text: string): NvLinkGpu[] {
  const gpus: NvLinkGpu[] = []
  for (const line of text.split('\n')) {
    const [gpu] = readList(line).gpus
    if (gpu !== undefined) gpus.push({ index: gpu.index, name: gpu.name, uuid: gpu.uuid, links: [], notes: [], trouble: gpu.trouble })
    const current = gpus.at(-1)
    if (gpu !== undefined || current === undefined || line.trim() === '') continue
    const match = LINK.exec(line)
    if (match === null) current.notes.push(line.trim().slice(0, 256))
    else current.links.push(linkOf(Number(match[1]), match[2] ?? '', current.trouble))
  }
  return gpus
}

function linkOf(link: number, said: string, trouble: Trouble[]): NvLink {
  if (/^<inactive>$/i.test(said)) return { link, active: false, gbPerSecond: null }
  const gbPerSecond = numberOf(said, 'GB/s', `nvlink.${link}`, trouble, true)
  return { link, active: gbPerSecond !== null, gbPerSecond }
}
