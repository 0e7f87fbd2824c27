import type { ApiPool } from '../../../protocol/wire/api.ts'
import type { LaunchRow } from '../../store/queries/herd.ts'
import type { DryMarkRow, PoolCount, PoolRow, WaitingRow } from '../../store/queries/pools.ts'
import type { PoolSettings, Provider } from '../deps.ts'
import { poolCure, splitNote } from './cure.ts'
import { dryMarkShape, launchShape } from './instance.ts'

/** Everything that is known of all pools, as the queries give it. */
export interface HerdView {
  pools: readonly PoolRow[]
  dry: readonly DryMarkRow[]
  counts: readonly PoolCount[]
  waiting: readonly WaitingRow[]
  /** those that EC2 has not answered */
  launches: readonly LaunchRow[]
  /** those that are not retired */
  agents: readonly { pool: string; count: number }[]
}

export function poolState(settings: PoolSettings, view: HerdView): ApiPool {
  const { name } = settings
  const row = view.pools.find((pool) => pool.name === name)
  const dry = view.dry.filter((mark) => mark.pool === name)
  const counts = view.counts.filter((each) => each.pool === name)
  const waiting = view.waiting.filter((each) => each.pool === name)
  const count = counts.reduce((sum, each) => sum + each.count, 0)
  return {
    name,
    description: settings.description,
    policy: settings.provider === null ? null : policyShape(settings.provider),
    note: splitNote(row?.note ?? '').note,
    paused: row && row.paused !== null ? { reason: row.paused, since: row.paused_at?.toISOString() ?? null } : null,
    strikes: row?.strikes ?? 0,
    dry: dry.map(dryMarkShape),
    instances: Object.fromEntries(counts.map((each) => [each.state, each.count])),
    count,
    perHour: counts.reduce((sum, each) => sum + each.per_hour, 0),
    unpriced: counts.reduce((sum, each) => sum + each.unpriced, 0),
    waiting: waiting.map((each) => ({ allocation: each.id, experimentId: each.experiment_id, trialId: each.trial_id, slots: each.slots, since: each.created_at.toISOString(), reason: each.wait_reason })),
    launches: view.launches.filter((launch) => launch.pool === name).map(launchShape),
    lastCallAt: row?.last_call_at?.toISOString() ?? null,
    cure: poolCure({
      name, paused: row?.paused ?? null, managed: settings.provider !== null, note: row?.note ?? '', refused: dry, waiting: waiting.length,
      starting: counts.reduce((sum, each) => sum + (each.state === 'LAUNCHING' || each.state === 'STARTING' ? each.count : 0), 0),
      agents: view.agents.find((each) => each.pool === name)?.count ?? 0,
    }),
  }
}

function policyShape({ policy }: Provider): NonNullable<ApiPool['policy']> {
  return {
    region: policy.region, instanceTypes: [...policy.instanceTypes], market: policy.market, spotMaxPrice: policy.spotMaxPrice, maxPricePerHour: policy.maxPricePerHour,
    minInstances: policy.minInstances, maxInstances: policy.maxInstances, maxStartingSeconds: policy.maxStartingMs / 1000, maxIdleSeconds: policy.maxIdleMs / 1000,
  }
}
