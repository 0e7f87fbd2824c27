/** One GPU as `--query-gpu=index,name,uuid,memory.total --format=csv,noheader,nounits` prints it. */
export interface CsvGpu {
  index: number
  name: string
  uuid: string
  /** MiB; null where the driver does not say */
  memoryMib: number | null
}

/** Lines that are no GPU (an error text, a cut line) are left out: nothing is guessed. */
export function parseGpuCsv(text: string): CsvGpu[] {
  return text.split('\n').flatMap((line) => {
    const [index, name, uuid, memory] = line.split(', ').map((cell) => cell.trim())
    if (index === undefined || !/^\d{1,4}$/.test(index) || !name || !uuid || !/^GPU-[0-9a-f-]{8,}$/i.test(uuid)) return []
    return [{ index: Number(index), name, uuid, memoryMib: memory !== undefined && /^\d+$/.test(memory) ? Number(memory) : null }]
  })
}
