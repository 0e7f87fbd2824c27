import type { ApiCost } from '../../../protocol/wire/api.ts'
import type { InstanceRow } from '../../store/queries/herd.ts'
import type { PoolCount } from '../../store/queries/pools.ts'
import type { Provider } from '../deps.ts'
import { stateReason } from './instance.ts'
import { dollarText, momentText, spanText } from './words.ts'

export interface WhyInstanceFacts {
  /** why its launch was decided */
  reason: string
  /** null: the pool is no longer in master.yaml, or makes no instances */
  policy: Provider['policy'] | null
  /** of its pool */
  counts: readonly PoolCount[]
  cost: ApiCost
}

/** Why it runs or idles, when it goes, why it went; and what a person can do, '' = nothing. */
export function whyInstance(row: InstanceRow, facts: WhyInstanceFacts): { summary: string; cure: string } {
  const head = `instance ${row.id} (${row.type}, ${row.zone}, ${row.market}) is ${row.state}`
  const { text, cure } = ANSWERS[row.state](row, facts)
  return { summary: `${head}: ${text}${noticeText(row)}; ${row.state === 'GONE' ? 'it cost' : 'it has cost'} ${dollarText(facts.cost.total)}`, cure }
}

type Answer = (row: InstanceRow, facts: WhyInstanceFacts) => { text: string; cure: string }

const ANSWERS: Readonly<Record<InstanceRow['state'], Answer>> = {
  STARTING: (row, { reason, policy }) => {
    const limit = policy === null ? '' : `; if it has not by ${momentText(row.launched_at.getTime() + policy.maxStartingMs)}, it is ended and the boot counts as failed`
    return { text: `EC2 made it ${spanText(secondsBetween(row.launched_at, row.now))} ago${because(reason)}, its agent has not registered yet${limit}`, cure: '' }
  },
  READY: (row, facts) => (row.live.length > 0 ? busy(row) : idle(row, facts)),
  RETIRING: (row) => ({ text: `${stateReason(row) || 'it is retired'}; it takes no new work and its agent ${row.agent_drained ? 'has let go of everything' : 'still has to hand over logs and checkpoints'}, then EC2 ends it`, cure: '' }),
  TERMINATING: (row) => ({ text: `${stateReason(row) || 'it is ended'}; EC2 is asked to end it until it says that it does`, cure: '' }),
  GONE: (row) => {
    const lived = secondsBetween(row.launched_at, row.gone_at ?? row.now)
    const failed = row.registered_at === null
    return { text: `it ended after ${spanText(lived)}: ${row.state_reason || (failed ? 'its agent never registered' : 'EC2 took it away')}`, cure: failed && row.console !== '' ? `read what it said at boot: drover instance describe ${row.id}` : '' }
  },
}

function busy(row: InstanceRow): { text: string; cure: string } {
  const runs = row.live.map((live) => `${live.id}${live.experiment_id === null ? '' : ` of experiment ${live.experiment_id}`}${live.state === 'DRAINING' ? ' (its last checkpoints are still being saved)' : ''}`)
  return { text: `it holds ${runs.join(', ')}`, cure: '' }
}

function idle(row: InstanceRow, { policy, counts }: WhyInstanceFacts): { text: string; cure: string } {
  const since = row.idle_since ?? row.registered_at ?? row.launched_at
  const text = `nothing has run on it for ${spanText(secondsBetween(since, row.now))}`
  if (policy === null) return { text: `${text}; its pool has no provider in master.yaml, so nothing decides about it`, cure: `retire it: drover instance retire ${row.id}` }
  const others = counts.reduce((sum, each) => sum + (each.state === 'READY' || each.state === 'STARTING' || each.state === 'LAUNCHING' ? each.count : 0), 0)
  if (others <= policy.minInstances) return { text: `${text}; it stays because pool ${row.pool} keeps at least ${policy.minInstances} (min_instances)`, cure: '' }
  const due = since.getTime() + policy.maxIdleMs
  const cure = `to end it sooner: drover instance retire ${row.id}`
  return due > row.now.getTime() ? { text: `${text}; it is retired at ${momentText(due)} unless work comes for it`, cure } : { text: `${text}, longer than the pool allows (${spanText(policy.maxIdleMs / 1000)}); it is retired at the next look`, cure }
}

function noticeText(row: InstanceRow): string {
  if (row.notice === null || row.state === 'GONE') return ''
  if (row.notice === 'rebalance') return '; EC2 says that it is likely to be taken, so it gets no new work'
  return `; EC2 takes it${row.notice_until ? ` at ${momentText(row.notice_until.getTime())}` : ' within two minutes'} (spot interruption), what runs there saves and goes on elsewhere`
}

function because(reason: string): string {
  return reason === '' ? '' : ` (${reason})`
}

function secondsBetween(from: Date, to: Date): number {
  return (to.getTime() - from.getTime()) / 1000
}
