import { Compile } from 'typebox/compile'
import { AllocationSpec } from '../../protocol/wire/spec.ts'
import { parseAllocationId } from '../../protocol/words/ids.ts'
import type { StepOf } from '../plan/steps.ts'
import { BlobError, type StepContext } from './context.ts'
import { refuse } from './exit.ts'

const SPEC_BYTES_MAX = 8 << 20
const specCheck = Compile(AllocationSpec)

/** Fetches the spec and journals the intent: from here on the agent answers for the allocation. */
export async function accept(context: StepContext, step: StepOf<'accept'>, signal: AbortSignal): Promise<void> {
  const spec = await fetchSpec(context, step, signal)
  if (spec === null || signal.aborted) return
  // looked at again: the epoch fences also against what was accepted while the spec was on its way (I3)
  const task = parseAllocationId(step.alloc)?.task ?? step.alloc
  if (context.journal.highestEpoch(task) >= step.epoch) return
  const now = context.clock.wallMs()
  // taken for present: `create` tells where it has been removed since
  const present = !spec.forcePull && context.imagesSeen.has(spec.image)
  const atOnce = present && spec.restore === null && spec.worldSize === 1
  context.journal.transaction((tx) => {
    tx.putAllocation({ alloc: step.alloc, epoch: step.epoch, specDigest: step.specDigest, spec, phase: 'accepted', containerId: null, preemptAt: null, stopAt: null, acceptedAt: now })
    tx.append({ kind: 'state', alloc: step.alloc, t: now, state: 'PULLING' }, atOnce)
  })
  if (present) context.imageReady.add(step.alloc)
}

/** The journal was lost: the row is made again from Docker's container and the master's spec. */
export async function adopt(context: StepContext, step: StepOf<'adopt'>, signal: AbortSignal): Promise<void> {
  const spec = await fetchSpec(context, step, signal)
  if (spec === null || signal.aborted) return
  const { alloc, epoch, specDigest, phase, containerId } = step
  context.journal.putAllocation({ alloc, epoch, specDigest, spec, phase, containerId, preemptAt: null, stopAt: null, acceptedAt: context.clock.wallMs() })
}

/** Null where the spec can never be had: the allocation is then answered for. */
async function fetchSpec(context: StepContext, step: StepOf<'accept'> | StepOf<'adopt'>, signal: AbortSignal): Promise<AllocationSpec | null> {
  try {
    const spec = parse(await context.blobs.fetch(step.specDigest, SPEC_BYTES_MAX, signal))
    if (!specCheck.Check(spec)) throw new BlobError(`the spec is not of this agent's protocol: ${specCheck.Errors(spec)[0]?.message ?? 'wrong shape'}`)
    if (spec.alloc !== step.alloc || spec.clusterId !== context.clusterId) throw new BlobError(`the spec is for ${spec.alloc} of cluster ${spec.clusterId}`)
    return spec
  } catch (error) {
    if (!(error instanceof BlobError)) throw error
    refuse(context, { kind: 'refuse', alloc: step.alloc, exit: 'agent-error', reason: error.message })
    return null
  }
}

function parse(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString('utf8'))
  } catch (error) {
    throw new BlobError('the spec is no JSON', { cause: error })
  }
}
