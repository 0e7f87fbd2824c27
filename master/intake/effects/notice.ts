import { sql } from 'kysely'
import type { AgentEvent } from '../../../protocol/wire/events.ts'
import { cleanText } from '../../store/clean.ts'
import type { EffectContext } from './context.ts'

/** EC2 will take the instance: no new work from here on. A notice that is heard again is one notice; spot outweighs rebalance. */
export async function noticed(context: EffectContext, event: Extract<AgentEvent, { kind: 'notice' }>): Promise<void> {
  const { tx, agent } = context
  const milder = event.notice === 'spot' ? 'rebalance' : null
  const result = await tx.updateTable('agents').set({ notice: event.notice }).where('id', '=', agent)
    .where((where) => where.or([where('notice', 'is', null), where('notice', '=', milder)])).executeTakeFirst()
  if (result.numUpdatedRows === 0n) return
  await tx.updateTable('instances').set({ notice: event.notice, notice_at: sql<Date>`now()`, notice_until: event.at === null ? null : new Date(event.at) }).where('id', '=', agent).execute()
  const when = event.at === null ? '' : ` at ${new Date(event.at).toISOString()}`
  const text = event.notice === 'spot'
    ? `EC2 will ${cleanText(event.action) || 'take'} instance ${agent}${when}: no new work, what runs there is asked to save and stop`
    : `EC2 recommends to leave instance ${agent}: no new work there`
  context.events.push({ kind: 'instance-notice', agentId: agent, instanceId: agent, text, data: { notice: event.notice, action: event.action, at: event.at } })
  context.wakes.add('schedule').add('scale').add('lifecycle')
}
