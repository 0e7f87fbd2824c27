import type { Clock } from '../../protocol/kit/clock.ts'
import type { Log } from '../../protocol/kit/log.ts'
import type { Slot } from '../../protocol/wire/heartbeat.ts'
import { failureOf } from '../gather/smi/failure.ts'
import { endRound, NO_ROUNDS, takeLine, type Step } from '../gather/smi/rounds.ts'
import { openGpuState, type GpuList } from './gpu-state.ts'
import { openMigReader } from './mig-devices.ts'
import { DEADLINE_MS, openNvidiaSmi, type NvidiaSmi, type SmiAnswer } from './nvidia-smi.ts'

export interface WatchDeps {
  /** slots of a host without GPU */
  cpuSlots: () => Promise<Slot[]>
  /** whether the PCI bus has an NVIDIA GPU, working or not */
  gpuOnBus: () => Promise<boolean>
  clock: Clock
  log: Log
  signal: AbortSignal
  smi?: NvidiaSmi
  timing?: Partial<typeof TIMING>
}

export interface GpuWatch {
  list: () => GpuList
  /** the first answer, whatever it is, or its deadline */
  first: Promise<void>
  ended: Promise<void>
}

const TIMING = { everyS: 10, lateMs: DEADLINE_MS, killMs: 30_000, retryMs: 60_000 }

/** In order of preference: drivers before 450 know no MIG, and refuse a question with a field they do not know. */
const QUESTIONS = ['index,count,uuid,name,driver_version,memory.total,mig.mode.current,pci.bus_id', 'index,count,uuid,name,driver_version,memory.total,pci.bus_id']

/**
 * One long-lived nvidia-smi that lists the GPUs each 10 s; after a failure or a hang the next try comes a minute later.
 * Where `-l` gives nothing and a single question does, single ones are asked.
 */
export function watchGpus(deps: WatchDeps): GpuWatch {
  const { clock, signal } = deps
  const timing = { ...TIMING, ...deps.timing }
  const smi = deps.smi ?? openNvidiaSmi()
  const state = openGpuState({ mig: openMigReader(smi, clock, deps.log), cpuSlots: deps.cpuSlots, gpuOnBus: deps.gpuOnBus, log: deps.log })
  let question = 0
  let single = false
  const first = Promise.withResolvers<void>()
  signal.addEventListener('abort', () => first.resolve(), { once: true })
  return { list: state.list, first: first.promise, ended: run() }

  async function run(): Promise<void> {
    while (!signal.aborted) {
      const pauseMs = await pass().catch((error: unknown) => broken(error))
      first.resolve()
      await clock.sleep(pauseMs, signal)
    }
  }

  /** One life of nvidia-smi, or one question; the pause after it. */
  async function pass(): Promise<number> {
    const answer = single ? await once() : await follow()
    if (!signal.aborted) await state.takeEnd(answer)
    return answer.kind === 'output' ? timing.everyS * 1000 : timing.retryMs
  }

  function broken(error: unknown): number {
    deps.log.error({ err: error }, 'the GPUs could not be read, the slots stay as they were')
    return timing.retryMs
  }

  async function follow(): Promise<SmiAnswer> {
    let rounds = NO_ROUNDS
    let answers = 0
    let taking = Promise.resolve()
    const step = (next: Step): boolean => {
      rounds = next.rounds
      const text = next.done
      if (text === null) return false
      answers += 1
      taking = taking.then(() => take(text)).catch((error: unknown) => void broken(error))
      return true
    }
    const answer = await smi.follow([`--query-gpu=${QUESTIONS[question] ?? ''}`, '--format=csv', '-l', String(timing.everyS)], {
      onLine: (line) => step(takeLine(rounds, line)), onQuiet: () => step(endRound(rounds)), everyMs: timing.everyS * 1000, lateMs: timing.lateMs, killMs: timing.killMs, signal,
      onLate: () => {
        state.late(timing.lateMs)
        first.resolve()
      },
    })
    await taking
    if (answer.kind === 'failed' && answers === 0 && failureOf(answer.text)?.kind === 'bad-question' && question + 1 < QUESTIONS.length) {
      question += 1
      return follow()
    }
    if (answer.kind !== 'hung' || answers > 0) return answer
    const asked = await once()
    single = asked.kind === 'output'
    return single ? asked : answer
  }

  async function once(): Promise<SmiAnswer> {
    const answer = await smi.run([`--query-gpu=${QUESTIONS[question] ?? ''}`, '--format=csv'], timing.lateMs)
    if (answer.kind === 'output') await take(answer.text)
    return answer
  }

  async function take(text: string): Promise<void> {
    await state.takeText(text)
    first.resolve()
  }
}
