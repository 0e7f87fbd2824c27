import type { Gpu } from './listing.ts'

/** Made unreadable by whoever passed the output on, so that many GPUs may have it. */
const MASKED = /^GPU-0+-|[^0-9a-f-]{4}/i

/**
 * `-l` prints every GPU again and again, and outputs are put into one file: of those with the same UUID and bus address
 * (or, where none is told, printed index) the last counts. An index that is only a place in the listing is counted anew.
 */
export function newestOf(gpus: readonly Gpu[], indexPrinted = true): Gpu[] {
  const keyed = new Map<string, Gpu>()
  for (const gpu of gpus) {
    const place = gpu.pciBusId ?? (indexPrinted || MASKED.test(gpu.uuid ?? '') ? gpu.index : '')
    keyed.set(gpu.uuid === null && gpu.pciBusId === null ? `place ${keyed.size}` : `${gpu.uuid ?? ''} ${place}`, gpu)
  }
  if (keyed.size === gpus.length) return [...gpus]
  const indices = new Set([...keyed.values()].map((gpu) => gpu.index))
  const printed = indices.size === keyed.size && [...indices].every((index) => index < keyed.size)
  return [...keyed.values()].map((gpu, place) => (printed ? gpu : { ...gpu, index: place }))
}
