import { mayCost } from '../../protocol/words/instances.ts'
import type { SeenInstance, TruthDecision, TruthLaunch, TruthRow, TruthWorld } from './truth-world.ts'

/** EC2 lists lag behind: an absence counts only after so long, and in two lists, and where EC2 does not know the id. */
export const ABSENT_MS = 600_000
const LISTS_MIN = 2
/** A launch without an answer and without an instance in lists is given up after so long. */
export const UNKNOWN_MS = 600_000
/** Terminations of one pass that no row had asked for. */
export const ENDS_MAX = 5
/** So many instances without row and launch, and more than there are rows, look like a database that lost them. */
const ORPHANS_MANY = 3

/**
 * Holds the rows of one region against EC2. Neither an empty nor a stale list ends anything: what is ended was named by
 * EC2 twice and has no row, or is stopped. Same world, same decisions in the same order (I9).
 */
export function reconcileTruth(world: TruthWorld): TruthDecision[] {
  const rows = new Map(world.rows.map((row) => [row.id, row]))
  const launches = new Map(world.launches.map((launch) => [launch.id, launch]))
  const named = namedByEc2(world)
  const decisions: TruthDecision[] = []
  for (const row of [...world.rows].filter((one) => mayCost(one.state)).sort(byId)) decisions.push(...rowDecisions(world, row, named.get(row.id)))
  const strangers = [...(world.listed ?? [])].filter((seen) => isStranger(seen, rows.get(seen.id))).sort(byId)
  const adopted = strangers.filter((seen) => !rows.has(seen.id) && isAdoptable(seen, launches))
  decisions.push(...adopted.flatMap((seen): TruthDecision[] => (seen.launch === null ? [] : [{ kind: 'adopt', seen, launch: seen.launch }])))
  decisions.push(...settleDecisions(world, adopted))
  const orphans = strangers.filter((seen) => !adopted.includes(seen) && !isOver(seen))
  decisions.push(...orphanDecisions(world, orphans, launches, rows))
  // a launch or a row that was given up shows that the database remembers
  const unheardOf = orphans.filter((seen) => !rows.has(seen.id) && (seen.launch === null || !launches.has(seen.launch)))
  return bounded(world, decisions, unheardOf.length)
}

/** By id is newer than by list; both only raise what is known. */
function namedByEc2(world: TruthWorld): Map<string, SeenInstance> {
  return new Map([...(world.listed ?? []), ...world.found].map((seen) => [seen.id, seen]))
}

function rowDecisions(world: TruthWorld, row: TruthRow, seen: SeenInstance | undefined): TruthDecision[] {
  if (seen === undefined) return world.listed === null ? [] : absent(world, row)
  if (isOver(seen)) return [{ kind: 'gone', instance: row.id, cause: causeOf(row, seen), reason: seen.stateReason || `EC2 says ${seen.state}` }]
  const decisions: TruthDecision[] = []
  const privateIp = seen.privateIp ?? row.privateIp
  if (row.missed > 0 || privateIp !== row.privateIp) decisions.push({ kind: 'seen', instance: row.id, privateIp })
  const stopped = seen.state === 'stopped' || seen.state === 'stopping'
  if (stopped && row.state !== 'TERMINATING') decisions.push({ kind: 'end', instance: row.id, reason: `EC2 says ${seen.state}${seen.stateReason ? ` (${seen.stateReason})` : ''}: instances of the herd are ended, never stopped` })
  return decisions
}

function absent(world: TruthWorld, row: TruthRow): TruthDecision[] {
  const lists = row.missed + 1
  const long = row.missedSince !== null && world.now - row.missedSince >= ABSENT_MS
  if (lists >= LISTS_MIN && long && world.asked.includes(row.id)) return [{ kind: 'gone', instance: row.id, cause: 'unknown', reason: `EC2 does not know it: absent from ${lists} lists in ${minutes(world.now - (row.missedSince ?? world.now))} minutes, and by its id` }]
  return [{ kind: 'missed', instance: row.id }]
}

function causeOf(row: TruthRow, seen: SeenInstance): 'asked' | 'spot' | 'outside' {
  if (row.state === 'TERMINATING') return 'asked'
  return seen.stateReason.startsWith('Server.SpotInstance') ? 'spot' : 'outside'
}

/** No open row. A row that was given up while EC2 did not name it does not count. */
function isStranger(seen: SeenInstance, row: TruthRow | undefined): boolean {
  return row === undefined || (!mayCost(row.state) && !isOver(seen))
}

