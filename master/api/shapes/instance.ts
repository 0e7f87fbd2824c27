import type { ApiCost, ApiDryMark, ApiInstance, ApiLaunch } from '../../../protocol/wire/api.ts'
import { cureOf } from '../../cloud/cures.ts'
import type { InstanceRow, LaunchRow } from '../../store/queries/herd.ts'
import type { DryMarkRow } from '../../store/queries/pools.ts'
import { agentStatus } from './agent.ts'

export function instanceShape(row: InstanceRow, cost: ApiCost): ApiInstance {
  return {
    id: row.id,
    launch: row.launch_id,
    pool: row.pool,
    type: row.type,
    zone: row.zone,
    market: row.market,
    slots: row.slots,
    state: row.state,
    stateReason: stateReason(row),
    perHour: row.per_hour,
    privateIp: row.private_ip,
    launchedAt: row.launched_at.toISOString(),
    registeredAt: timeOf(row.registered_at),
    retiringAt: timeOf(row.retiring_at),
    terminatingAt: timeOf(row.terminating_at),
    goneAt: timeOf(row.gone_at),
    idleSince: timeOf(row.idle_since),
    notice: row.notice === null ? null : { kind: row.notice, at: timeOf(row.notice_at), until: timeOf(row.notice_until) },
    agent: row.agent_drained === null ? null : { status: agentStatus(row.silent_seconds, row.agent_lost_at), seenAt: timeOf(row.agent_seen_at), drained: row.agent_drained },
    allocations: row.live.map((live) => ({ id: live.id, state: live.state, slots: live.slots, experimentId: live.experiment_id, trialId: live.trial_id })),
    cost,
  }
}

/** A retiring one has its reason with its agent, which it must reach. */
export function stateReason(row: InstanceRow): string {
  return row.state_reason || (row.state === 'GONE' ? '' : (row.agent_retiring ?? ''))
}

export function launchShape(row: LaunchRow): ApiLaunch {
  return {
    id: row.id, pool: row.pool, type: row.type, zone: row.zone, market: row.market, gang: row.gang, count: row.count, slots: row.slots, perHour: row.per_hour,
    allocations: row.allocations, reason: row.reason, state: row.state,
    error: row.error_kind === null ? null : { kind: row.error_kind, code: row.error_code, text: row.error_text, cure: cureOf(row.error_kind, row.error_code) },
    decidedAt: row.decided_at.toISOString(), calledAt: timeOf(row.called_at), settledAt: timeOf(row.settled_at),
    instances: row.instances, followedBy: row.followed_by,
  }
}

export function dryMarkShape(row: DryMarkRow): ApiDryMark {
  return { type: row.type, zone: row.zone, market: row.market, until: row.until.toISOString(), kind: row.kind, code: row.code, text: row.text, cure: cureOf(row.kind, row.code) }
}

function timeOf(date: Date | null): string | null {
  return date?.toISOString() ?? null
}
