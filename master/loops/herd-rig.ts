import { sql } from 'kysely'
import { createCloudDouble, IMAGE, type CloudDouble } from '../cloud/double.ts'
import type { HerdConfig, ProviderConfig } from '../config.ts'
import { launchToken } from '../identity/launch-token.ts'
import type { ScaleDecision, ScaleWorld } from '../scale/world.ts'
import { createBackground } from './background.ts'
import { createClouds } from './clouds.ts'
import { databaseTime, plusMs, type HerdDeps } from './herd-deps.ts'
import type { HerdPool } from './herd-pool.ts'
import { addAgent, openRig, type Rig } from './rig.ts'
import { createFacts } from './scale-facts.ts'
import { scalePass } from './scale-loop.ts'
import { createTerminator, type Terminator } from './scale-terminate.ts'
import { newMemory } from './truth-load.ts'
import { truthPass, type TruthMemories } from './truth-loop.ts'

/** For tests: a rig with pools, an AWS account in memory and a clock that only the test moves ahead. */
export interface HerdRig extends Rig {
  herd: HerdDeps
  cloud: CloudDouble
  /** what the decider answers next; replaced by each test */
  decider: { decide: (world: ScaleWorld) => readonly ScaleDecision[] }
  worlds: ScaleWorld[]
  /** both clocks, the database's and the monotonic one */
  advance(ms: number): void
  /** one pass of the scale loop and all calls that it began */
  scale(): Promise<void>
  /** one pass of the truth loop and all calls that it began; `list` = a list is due */
  truth(list: boolean): Promise<void>
  /** another master process over the same database */
  another(over?: Partial<HerdDeps>): { herd: HerdDeps; scale(): Promise<void> }
  clear(): Promise<void>
}

export const HERD: HerdConfig = { lostMs: 300_000, listMs: 60_000, callMs: 5_000, dryMs: 180_000, prices: { 'us-east-1': { 'g5.xlarge': 1.006 } } }

export function provider(over: Partial<ProviderConfig['policy']> = {}): ProviderConfig {
  return {
    policy: {
      name: 'gpu', region: 'us-east-1', instanceTypes: ['g5.xlarge', 'g6.xlarge'], market: 'on-demand', spotMaxPrice: null, maxPricePerHour: null, minInstances: 0, maxInstances: 3,
      maxStartingMs: 720_000, maxIdleMs: 300_000, instanceSlots: null, cpuSlotsAllowed: false, ...over,
    },
    subnets: [], zones: [], startupScript: 'echo hello', masterUrl: 'https://master:8443',
    settings: { imageId: IMAGE, placementGroup: null, efa: false, instanceProfile: null, securityGroups: [], publicIp: false, keyName: null, rootVolumeGib: 200, rootVolumeThroughput: 250, instanceName: 'drover', tags: [] },
  }
}

export async function openHerdRig(pools: readonly HerdPool[] = [{ name: 'gpu', provider: provider() }]): Promise<HerdRig> {
  const rig = await openRig()
  const time = { ms: 0 }
  const cloud = createCloudDouble(rig.deps.clusterId, () => Date.now() + time.ms)
  const decider: HerdRig['decider'] = { decide: () => [] }
  const worlds: ScaleWorld[] = []
  const shared = { rig, cloud, time, decider, worlds, pools }
  const herd = makeDeps(shared)
  const mine: { terminator: Terminator; memories: TruthMemories } = { terminator: createTerminator(herd), memories: new Map() }
  return {
    ...rig, herd, cloud, decider, worlds,
    advance: (ms) => void (time.ms += ms),
    scale: () => runScale(herd, mine.terminator),
    async truth(list) {
      for (const pool of pools) if (!mine.memories.has(pool.provider.policy.region)) mine.memories.set(pool.provider.policy.region, newMemory())
      for (const memory of mine.memories.values()) Object.assign(memory, list ? { nextListAt: 0 } : { soon: false, nextListAt: Number.POSITIVE_INFINITY })
      await truthPass(herd, mine.memories)
      await herd.background.settled()
    },
    another(over = {}) {
      const other = { ...makeDeps(shared), ...over }
      const terminator = createTerminator(other)
      return { herd: other, scale: () => runScale(other, terminator) }
    },
    async clear() {
      for (const table of ['join_tokens', 'instances', 'launches', 'dry_marks', 'orphans', 'alarms', 'pools', 'events', 'experiments', 'agents'] as const) await sql`DELETE FROM ${sql.table(table)}`.execute(rig.db)
      Object.assign(cloud, { rule: () => null, loseReplies: 0, emptyLists: false, consoleText: '' })
      cloud.asked.lists = 0
      for (const map of [cloud.instances, cloud.down, cloud.hidden]) map.clear()
      for (const list of [cloud.launches, cloud.terminated, cloud.asked.ids, worlds, rig.poked]) list.length = 0
      mine.memories.clear()
      mine.terminator = createTerminator(herd)
      decider.decide = () => []
      rig.woken.clear()
    },
  }
}

interface Shared {
  rig: Rig
  cloud: CloudDouble
  time: { ms: number }
  decider: HerdRig['decider']
  worlds: ScaleWorld[]
  pools: readonly HerdPool[]
}

function makeDeps({ rig, cloud, time, decider, worlds, pools }: Shared): HerdDeps {
  const clock = { ...rig.deps.clock, monotonicMs: () => rig.deps.clock.monotonicMs() + time.ms }
  const background = createBackground(rig.deps.log)
  const clouds = createClouds((region) => Promise.resolve(cloud.open(region)))
  return {
    ...rig.deps, clock, pools, herd: HERD, clouds, background,
    facts: createFacts({ pools, prices: HERD.prices, clouds, background, clock, random: Math.random, log: rig.deps.log, onNews: () => rig.deps.wake('scale') }),
    launchToken: (launch) => launchToken('key-of-the-rig', launch, 'f'.repeat(64)),
    decide(world) {
      worlds.push(world)
      return decider.decide(world)
    },
    now: () => plusMs(databaseTime(), time.ms),
  }
}

async function runScale(herd: HerdDeps, terminator: Terminator): Promise<void> {
  herd.facts.refresh()
  await herd.background.settled()
  await scalePass(herd, terminator)
  await herd.background.settled()
}

export function launch(over: Partial<Extract<ScaleDecision, { kind: 'launch' }>> = {}): ScaleDecision {
  return { kind: 'launch', pool: 'gpu', offer: { type: 'g5.xlarge', subnet: null, zone: 'us-east-1a', market: 'on-demand', slots: 1, perHour: 1.006 }, gang: false, count: 1, allocations: [], reason: 'the test wants it', ...over }
}

/** The agent of an instance speaks for the first time. */
export async function speak(rig: HerdRig, id: string, slots: number): Promise<void> {
  await addAgent(rig, id, slots)
  await rig.db.updateTable('agents').set({ pool: 'gpu' }).where('id', '=', id).execute()
}

export async function texts(rig: HerdRig, kind: string): Promise<string[]> {
  return (await rig.db.selectFrom('events').select('text').where('kind', '=', kind).orderBy('id').execute()).map((row) => row.text)
}

export async function states(rig: HerdRig): Promise<string[]> {
  return (await rig.db.selectFrom('instances').select(['id', 'state']).orderBy('id').execute()).map((row) => row.state)
}
