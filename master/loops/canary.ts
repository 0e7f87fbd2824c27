import type { Clock } from '../../protocol/kit/clock.ts'
import type { Log } from '../../protocol/kit/log.ts'
import { startLoop } from '../../protocol/kit/loop.ts'

/**
 * Whether this master could hear its agents: it says a word over NATS each 5 s and expects to hear it within 3 s. That of
 * another master will do: hearing is what silence is measured against.
 */
export interface Canary {
  /** for so long every word came back, 0 while one is missing; and how long ago the last one did: what came after is not known */
  state(): { healthyForMs: number; lastWordMs: number }
  ended: Promise<void>
}

export interface CanaryDeps {
  /** over NATS only */
  publish: () => void
  /** what came over NATS */
  onHeard: (listener: () => void) => () => void
  log: Log
  clock: Clock
  random: () => number
  signal: AbortSignal
}

const SAY_MS = 5_000
const HEAR_MS = 3_000
/** Longer without a word and the process itself stood still, or the word is missing: it may have been deaf meanwhile. */
const DEAF_MS = SAY_MS + HEAR_MS + 2_000

export function startCanary(deps: CanaryDeps): Canary {
  const { clock, signal } = deps
  let healthySince: number | null = null
  let heardAt = Number.NEGATIVE_INFINITY
  const loop = startLoop({ name: 'canary', sweepMs: SAY_MS, signal, clock, random: deps.random, log: deps.log, pass })
  return {
    state() {
      const now = clock.monotonicMs()
      return { healthyForMs: healthySince === null || now - heardAt > DEAF_MS ? 0 : now - healthySince, lastWordMs: now - heardAt }
    },
    ended: loop.ended,
  }

  async function pass(): Promise<void> {
    const heard = new AbortController()
    const stop = deps.onHeard(() => heard.abort())
    deps.publish()
    await clock.sleep(HEAR_MS, AbortSignal.any([signal, heard.signal]))
    stop()
    if (heard.signal.aborted) return note(clock.monotonicMs())
    if (healthySince !== null && !signal.aborted) deps.log.warn({}, 'the canary did not come back over NATS: no agent is declared lost by silence until it did for long enough')
    healthySince = null
  }

  function note(now: number): void {
    if (healthySince === null || now - heardAt > DEAF_MS) healthySince = now
    heardAt = now
  }
}
