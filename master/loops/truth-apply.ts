import { sql } from 'kysely'
import type { TruthDecision } from '../reconcile/truth-world.ts'
import { clearAlarm, raiseAlarm } from '../store/alarms.ts'
import { cleanText } from '../store/clean.ts'
import { addEvents } from '../store/events.ts'
import { assertLeader } from '../store/leader.ts'
import type { HerdDeps } from './herd-deps.ts'
import { addInstance, statesBefore } from './instance-rows.ts'
import { failLaunch, lockLaunch, nameOf } from './scale-launch.ts'
import { applyGone } from './truth-gone.ts'

type Of<K extends TruthDecision['kind']> = Extract<TruthDecision, { kind: K }>

const haltAlarm = (region: string): string => `truth-halted:${region}`

/** Carries out one decision, fenced; every row is looked at again under its lock. */
export function applyTruth(deps: HerdDeps, epoch: number, region: string, decision: TruthDecision): Promise<void> {
  switch (decision.kind) {
    case 'gone':
      return applyGone(deps, epoch, decision)
    case 'seen':
      return seen(deps, epoch, decision)
    case 'missed':
      return missed(deps, epoch, decision)
    case 'adopt':
      return adopt(deps, epoch, decision)
    case 'end':
      return end(deps, epoch, decision)
    case 'settle':
      return settle(deps, epoch, decision)
    case 'orphan':
      return noteOrphan(deps, epoch, region, decision)
    case 'end-orphan':
      return endOrphan(deps, epoch, region, decision)
    case 'forget-orphan':
      return forgetOrphan(deps, epoch, decision)
    case 'halt':
      return halt(deps, epoch, region, decision)
  }
}

/** The rows can be trusted again. */
export function clearHalt(deps: HerdDeps, epoch: number, region: string): Promise<void> {
  return deps.db.transaction().execute(async (tx) => {
    await assertLeader(tx, epoch)
    if (await clearAlarm(tx, haltAlarm(region))) await addEvents(tx, [{ kind: 'truth-resumed', text: `instances of EC2 in ${region} and the database agree again` }])
  })
}

function seen(deps: HerdDeps, epoch: number, decision: Of<'seen'>): Promise<void> {
  return deps.db.transaction().execute(async (tx) => {
    await assertLeader(tx, epoch)
    await tx.updateTable('instances').set({ missed: 0, missed_since: null, private_ip: decision.privateIp }).where('id', '=', decision.instance).where('state', '<>', 'GONE').execute()
  })
}

function missed(deps: HerdDeps, epoch: number, decision: Of<'missed'>): Promise<void> {
  return deps.db.transaction().execute(async (tx) => {
    await assertLeader(tx, epoch)
    await tx.updateTable('instances').set({ missed: sql<number>`missed + 1`, missed_since: sql<Date>`coalesce(missed_since, ${deps.now()})` }).where('id', '=', decision.instance).where('state', '<>', 'GONE').execute()
  })
}

async function adopt(deps: HerdDeps, epoch: number, decision: Of<'adopt'>): Promise<void> {
  // its reply is on the way in this very process
  if (deps.background.has(`launch:${decision.launch}`)) return
  const { seen: made } = decision
  const fresh = await deps.db.transaction().execute(async (tx) => {
    await assertLeader(tx, epoch)
    const { state } = await lockLaunch(tx, decision.launch)
    if (state === 'FAILED') return false
    const launch = await tx.selectFrom('launches').select(['id', 'pool', 'slots', 'per_hour']).where('id', '=', decision.launch).executeTakeFirstOrThrow()
    if (!(await addInstance(tx, launch, made))) return false
    const text = `instance ${made.id} (${made.type} in ${made.zone}) was found in EC2 as one of launch ${launch.id}, whose reply was lost: it is taken in`
    await addEvents(tx, [{ kind: 'instance-adopted', instanceId: made.id, pool: launch.pool, text, data: { launch: launch.id } }])
    return true
  })
  if (fresh) for (const loop of ['scale', 'truth', 'feed'] as const) deps.wake(loop)
}

/** No I8 here: on a machine that is stopped nothing lives. */
async function end(deps: HerdDeps, epoch: number, decision: Of<'end'>): Promise<void> {
  const { instance: id, reason } = decision
  await deps.db.transaction().execute(async (tx) => {
    await assertLeader(tx, epoch)
    const row = await tx.updateTable('instances').set({ state: 'TERMINATING', terminating_at: deps.now(), state_reason: cleanText(reason) })
      .where('id', '=', id).where('state', 'in', statesBefore('TERMINATING')).returning('pool').executeTakeFirst()
    if (row) await addEvents(tx, [{ kind: 'instance-terminating', instanceId: id, pool: row.pool, text: `instance ${id} is terminated: ${reason}` }])
  })
  for (const loop of ['scale', 'feed'] as const) deps.wake(loop)
}

