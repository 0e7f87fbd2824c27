import { DockerError, isDockerError } from '../docker/errors.ts'
import type { StepOf } from '../plan/steps.ts'
import { rowOf, type StepContext } from './context.ts'
import { failLaunch } from './exit.ts'
import { note } from './note.ts'

/** Pauses between the tries where the registry cannot be reached: about 20 s in all. */
const PAUSES_MS = [5_000, 15_000]
const NOTE_EVERY_MS = 1_000

/** Makes sure of the image: present, or pulled, or a final answer that says how to mend it. */
export async function ensureImage(context: StepContext, step: StepOf<'ensure-image'>, signal: AbortSignal): Promise<void> {
  const row = rowOf(context, step.alloc)
  const { image, forcePull } = row.spec
  try {
    if (forcePull || !(await context.docker.imagePresent(image))) await pull(context, step.alloc, image, signal)
    context.imageReady.add(step.alloc)
    context.imagesSeen.add(image)
  } catch (error) {
    const text = finalText(error, image, forcePull)
    if (text === null) throw error
    failLaunch(context, row, 'image', text)
  }
}

async function pull(context: StepContext, alloc: string, image: string, signal: AbortSignal): Promise<void> {
  const began = context.clock.monotonicMs()
  note(context, alloc, 'INFO', `pulling image ${image}`)
  await pullPatiently(context, alloc, image, signal)
  note(context, alloc, 'INFO', `pulled image ${image} in ${Math.round((context.clock.monotonicMs() - began) / 1000)} s`)
}

async function pullPatiently(context: StepContext, alloc: string, image: string, signal: AbortSignal): Promise<void> {
  for (const pauseMs of [...PAUSES_MS, null]) {
    try {
      return await context.docker.pull(image, { signal, onProgress: throttled(context, alloc, image) })
    } catch (error) {
      if (pauseMs === null || !isDockerError(error, 'registry-unreachable')) throw error
      note(context, alloc, 'WARNING', `image ${image} cannot be pulled, next try in ${pauseMs / 1000} s: ${error.message}`)
      await context.clock.sleep(pauseMs, signal)
      if (signal.aborted) throw new DockerError('aborted', `pull ${image} was aborted`)
    }
  }
}

/** At most one note a second: layers report by the hundred. */
function throttled(context: StepContext, alloc: string, image: string): (line: string) => void {
  let last = context.clock.monotonicMs()
  return (line) => {
    const now = context.clock.monotonicMs()
    if (now - last < NOTE_EVERY_MS) return
    last = now
    note(context, alloc, 'INFO', `pulling ${image}: ${line}`)
  }
}

/** Null where trying again may help. */
function finalText(error: unknown, image: string, forcePull: boolean): string | null {
  if (!(error instanceof DockerError)) return null
  switch (error.kind) {
    case 'image-missing':
      return `image ${image} is not on this agent and its registry does not have it: correct environment.image. Docker says: ${error.message}`
    case 'denied':
      return `image ${image} is not on this agent and its registry refuses it: correct environment.image, or log the agent's Docker in to a private registry. Docker says: ${error.message}`
    case 'invalid':
      return `${image} is no image name: correct environment.image. Docker says: ${error.message}`
    case 'registry-unreachable':
      return `image ${image} ${forcePull ? 'must be pulled (force_pull_image)' : 'is not on this agent'} and its registry could not be reached: build or load the image on the agent, or give the agent a way to the registry. Docker says: ${error.message}`
    case 'no-space':
      return `image ${image} does not fit on the agent's disk: free space or use a larger disk. Docker says: ${error.message}`
    default:
      return null
  }
}
