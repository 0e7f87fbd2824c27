/** What an instance did in its life, as far as its price concerns. Times: Unix milliseconds of the database's clock. */
export interface InstanceLife {
  id: string
  launchedAt: number
  /** null = its agent never registered, so far */
  registeredAt: number | null
  /** EC2 said that it goes; null = it costs money still */
  goneAt: number | null
  /** dollars; null = not known */
  perHour: number | null
  /** 0 = it takes only work without slots: the machine then counts as one slot, shared by what runs there at a time */
  slots: number
  /** what it was launched for; empty = kept warm, for nobody */
  causes: readonly LaunchCause[]
  allocations: readonly Stay[]
}

export interface LaunchCause {
  experiment: number
  slots: number
}

/** An allocation on one instance. */
export interface Stay {
  allocation: string
  experiment: number
  /** that it held on this instance */
  slots: number
  assignedAt: number
  /** its container was gone and its slots free; null = not yet */
  endedAt: number | null
  /** of its newest committed checkpoint; null = none of this attempt */
  committedAt: number | null
  /** completed: ended well. saved: preempted, with what it had done committed. lost: its agent or instance went. */
  outcome: 'completed' | 'saved' | 'lost' | 'failed' | 'running'
}

/** EC2 bills whole seconds, and never less than so many. */
const BILLED_MIN_S = 60

/** Until when it is paid for. */
export function paidUntil({ launchedAt, goneAt }: InstanceLife, now: number): number {
  return launchedAt + 1_000 * Math.max(BILLED_MIN_S, Math.ceil(((goneAt ?? now) - launchedAt) / 1_000))
}

/** From when on the time of an allocation was for nothing: the run has to do it again. Between its start and its end. */
export function lostFrom({ assignedAt, endedAt, committedAt, outcome }: Stay, paid: number): number {
  const end = Math.min(endedAt ?? paid, paid)
  if (outcome === 'completed' || outcome === 'saved' || outcome === 'running') return end
  return Math.max(assignedAt, Math.min(committedAt ?? assignedAt, end))
}

/** The last that ran, or runs, at a moment: the latest end counts, then the latest start, then the id. Null = none yet. */
export function lastRun(stays: readonly Stay[], at: number): Stay | null {
  let last: Stay | null = null
  for (const stay of stays) {
    if (stay.assignedAt <= at && (last === null || later(stay, last, at))) last = stay
  }
  return last
}

function later(a: Stay, b: Stay, at: number): boolean {
  const end = (stay: Stay): number => Math.min(stay.endedAt ?? at, at)
  return (end(a) - end(b) || a.assignedAt - b.assignedAt || (a.allocation > b.allocation ? 1 : -1)) > 0
}
