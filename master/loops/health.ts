import { sql } from 'kysely'
import type { Clock } from '../../protocol/kit/clock.ts'
import type { Log } from '../../protocol/kit/log.ts'
import { startLoop } from '../../protocol/kit/loop.ts'
import type { Db } from '../store/db.ts'

const PROBE_MS = 1_000

/** Whether Postgres answers, asked once a second. */
export function startHealth(deps: { db: Db; log: Log; clock: Clock; random: () => number; signal: AbortSignal }): { up(): boolean; ended: Promise<void> } {
  let up = false
  const loop = startLoop({
    name: 'health', sweepMs: PROBE_MS, capMs: PROBE_MS, signal: deps.signal, clock: deps.clock, random: deps.random, log: deps.log,
    pass: async () => {
      try {
        await sql`SELECT 1`.execute(deps.db)
        up = true
      } catch (error) {
        up = false
        throw error
      }
    },
  })
  return { up: () => up, ended: loop.ended }
}
