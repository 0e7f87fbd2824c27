import type { AllocationSpec } from '../../protocol/wire/spec.ts'
import { DockerError } from '../docker/errors.ts'
import type { StepDeps } from './execute.ts'

const TRIES = 3
const PAUSE_MS = 5_000

export type ImageResult = { ok: true } | { ok: false; error: string }

/** Present, or pulled; else an error that names the image and the cure. An engine that does not answer is tried again by the loop. */
export async function ensureImage(deps: Pick<StepDeps, 'engine' | 'journal' | 'clock'>, spec: AllocationSpec, signal: AbortSignal): Promise<ImageResult> {
  const present = await deps.engine.hasImage(spec.image)
  if (present && !spec.forcePull) return { ok: true }
  const note = (text: string): void => void deps.journal.outbox.append({ kind: 'note', t: deps.clock.wallMs(), alloc: spec.alloc, level: 'INFO', text: text.slice(0, 8_000) })
  for (let tried = 1; ; tried += 1) {
    try {
      await deps.engine.pull(spec.image, note, signal)
      return { ok: true }
    } catch (error) {
      if (signal.aborted || !(error instanceof DockerError)) throw error
      if (error.kind === 'image-missing') return failed(spec, `the registry does not have it (${error.message})`, 'check environment.image for a slip in name or tag')
      if (error.kind === 'denied') return failed(spec, `the registry refused it (${error.message})`, 'check that the image exists and that this agent may pull it')
      if (error.kind === 'no-space') return failed(spec, error.message, "free space on the agent's disk or choose a larger root volume")
      if (tried >= TRIES) return failed(spec, `the registry could not be reached in ${TRIES} tries (${error.message})`, 'check the name of the registry and the network of the agent, or put the image on the agent')
      note(`pulling ${spec.image} failed, will be tried again: ${error.message}`)
      await deps.clock.sleep(PAUSE_MS, signal)
    }
  }
}

function failed(spec: AllocationSpec, what: string, cure: string): ImageResult {
  return { ok: false, error: `image ${spec.image} is not on the agent and cannot be pulled: ${what}. Cure: ${cure}` }
}
