import { startLoop, type Loop } from '../../protocol/kit/loop.ts'
import type { CloudInstance } from '../cloud/door.ts'
import { reconcileTruth } from '../reconcile/truth.ts'
import { loadBrake } from '../store/brake.ts'
import { eachOrThrowAfter } from './each.ts'
import type { HerdDeps } from './herd-deps.ts'
import { applyTruth, clearHalt } from './truth-apply.ts'
import { loadDue, loadRows, loadTruthWorld, newMemory, type RegionMemory, type TruthDue } from './truth-load.ts'

const SWEEP_MS = 1_000
/** Between two lists, whoever asks for one. */
const LIST_FLOOR_MS = 2_000
const RETRY_MS = 5_000
/** An agent silent for so long is asked about by the id of its instance, and so is what starts or ends. */
const SILENT_MS = 12_000
const ASK_MS = 15_000

export interface TruthLoop extends Pick<Loop, 'ended'> {
  /** something was launched or ended: list now, not only after `listMs` */
  wake(): void
}

/** Holds rows against EC2, each region by itself, so that one that does not answer keeps no other from its turn. */
export function startTruthLoop(deps: HerdDeps): TruthLoop {
  const memories: TruthMemories = new Map()
  const loop = startLoop({ name: 'truth', sweepMs: SWEEP_MS, signal: deps.signal, clock: deps.clock, random: deps.random, log: deps.log, pass: () => truthPass(deps, memories) })
  return {
    ended: loop.ended,
    wake() {
      for (const memory of memories.values()) memory.soon = true
      loop.wake()
    },
  }
}

export type TruthMemories = Map<string, RegionMemory>

export async function truthPass(deps: HerdDeps, memories: TruthMemories): Promise<void> {
  const epoch = deps.leaderEpoch()
  if (epoch === null) {
    // another master decides meanwhile: what was seen before says nothing any more
    memories.clear()
    return
  }
  const due = await loadDue(deps)
  for (const [region, rows] of due.regions) {
    const memory = memories.get(region) ?? newMemory()
    memories.set(region, memory)
    if (deps.background.has(`truth:${region}`)) continue
    const ids = idsDue(memory, rows, due.now)
    const list = listDue(deps, memory, due.now)
    if (!list && ids.length === 0) continue
    deps.background.start(`truth:${region}`, () => regionPass(deps, epoch, region, memory, list, ids))
  }
}

function listDue(deps: HerdDeps, memory: RegionMemory, now: number): boolean {
  const due = memory.soon ? memory.nextListAt - deps.herd.listMs + Math.min(LIST_FLOOR_MS, deps.herd.listMs) : memory.nextListAt
  if (now < due) return false
  memory.soon = false
  memory.nextListAt = now + deps.herd.listMs
  return true
}

type DueRow = TruthDue['regions'] extends ReadonlyMap<string, readonly (infer R)[]> ? R : never

function idsDue(memory: RegionMemory, rows: readonly DueRow[], now: number): string[] {
  const open = new Set(rows.map((row) => row.id))
  for (const id of memory.asked.keys()) if (!open.has(id)) memory.asked.delete(id)
  const ids = rows.filter((row) => row.state === 'STARTING' || row.state === 'TERMINATING' || (row.silentMs ?? 0) > SILENT_MS)
    .filter((row) => now - (memory.asked.get(row.id) ?? Number.NEGATIVE_INFINITY) >= ASK_MS).map((row) => row.id)
  for (const id of ids) memory.asked.set(id, now)
  return ids
}

/** EC2 first, the rows second, and ids that the list lacks by themselves. */
async function regionPass(deps: HerdDeps, epoch: number, region: string, memory: RegionMemory, list: boolean, ids: readonly string[]): Promise<void> {
  const listed = list ? await listRegion(deps, region, memory) : null
  if (listed === null && ids.length === 0) return
  const rows = await loadRows(deps, region, listed ?? [])
  const world = await loadTruthWorld(deps, region, memory, rows, { listed, ...(await askById(deps, region, rows, listed, ids)) })
  const braked = (await loadBrake(deps.db)).on !== null
  const decisions = reconcileTruth(world).filter(({ kind }) => !(braked && (kind === 'end' || kind === 'end-orphan')))
  const halted = decisions.some((decision) => decision.kind === 'halt')
  if (listed !== null) {
    memory.unseen = new Set(world.launches.filter((launch) => !listed.some((one) => one.launch === launch.id)).map((launch) => launch.id))
    if (!halted) memory.open = rows.filter((row) => row.state !== 'GONE').map((row) => row.id)
  }
  await eachOrThrowAfter(decisions, (decision) => applyTruth(deps, epoch, region, decision))
  if (listed !== null && !halted) await clearHalt(deps, epoch, region)
}

/** Null = EC2 did not answer: asked again soon, and nothing is concluded from it. */
async function listRegion(deps: HerdDeps, region: string, memory: RegionMemory): Promise<CloudInstance[] | null> {
  try {
    return await (await deps.clouds.of(region)).list()
  } catch (error) {
    memory.nextListAt -= deps.herd.listMs - Math.min(RETRY_MS, deps.herd.listMs)
    deps.log.warn({ region, err: error }, 'the instances of a region could not be listed, will be tried again')
    return null
  }
}

/** Ids that the list does not name, and those that are due anyway. Without an answer none counts as asked. */
async function askById(deps: HerdDeps, region: string, rows: readonly { id: string; state: string }[], listed: readonly CloudInstance[] | null, ids: readonly string[]): Promise<{ asked: string[]; found: CloudInstance[] }> {
  const named = new Set(listed?.map((one) => one.id))
  const missing = listed === null ? [] : rows.filter((row) => row.state !== 'GONE').map((row) => row.id)
  const asked = [...new Set([...missing, ...ids])].filter((id) => !named.has(id))
  if (asked.length === 0) return { asked, found: [] }
  try {
    return { asked, found: await (await deps.clouds.of(region)).describe(asked) }
  } catch (error) {
    deps.log.warn({ region, instances: asked, err: error }, 'instances could not be asked about by their ids, will be tried again')
    return { asked: [], found: [] }
  }
}