/** Its launch is ours. One that is over already is taken in only where it settles a launch without an answer. */
function isAdoptable(seen: SeenInstance, launches: ReadonlyMap<string, TruthLaunch>): boolean {
  const launch = seen.launch === null ? undefined : launches.get(seen.launch)
  if (launch === undefined || launch.state === 'FAILED') return false
  return launch.state === 'LAUNCHING' || !isOver(seen)
}

function settleDecisions(world: TruthWorld, adopted: readonly SeenInstance[]): TruthDecision[] {
  if (world.listed === null) return []
  return [...world.launches].filter((launch) => launch.state === 'LAUNCHING').sort(byId).flatMap((launch): TruthDecision[] => {
    const known = launch.rows + adopted.filter((seen) => seen.launch === launch.id).length
    if (known >= launch.count) return [{ kind: 'settle', launch: launch.id, state: 'DONE', reason: `EC2 lists ${known} of ${launch.count} instances` }]
    if (world.now - launch.decidedAt < UNKNOWN_MS) return []
    if (known > 0) return [{ kind: 'settle', launch: launch.id, state: 'DONE', reason: `EC2 lists ${known} of ${launch.count} instances, the others did not appear in ${minutes(world.now - launch.decidedAt)} minutes` }]
    const listed = world.listed?.some((seen) => seen.launch === launch.id) ?? false
    if (listed || !launch.missedBefore) return []
    return [{ kind: 'settle', launch: launch.id, state: 'FAILED', reason: `EC2 gave no answer in ${minutes(world.now - launch.decidedAt)} minutes, and two lists show no instance of it` }]
  })
}

/** Noted by one pass, ended by a later one that still finds no row: a row may be on its way. */
function orphanDecisions(world: TruthWorld, orphans: readonly SeenInstance[], launches: ReadonlyMap<string, TruthLaunch>, rows: ReadonlyMap<string, TruthRow>): TruthDecision[] {
  if (world.listed === null) return []
  const noted = new Map(world.orphans.map((orphan) => [orphan.id, orphan]))
  const there = new Set(orphans.map((seen) => seen.id))
  // forgotten only when EC2 says that it is over, or names it among ours: an absence may be a stale list
  const over = world.listed.filter((seen) => noted.has(seen.id) && !there.has(seen.id)).sort(byId).map((seen): TruthDecision => ({ kind: 'forget-orphan', instance: seen.id }))
  const found = orphans.flatMap((seen): TruthDecision[] => {
    const reason = `${orphanReason(seen, launches, rows)} (${seen.type} in ${seen.zone}, ${seen.state})`
    const before = noted.get(seen.id)
    if (before === undefined) return [{ kind: 'orphan', instance: seen.id, reason }]
    return world.now - Math.max(before.firstSeen, before.endedAt ?? 0) >= world.listMs ? [{ kind: 'end-orphan', instance: seen.id, reason }] : []
  })
  return [...over, ...found]
}

function orphanReason(seen: SeenInstance, launches: ReadonlyMap<string, TruthLaunch>, rows: ReadonlyMap<string, TruthRow>): string {
  if (rows.has(seen.id)) return 'it was given up when EC2 did not know it any more'
  if (seen.launch === null) return 'it has this cluster\'s tag and names no launch'
  return launches.has(seen.launch) ? `its launch ${seen.launch} was given up` : `this cluster knows no launch ${seen.launch}`
}

/** Ends at most so many; none where the rows look lost. */
function bounded(world: TruthWorld, decisions: readonly TruthDecision[], unheardOf: number): TruthDecision[] {
  const halt = implausible(world, unheardOf)
  let ends = 0
  const kept = decisions.filter((decision) => {
    if (decision.kind !== 'end' && decision.kind !== 'end-orphan') return true
    ends += 1
    return halt === null && ends <= ENDS_MAX
  })
  return halt === null ? kept : [{ kind: 'halt', reason: halt }, ...kept]
}

function implausible(world: TruthWorld, unheardOf: number): string | null {
  if (world.listed === null) return null
  const open = world.rows.filter((row) => mayCost(row.state)).length
  if (world.openBefore !== null && open * 2 < world.openBefore) return `the database shows ${open} open instances where ${world.openBefore} were before, and none of the missing is known to have gone`
  if (unheardOf >= ORPHANS_MANY && unheardOf > open) return `EC2 lists ${unheardOf} running instances of this cluster that the database does not know, and it knows ${open}`
  return null
}

function isOver(seen: SeenInstance): boolean {
  return seen.state === 'shutting-down' || seen.state === 'terminated'
}

function minutes(ms: number): number {
  return Math.floor(ms / 60_000)
}

function byId(a: { id: string }, b: { id: string }): number {
  return a.id < b.id ? -1 : a.id > b.id ? 1 : 0
}