async function settle(deps: HerdDeps, epoch: number, decision: Of<'settle'>): Promise<void> {
  if (deps.background.has(`launch:${decision.launch}`)) return
  await deps.db.transaction().execute(async (tx) => {
    await assertLeader(tx, epoch)
    const { state } = await lockLaunch(tx, decision.launch)
    const made = await tx.selectFrom('instances').select('id').where('launch_id', '=', decision.launch).orderBy('id').execute()
    // FAILED says that nothing was made, DONE that something was
    if (state !== 'LAUNCHING' || (decision.state === 'FAILED') !== (made.length === 0)) return
    const row = await tx.selectFrom('launches').select(['pool', 'count', 'type', 'zone', 'market']).where('id', '=', decision.launch).executeTakeFirstOrThrow()
    if (decision.state === 'FAILED') await failLaunch(tx, deps, decision.launch, { kind: 'unavailable', code: 'OutcomeUnknown', text: decision.reason })
    else await tx.updateTable('launches').set({ state: 'DONE', settled_at: deps.now() }).where('id', '=', decision.launch).execute()
    const kind = decision.state === 'FAILED' ? 'launch-failed' : 'launch-done'
    const next = decision.state === 'FAILED' ? 'it is given up, another launch takes its place; should an instance of it appear all the same, it is terminated' : 'the agents are awaited'
    await addEvents(tx, [{ kind, pool: row.pool, instanceId: made[0]?.id ?? null, text: `${nameOf(row)}: ${decision.reason}; ${next}`, data: { launch: decision.launch, instances: made.map((one) => one.id) } }])
  })
  for (const loop of ['scale', 'feed'] as const) deps.wake(loop)
}

function noteOrphan(deps: HerdDeps, epoch: number, region: string, { instance: id, reason }: Of<'orphan'>): Promise<void> {
  return deps.db.transaction().execute(async (tx) => {
    await assertLeader(tx, epoch)
    const result = await tx.insertInto('orphans').values({ id, region, first_seen: deps.now() }).onConflict((conflict) => conflict.column('id').doNothing()).executeTakeFirst()
    if ((result.numInsertedOrUpdatedRows ?? 0n) === 0n) return
    await addEvents(tx, [{ kind: 'orphan-seen', instanceId: id, text: `instance ${id} runs in ${region} without a row: ${reason}; unless that changes it is terminated in ${Math.ceil(deps.herd.listMs / 1000)} s` }])
  })
}

/** Looked at again in the transaction that says so; the call comes after it. */
async function endOrphan(deps: HerdDeps, epoch: number, region: string, { instance: id, reason }: Of<'end-orphan'>): Promise<void> {
  const wanted = await deps.db.transaction().execute(async (tx) => {
    await assertLeader(tx, epoch)
    const row = await tx.selectFrom('instances').select('id').where('id', '=', id).where('state', '<>', 'GONE').executeTakeFirst()
    if (row) return false
    await tx.updateTable('orphans').set({ ended_at: deps.now(), passes: sql<number>`passes + 1` }).where('id', '=', id).execute()
    await addEvents(tx, [{ kind: 'orphan-ended', instanceId: id, text: `instance ${id} in ${region} is terminated: ${reason}, seen twice at least ${Math.floor(deps.herd.listMs / 1000)} s apart` }])
    return true
  })
  if (wanted) await (await deps.clouds.of(region)).terminate([id])
}

function forgetOrphan(deps: HerdDeps, epoch: number, decision: Of<'forget-orphan'>): Promise<void> {
  return deps.db.transaction().execute(async (tx) => {
    await assertLeader(tx, epoch)
    await tx.deleteFrom('orphans').where('id', '=', decision.instance).execute()
  })
}

function halt(deps: HerdDeps, epoch: number, region: string, decision: Of<'halt'>): Promise<void> {
  const text = `no instance without a row is terminated in ${region}: ${decision.reason}. Is this the right database, and is it whole? Bring it back; where it is right, end in EC2 what runs for nothing, and start the master anew`
  return deps.db.transaction().execute(async (tx) => {
    await assertLeader(tx, epoch)
    if (await raiseAlarm(tx, haltAlarm(region), text)) await addEvents(tx, [{ kind: 'truth-halted', text }])
  })
}
