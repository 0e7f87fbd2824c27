import { sql } from 'kysely'
import type { TruthDecision } from '../reconcile/truth-world.ts'
import { cleanText } from '../store/clean.ts'
import { addEvents } from '../store/events.ts'
import { assertLeader, type Tx } from '../store/leader.ts'
import type { Market } from '../../protocol/words/instances.ts'
import { markDry } from './dry-marks.ts'
import type { HerdDeps } from './herd-deps.ts'
import { waitingFor } from './instance-rows.ts'
import { lockPool } from './scale-launch.ts'

type Gone = Extract<TruthDecision, { kind: 'gone' }>

interface GoneRow {
  launch: string
  pool: string
  type: string
  zone: string
  market: Market
  before: string
  ours: string
  gang: boolean
}

/** GONE, with EC2's reason. What it took with it is for the loops of loss and lifecycle, which are woken. */
export async function applyGone(deps: HerdDeps, epoch: number, decision: Gone): Promise<void> {
  const { instance: id } = decision
  const went = await deps.db.transaction().execute(async (tx) => {
    await assertLeader(tx, epoch)
    const seen = await tx.selectFrom('instances').select('pool').where('id', '=', id).executeTakeFirst()
    if (seen === undefined) return false
    await lockPool(tx, seen.pool)
    const { rows } = await sql<GoneRow>`
      WITH old AS (SELECT id, state, state_reason FROM instances WHERE id = ${id} AND state <> 'GONE' FOR UPDATE)
      UPDATE instances i SET state = 'GONE', gone_at = ${deps.now()},
        state_reason = CASE WHEN old.state = 'TERMINATING' AND old.state_reason <> '' THEN old.state_reason || ' (EC2: ' || ${cleanText(decision.reason)}::text || ')' ELSE ${cleanText(decision.reason)}::text END
      FROM old WHERE i.id = old.id RETURNING i.launch_id AS launch, i.pool, i.type, i.zone, i.market, old.state AS before, old.state_reason AS ours,
        (SELECT gang FROM launches l WHERE l.id = i.launch_id)`.execute(tx)
    const row = rows[0]
    if (row === undefined) return false
    await forgetToken(tx, row.launch)
    const allocations = await waitingFor(tx, id)
    const next = await learn(tx, deps, row, decision, row.gang && allocations.length > 0)
    await addEvents(tx, [{ kind: 'instance-gone', instanceId: id, agentId: id, pool: row.pool, allocations, text: `${wordsOf(decision, row)}${next}`, data: { cause: decision.cause, before: row.before, reason: decision.reason } }])
    return true
  })
  if (went) for (const loop of ['loss', 'scale', 'lifecycle', 'feed'] as const) deps.wake(loop)
}

/** With the last instance of a launch its join token ends. */
async function forgetToken(tx: Tx, launch: string): Promise<void> {
  await sql`DELETE FROM join_tokens t USING launches l WHERE t.launch_id = l.id AND l.id = ${launch} AND l.state <> 'LAUNCHING'
    AND NOT EXISTS (SELECT 1 FROM instances i WHERE i.launch_id = l.id AND i.state <> 'GONE')`.execute(tx)
}

/** EC2 has none left there: it took the instance back, or never had it. */
const NO_CAPACITY = /^Server\.(SpotInstance|Insufficient)/

/**
 * A market that takes instances back is dry, one that gives no whole gang likewise; a boot that ends by itself is a
 * strike: else it would be tried for ever.
 */
async function learn(tx: Tx, deps: HerdDeps, row: GoneRow, { instance, cause, reason }: Gone, halfGang: boolean): Promise<string> {
  if (cause === 'asked') return ''
  if (NO_CAPACITY.test(reason)) return `; ${await markDry(tx, deps, row, { kind: 'capacity', code: codeOf(reason), text: reason })}`
  const strike = cause === 'outside' && row.before === 'STARTING'
  if (strike) await tx.updateTable('pools').set({ strikes: sql<number>`strikes + 1` }).where('name', '=', row.pool).execute()
  const dry = halfGang ? await markDry(tx, deps, row, { kind: 'capacity', code: 'GangNotWhole', text: `${instance} ended before its gang was whole: ${reason}` }) : null
  return `${strike ? '; it had never registered, which counts against its pool' : ''}${dry === null ? '' : `; its gang is not whole: ${dry}`}`
}

function wordsOf(decision: Gone, row: GoneRow): string {
  const { instance: id, cause, reason } = decision
  switch (cause) {
    case 'asked':
      return `instance ${id} has ended${row.ours === '' ? '' : `: ${row.ours}`} (EC2: ${reason})`
    case 'spot':
      return `instance ${id} was taken away by EC2 (spot interruption): ${reason}`
    case 'outside':
      return `instance ${id} ended outside of Drover: ${reason}`
    case 'unknown':
      return `instance ${id} is gone: ${reason}`
  }
}

/** `Server.SpotInstanceTermination: ...` -> its code */
function codeOf(reason: string): string {
  return /^[A-Za-z.]+/.exec(reason)?.[0] ?? 'SpotInterruption'
}
