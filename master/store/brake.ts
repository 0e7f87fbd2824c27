import { sql } from 'kysely'
import { toJsonb } from './clean.ts'
import type { CommandResult } from './commands.ts'
import type { Db } from './db.ts'
import { addEvents } from './events.ts'
import type { Tx } from './leader.ts'
import type { AlarmsTable } from './schema.ts'
import type { Brake } from '../reconcile/loss-world.ts'

/** Keys in the table of alarms: the brake is on; it went off and some are silent since before that. */
const ON = 'brake'
export const OFF = 'brake-off'

/** The brake as the decider of loss knows it. */
export async function loadBrake(db: Db | Tx): Promise<Brake> {
  const { rows } = await sql<Pick<AlarmsTable, 'key' | 'text'> & { data: { agents?: string[]; by?: string | null }; at: number }>`
    SELECT key, text, data, extract(epoch FROM since)::float8 * 1000 AS at FROM alarms WHERE key IN (${ON}, ${OFF})`.execute(db)
  const on = rows.find((row) => row.key === ON)
  const off = rows.find((row) => row.key === OFF)
  return { on: on === undefined ? null : (on.data.agents ?? []), off: off === undefined ? null : { at: off.at, byPerson: typeof off.data.by === 'string' } }
}

export async function putBrakeOn(tx: Tx, agents: readonly string[], text: string): Promise<void> {
  await tx.insertInto('alarms').values({ key: ON, text, data: toJsonb({ agents }) }).onConflict((conflict) => conflict.column('key').doNothing()).execute()
  await addEvents(tx, [{ kind: 'alarm', text, data: { key: ON, agents } }])
}

/** `by` null = half of them came back by themselves. False = it was not on. */
export async function putBrakeOff(tx: Tx, by: string | null, text: (agents: number) => string): Promise<boolean> {
  const on = await tx.deleteFrom('alarms').where('key', '=', ON).returning('data').executeTakeFirst()
  if (!on) return false
  const agents = Array.isArray(on.data['agents']) ? on.data['agents'] : []
  const row = { text: text(agents.length), data: toJsonb({ agents, by }) }
  await tx.insertInto('alarms').values({ key: OFF, ...row }).onConflict((conflict) => conflict.column('key').doUpdateSet({ ...row, since: sql<Date>`now()` })).execute()
  await addEvents(tx, [{ kind: 'alarm-over', text: row.text, data: { key: ON, agents, by } }])
  return true
}

export async function forgetBrake(tx: Tx): Promise<void> {
  await tx.deleteFrom('alarms').where('key', '=', OFF).execute()
}

/** A person's word: those still silent are lost, and their silence does not bring the brake back. */
export function releaseBrake(db: Db, by: string): Promise<CommandResult> {
  return db.transaction().execute(async (tx): Promise<CommandResult> => {
    const released = await putBrakeOff(tx, by, (agents) => `the brake was released by ${by}: of the ${agents} agents that fell silent together, those still silent are declared lost`)
    return released ? { kind: 'done' } : { kind: 'conflict', message: 'the brake is off: there is nothing to release' }
  })
}
