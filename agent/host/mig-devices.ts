import type { Clock } from '../../protocol/kit/clock.ts'
import type { Log } from '../../protocol/kit/log.ts'
import type { Gpu } from '../gather/smi/listing.ts'
import { readSmi } from '../gather/smi/read.ts'
import type { MigSources } from '../gather/smi/slots.ts'
import type { NvidiaSmi } from './nvidia-smi.ts'

export interface MigReader {
  /** the MIG devices of these GPUs; empty where none is in MIG mode */
  read(gpus: readonly Gpu[]): Promise<MigSources>
}

const NONE: MigSources = { list: [], log: [] }
const REFRESH_MS = 60_000

/**
 * MIG devices stand only in `-L` (UUID, profile) and `-q -x` (memory). Both are asked where some GPU is in MIG mode: the
 * list each minute, the dear XML when the list has changed. While one fails, what was known stays.
 */
export function openMigReader(smi: NvidiaSmi, clock: Clock, log: Log): MigReader {
  let known: MigSources = NONE
  let modes = ''
  let askedMs = Number.NEGATIVE_INFINITY
  return {
    read: async (gpus) => {
      const now = JSON.stringify(gpus.map((gpu) => [gpu.uuid, gpu.mig.mode]))
      if (!gpus.some((gpu) => gpu.mig.mode === 'Enabled')) {
        modes = now
        return (known = NONE)
      }
      if (now === modes && clock.monotonicMs() - askedMs < REFRESH_MS) return known
      askedMs = clock.monotonicMs()
      const list = await ask('-L')
      if (list === null) return known
      modes = now
      if (JSON.stringify(list) === JSON.stringify(known.list) && known.log.length > 0) return known
      return (known = { list, log: (await ask('-q', '-x')) ?? [] })
    },
  }

  async function ask(...args: string[]): Promise<Gpu[] | null> {
    const answer = await smi.run(args)
    const reading = answer.kind === 'output' || answer.kind === 'failed' ? readSmi(answer.text) : null
    if (reading !== null && 'listing' in reading && reading.listing.gpus.length > 0) return reading.listing.gpus
    log.warn({ args, answer: answer.kind }, 'nvidia-smi did not tell the MIG devices, those known before stay')
    return null
  }
}
