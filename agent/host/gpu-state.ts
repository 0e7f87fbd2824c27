import type { Log } from '../../protocol/kit/log.ts'
import type { Slot } from '../../protocol/wire/heartbeat.ts'
import { failureOf } from '../gather/smi/failure.ts'
import type { Gpu } from '../gather/smi/listing.ts'
import { readSmi } from '../gather/smi/read.ts'
import { slotsOf } from '../gather/smi/slots.ts'
import type { MigReader } from './mig-devices.ts'
import type { SmiAnswer } from './nvidia-smi.ts'

/** What stands in the way of a list; null on `GpuList` while nvidia-smi answers, or is not there. */
export interface GpuVerdict {
  kind: 'hang' | 'failed'
  /** for people: what, why, the cure */
  what: string
}

export interface GpuList {
  slots: Slot[]
  driver: string | null
  verdict: GpuVerdict | null
}

export interface GpuState {
  list: () => GpuList
  /** a text that should be a list */
  takeText(text: string): Promise<void>
  /** how an nvidia-smi ended that should have gone on */
  takeEnd(answer: SmiAnswer): Promise<void>
  late(afterMs: number): void
}

const GPULESS: ReadonlySet<string> = new Set(['driver-not-loaded', 'no-devices', 'library-missing'])
const SEE = 'a GPU or its driver may hang, see the kernel log'

/** What is known of the GPUs. A failure or a hang is a verdict and leaves the slots as they were. Each thing is logged once. */
export function openGpuState(deps: { mig: MigReader; cpuSlots: () => Promise<Slot[]>; gpuOnBus: () => Promise<boolean>; log: Log }): GpuState {
  const { log } = deps
  let held: GpuList = { slots: [], driver: null, verdict: null }
  let said = ''
  return {
    list: () => held,
    late: (afterMs) => judge({ kind: 'hang', what: `nvidia-smi gave no answer within ${afterMs / 1000} s: ${SEE}` }),
    takeText: async (text) => {
      const reading = readSmi(text)
      if (!('listing' in reading)) return judge({ kind: 'failed', what: `nvidia-smi gave no list of GPUs: ${reading.kind === 'error' ? reading.failure.what : reading.kind === 'nothing' ? reading.saw : reading.kind}` })
      const { slots, left } = slotsOf(reading.listing.gpus, await deps.mig.read(reading.listing.gpus))
      const gone = held.slots.filter((slot) => slot.kind !== 'cpu' && !slots.some((other) => other.uuid === slot.uuid)).map((slot) => slot.id)
      if (held.verdict !== null) log.info({ verdict: held.verdict.kind }, 'nvidia-smi answers again')
      held = { slots, driver: reading.listing.driver ?? held.driver, verdict: null }
      warnOf({ notes: reading.listing.notes, left, trouble: troubleOf(reading.listing.gpus) }, gone)
    },
    takeEnd: async (answer) => {
      if (answer.kind === 'absent' && held.slots.length === 0) held = { slots: await deps.cpuSlots(), driver: null, verdict: null }
      else if (answer.kind === 'hung') judge({ kind: 'hang', what: `${answer.text}: ${SEE}` })
      else if (answer.kind === 'failed') await takeFailure(answer.code, answer.text)
    },
  }

  async function takeFailure(code: number | null, text: string): Promise<void> {
    const failure = failureOf(text)
    // one machine image for hosts with and without GPU: there, the driver is installed and finds nothing
    if (failure !== null && GPULESS.has(failure.kind) && held.slots.every((slot) => slot.kind === 'cpu') && !(await deps.gpuOnBus())) {
      if (held.slots.length === 0) log.info({ said: failure.line }, 'no NVIDIA GPU on the PCI bus, this host counts CPU slots')
      held = { slots: held.slots.length === 0 ? await deps.cpuSlots() : held.slots, driver: null, verdict: null }
    } else judge({ kind: 'failed', what: failure?.what ?? endOf(code, text.trim().slice(-500)) })
  }

  function judge(verdict: GpuVerdict): void {
    if (held.verdict?.what !== verdict.what) log.error({ verdict: verdict.kind, what: verdict.what }, 'no list of GPUs, the slots stay as they were')
    held = { ...held, verdict }
  }

  function warnOf(told: { notes: string[]; left: string[]; trouble: string[] }, gone: string[]): void {
    const now = JSON.stringify(told)
    const news = now !== said && Object.values(told).some((each) => each.length > 0)
    if (news || gone.length > 0) log.warn({ ...told, gone }, 'the list of GPUs is not as it should be')
    said = now
  }
}

function endOf(code: number | null, said: string): string {
  return `nvidia-smi ended with ${code === null ? 'a signal' : `exit code ${code}`}${said === '' ? ' and said nothing' : `, saying ${JSON.stringify(said)}`}`
}

function troubleOf(gpus: readonly Gpu[]): string[] {
  return gpus.flatMap((gpu) => gpu.trouble.map(({ field, said }) => `GPU ${gpu.index} ${field}: ${said}`)).slice(0, 50)
}
