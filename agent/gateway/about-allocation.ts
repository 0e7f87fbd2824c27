import { rendezvousOf, resourcesId } from '../plan/harness.ts'
import { ALONE } from '../plan/wiring.ts'
import { HttpError, answerJson, readBody } from './answer.ts'
import { SMALL_BYTES_MAX, commit, requireAllocation, type Call, type RouteOptions } from './call.ts'

const POLL_SECONDS_MAX = 600
const LOOK_AGAIN_MS = 200

/** Waits up to the timeout: a prompt `false` makes the harness ask in a tight circle. */
export async function preemption(options: RouteOptions, call: Call): Promise<void> {
  requireAllocation(options, call)
  const asked = Number(call.query.get('timeout_seconds') ?? call.query.get('timeoutSeconds') ?? 0)
  if (!Number.isFinite(asked) || asked < 0) throw new HttpError(400, 'timeout_seconds must be a number of at least 0')
  const preempt = await options.preemption.wait(Math.min(asked, POLL_SECONDS_MAX) * 1000, untilGone(options, call))
  answerJson(call.response, 200, { preempt })
}

export async function acknowledge(options: RouteOptions, call: Call): Promise<void> {
  requireAllocation(options, call)
  await readBody(call.request, SMALL_BYTES_MAX)
  commit(options, { kind: 'preempt-ack', alloc: options.spec.alloc, t: options.clock.wallMs() })
  answerJson(call.response, 200, {})
}

/** Who is where. A container is created when that is known and journalled in the same commit: whoever asks before that waits. */
export async function rendezvous(options: RouteOptions, call: Call): Promise<void> {
  requireAllocation(options, call)
  const { spec, journal, clock } = options
  const own = resourcesId(spec)
  if (call.ids[1] !== own) throw new HttpError(404, `resources ${(call.ids[1] ?? '').slice(0, 80)} are not this container's; it has ${own}`)
  const gone = untilGone(options, call)
  let peers = spec.worldSize === 1 ? ALONE.peers : journal.allocation(spec.alloc)?.peers
  while (peers === undefined && !gone.aborted) {
    await clock.sleep(LOOK_AGAIN_MS, gone)
    peers = journal.allocation(spec.alloc)?.peers
  }
  if (peers === undefined) return
  const { container_addrs: addresses, container_rank: rank, container_slot_counts: slots } = rendezvousOf(spec, peers)
  answerJson(call.response, 200, { rendezvousInfo: { addresses, rank, slots } })
}

/** Nothing is left to do: the answer alone is awaited. Of calls about an allocation it must be this one. */
export async function settled(options: RouteOptions, call: Call): Promise<void> {
  if (call.ids.length > 0) requireAllocation(options, call)
  await readBody(call.request, SMALL_BYTES_MAX)
  answerJson(call.response, 200, {})
}

function untilGone(options: RouteOptions, call: Call): AbortSignal {
  const gone = new AbortController()
  call.response.on('close', () => gone.abort())
  return AbortSignal.any([options.signal, gone.signal])
}
