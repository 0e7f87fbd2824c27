import type { Slot } from '../../protocol/wire/heartbeat.ts'
import { isId } from '../../protocol/words/ids.ts'

/** What `parseGpuCsv` reads: `nvidia-smi --query-gpu=<these> --format=csv,noheader,nounits` */
export const GPU_FIELDS = 'index,uuid,memory.total,driver_version,name'

export interface GpuList {
  slots: Slot[]
  driver: string | null
}

/**
 * Lines that are no GPU are left out: nvidia-smi writes its errors and warnings to stdout, and a lost GPU simply has
 * no line. The name comes last, so that a comma in one would do no harm. Memory that is not told counts as 0.
 */
export function parseGpuCsv(text: string): GpuList {
  const slots: Slot[] = []
  let driver: string | null = null
  for (const line of text.split(/\r?\n/)) {
    const [index, uuid, memory, version, ...name] = line.split(', ').map((cell) => cell.trim())
    if (index === undefined || uuid === undefined || !/^\d{1,4}$/.test(index) || !/^GPU-[0-9a-f-]{8,64}$/i.test(uuid)) continue
    const id = `gpu-${Number(index)}`
    if (!isId(id) || slots.some((slot) => slot.id === id || slot.uuid === uuid)) continue
    slots.push({ id, kind: 'cuda', uuid, brand: name.join(', ').slice(0, 256), memoryMib: memory !== undefined && /^\d{1,9}$/.test(memory) ? Number(memory) : 0, index: Number(index) })
    if (version !== undefined && /^\d+(\.\d+)+$/.test(version)) driver = version
  }
  return { slots: slots.sort((a, b) => a.index - b.index), driver }
}
