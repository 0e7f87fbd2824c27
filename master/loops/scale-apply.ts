import { sql } from 'kysely'
import type { ScaleDecision } from '../scale/world.ts'
import { raiseAlarm } from '../store/alarms.ts'
import { raiseGenerations } from '../store/allocations.ts'
import { cleanText } from '../store/clean.ts'
import { addEvents } from '../store/events.ts'
import { assertLeader, type Tx } from '../store/leader.ts'
import { pausedAlarm } from '../store/pool-commands.ts'
import type { HerdDeps } from './herd-deps.ts'
import { statesBefore, waitingFor } from './instance-rows.ts'
import { lockPool } from './scale-launch.ts'

type Of<K extends ScaleDecision['kind']> = Extract<ScaleDecision, { kind: K }>

/** READY -> RETIRING, under the lock that a placement on this agent takes (I8). False = work came first, or it left READY. */
export async function applyRetire(deps: HerdDeps, epoch: number, { instance: id, reason }: Of<'retire'>): Promise<boolean> {
  const retired = await deps.db.transaction().execute(async (tx) => {
    await assertLeader(tx, epoch)
    const agent = await lockAgent(tx, id)
    if (agent === undefined || (await liveOn(tx, id)).length > 0) return false
    const instance = await tx.updateTable('instances').set({ state: 'RETIRING', retiring_at: deps.now() }).where('id', '=', id).where('state', '=', 'READY').returning('pool').executeTakeFirst()
    if (instance === undefined) return false
    await sendAway(tx, id, reason)
    await addEvents(tx, [{ kind: 'instance-retiring', instanceId: id, agentId: id, pool: instance.pool, allocations: await waitingFor(tx, id), text: `instance ${id} retires: ${reason}` }])
    return true
  })
  if (!retired) return false
  deps.poke([id])
  for (const loop of ['scale', 'feed'] as const) deps.wake(loop)
  return true
}

/**
 * -> TERMINATING; the call follows from the row. Refused while a live allocation is on it, unless its agent is lost (I8).
 * A strike keeps the console output: the only witness of a boot that never registered.
 */
export async function applyTerminate(deps: HerdDeps, epoch: number, decision: Of<'terminate'>, console: string): Promise<boolean> {
  const { instance: id, reason, strike } = decision
  const applied = await deps.db.transaction().execute(async (tx) => {
    await assertLeader(tx, epoch)
    const agent = await lockAgent(tx, id)
    const live = await liveOn(tx, id)
    if (live.length > 0 && agent?.lost_at === null) {
      deps.log.warn({ instance: id, reason, live }, 'an instance with live allocations is not terminated')
      return false
    }
    const seen = await tx.selectFrom('instances').select('pool').where('id', '=', id).executeTakeFirst()
    if (seen === undefined) return false
    if (strike) await lockPool(tx, seen.pool)
    const instance = await tx.updateTable('instances')
      .set({ state: 'TERMINATING', terminating_at: deps.now(), state_reason: cleanText(reason), ...(console === '' ? {} : { console: cleanText(console) }) })
      .where('id', '=', id).where('state', 'in', strike ? ['STARTING'] : statesBefore('TERMINATING')).returning(['pool', 'zone', 'type']).executeTakeFirst()
    if (instance === undefined) return false
    if (agent !== undefined) await sendAway(tx, id, reason)
    if (strike) await tx.updateTable('pools').set({ strikes: sql<number>`strikes + 1` }).where('name', '=', instance.pool).execute()
    const witness = strike && console !== '' ? ' (its console output is kept with the instance)' : ''
    await addEvents(tx, [{ kind: 'instance-terminating', instanceId: id, agentId: agent === undefined ? null : id, pool: instance.pool, allocations: await waitingFor(tx, id), text: `instance ${id} is terminated: ${reason}${witness}`, data: { strike } }])
    return true
  })
  if (applied) for (const loop of ['scale', 'feed'] as const) deps.wake(loop)
  return applied
}

export async function applyPause(deps: HerdDeps, epoch: number, { pool, reason }: Of<'pause'>): Promise<boolean> {
  const text = `pool ${pool} launches nothing more: ${reason}`
  const paused = await deps.db.transaction().execute(async (tx) => {
    await assertLeader(tx, epoch)
    await lockPool(tx, pool)
    const row = await tx.updateTable('pools').set({ paused: cleanText(reason), paused_at: deps.now() }).where('name', '=', pool).where('paused', 'is', null).returning('name').executeTakeFirst()
    if (row === undefined) return false
    await raiseAlarm(tx, pausedAlarm(pool), text)
    await addEvents(tx, [{ kind: 'pool-paused', pool, text }])
    return true
  })
  if (paused) deps.wake('feed')
  return paused
}

function lockAgent(tx: Tx, id: string): Promise<{ lost_at: Date | null } | undefined> {
  return tx.selectFrom('agents').select('lost_at').where('id', '=', id).forUpdate().executeTakeFirst()
}

/** A statement of its own after the lock: it sees a placement that was committed while the lock was awaited. */
async function liveOn(tx: Tx, agent: string): Promise<string[]> {
  const rows = await tx.selectFrom('allocation_members as m').innerJoin('allocations as a', 'a.id', 'm.allocation_id').select('a.id')
    .where('m.agent_id', '=', agent).where('m.lost', '=', false).where('a.state', '<>', 'SEALED').execute()
  return rows.map((row) => row.id)
}

/** No new work; the agent hears of it by its next heartbeat. */
async function sendAway(tx: Tx, agent: string, reason: string): Promise<void> {
  await tx.updateTable('agents').set({ retiring: sql<string>`coalesce(retiring, ${cleanText(reason)})` }).where('id', '=', agent).execute()
  await raiseGenerations(tx, [agent])
}
