import { lastRun, lostFrom, paidUntil, type InstanceLife, type Stay } from './life.ts'

/** Dollars. All null where a price is not known: a sum without it would be wrong, and 0 would be a lie. */
export interface Cost {
  total: number | null
  boot: number | null
  useful: number | null
  idle: number | null
  lost: number | null
}

export interface InstanceCost extends Cost {
  id: string
}

export interface ExperimentCost extends Cost {
  /** null = nobody: instances that were kept warm, until something ran on them */
  experiment: number | null
  /** instances in it whose price is not known */
  unpriced: readonly string[]
}

export interface Costs {
  /** as given */
  instances: readonly InstanceCost[]
  /** by id, nobody last; their sums are the sums of the instances */
  experiments: readonly ExperimentCost[]
}

/**
 * Who pays what. An instance is paid from its launch on, by whole seconds and at least 60 of them:
 * - boot: launch to registration (all of its time, where it never registers). Charged to the experiments that it was
 *   launched for, in proportion to the slots they asked.
 * - useful: slot-time of an allocation up to its end if it completed, was preempted after saving, or still runs; else up
 *   to its newest committed checkpoint. lost: the rest of its slot-time.
 * - idle: slot-time that no allocation held. Charged to the experiment that ran last there (a running one counts as
 *   last; of several the one that came last); before the first, to those that it was launched for.
 * Where stays overlap beyond the instance's slots, they share it in proportion.
 */
export function costOf(lives: readonly InstanceLife[], now: number): Costs {
  const ledger = new Map<number | null, Entry>()
  const instances = lives.map((life) => {
    const shares = sharesOf(life, now)
    for (const share of shares) book(ledger, life, share)
    return { id: life.id, ...costFrom(shares, life.perHour) }
  })
  const experiments = [...ledger]
    .sort(([a], [b]) => (a ?? Infinity) - (b ?? Infinity))
    .map(([experiment, { dollars, unpriced }]) => ({ experiment, unpriced: [...unpriced], ...(unpriced.size > 0 ? UNKNOWN : withTotal(dollars)) }))
  return { instances, experiments }
}

type Kind = 'boot' | 'useful' | 'idle' | 'lost'

/** Hours of the whole instance that one experiment is charged. */
interface Share {
  experiment: number | null
  kind: Kind
  hours: number
}

interface Entry {
  dollars: Record<Kind, number>
  unpriced: Set<string>
}

const UNKNOWN: Cost = { total: null, boot: null, useful: null, idle: null, lost: null }
const HOUR_MS = 3_600_000

function book(ledger: Map<number | null, Entry>, { id, perHour }: InstanceLife, { experiment, kind, hours }: Share): void {
  const entry = ledger.get(experiment) ?? { dollars: { boot: 0, useful: 0, idle: 0, lost: 0 }, unpriced: new Set<string>() }
  ledger.set(experiment, entry)
  if (perHour === null) entry.unpriced.add(id)
  else entry.dollars[kind] += hours * perHour
}

function costFrom(shares: readonly Share[], perHour: number | null): Cost {
  if (perHour === null) return UNKNOWN
  const of = (kind: Kind): number => shares.reduce((sum, share) => (share.kind === kind ? sum + share.hours * perHour : sum), 0)
  return withTotal({ boot: of('boot'), useful: of('useful'), idle: of('idle'), lost: of('lost') })
}

function withTotal(dollars: Record<Kind, number>): Cost {
  return { total: dollars.boot + dollars.useful + dollars.idle + dollars.lost, ...dollars }
}

/** The life cut where anything begins or ends: in each piece nothing changes. */
function sharesOf(life: InstanceLife, now: number): Share[] {
  const paid = paidUntil(life, now)
  const booted = Math.min(Math.max(life.registeredAt ?? paid, life.launchedAt), paid)
  const cuts = [booted, paid, ...life.allocations.flatMap((stay) => [stay.assignedAt, stay.endedAt ?? paid, lostFrom(stay, paid)])]
  const marks = [...new Set(cuts)].filter((at) => at >= booted && at <= paid).sort((a, b) => a - b)
  const pieces = marks.slice(1).flatMap((until, index) => pieceOf(life, marks[index] ?? until, until, paid))
  return [...forCauses(life, 'boot', (booted - life.launchedAt) / HOUR_MS), ...pieces].filter((share) => share.hours > 0)
}

function pieceOf(life: InstanceLife, from: number, until: number, paid: number): Share[] {
  const hours = (until - from) / HOUR_MS
  const here = life.allocations.filter((stay) => stay.assignedAt <= from && (stay.endedAt ?? paid) >= until)
  const weights = here.map((stay) => weightOf(life, stay, here.length))
  const held = weights.reduce((sum, weight) => sum + weight, 0)
  const whole = Math.max(life.slots, 1, held)
  const shares = here.map((stay, index): Share => ({
    experiment: stay.experiment, kind: lostFrom(stay, paid) >= until ? 'useful' : 'lost', hours: (hours * (weights[index] ?? 0)) / whole,
  }))
  const idle = (hours * (whole - held)) / whole
  const last = lastRun(life.allocations, from)
  return [...shares, ...(last === null ? forCauses(life, 'idle', idle) : [{ experiment: last.experiment, kind: 'idle' as const, hours: idle }])]
}

function weightOf(life: InstanceLife, stay: Stay, together: number): number {
  return life.slots === 0 ? 1 / together : stay.slots
}

function forCauses({ causes }: InstanceLife, kind: Kind, hours: number): Share[] {
  if (causes.length === 0) return [{ experiment: null, kind, hours }]
  const asked = causes.reduce((sum, cause) => sum + cause.slots, 0)
  return causes.map(({ experiment, slots }) => ({ experiment, kind, hours: asked === 0 ? hours / causes.length : (hours * slots) / asked }))
}
