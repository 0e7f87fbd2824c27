import type { Clock } from '../../protocol/kit/clock.ts'
import type { Log } from '../../protocol/kit/log.ts'
import { startLoop, type Loop } from '../../protocol/kit/loop.ts'
import type { Journal } from '../journal/door.ts'
import { isDrained } from '../plan/drained.ts'
import type { ContainerView } from './world.ts'

export interface DrainedDeps {
  retire: () => string | null
  journal: Pick<Journal, 'allocations' | 'outbox'>
  view: Pick<ContainerView, 'last' | 'isStale'>
  /** steps under way */
  underWay: () => number
  /** it has become true: the master should hear it now */
  onDrained: () => void
  clock: Clock
  random: () => number
  log: Log
  signal: AbortSignal
}

const SWEEP_MS = 1_000

/** Whether this moment's heartbeat may say `drained`. Only while the containers were listed lately: the next one says it then. */
export function drainedNow(deps: Pick<DrainedDeps, 'retire' | 'journal' | 'view' | 'underWay' | 'clock'>): boolean {
  const retire = deps.retire()
  if (retire === null) return false
  const containers = deps.view.isStale(deps.clock.monotonicMs()) ? null : deps.view.last()
  return isDrained({ retire, rows: deps.journal.allocations(), containers, underWay: deps.underWay(), outbox: deps.journal.outbox.depth() })
}

/** Makes the heartbeat follow at once when the agent has nothing left to hold; each request to retire once. */
export function startDrained(deps: DrainedDeps): Loop {
  let told: string | null = null
  return startLoop({
    name: 'drained', sweepMs: SWEEP_MS, signal: deps.signal, clock: deps.clock, random: deps.random, log: deps.log,
    pass: async () => {
      const retire = deps.retire()
      if (retire === null) told = null
      if (retire === told || !drainedNow(deps)) return
      told = retire
      deps.log.info({ reason: retire }, 'nothing is held any more, the instance may go')
      deps.onDrained()
    },
  })
}
