import { sql } from 'kysely'
import type { Clock } from '../../protocol/kit/clock.ts'
import type { Log } from '../../protocol/kit/log.ts'
import { startLoop, type Loop } from '../../protocol/kit/loop.ts'
import type { Db } from '../store/db.ts'

/** Gathers who was heard and writes it once a second in one statement, so that a thousand agents cost one update. */
export interface Presence {
  note(agent: string, outbox: number): void
  /** Resolves when the loop has ended and the last notes are written, if that was possible. */
  ended: Promise<void>
}

const FLUSH_MS = 1_000

export function startPresence(deps: { db: Db; log: Log; clock: Clock; random: () => number; signal: AbortSignal }): Presence {
  let heard = new Map<string, number>()
  const loop: Loop = startLoop({ name: 'presence', sweepMs: FLUSH_MS, signal: deps.signal, clock: deps.clock, random: deps.random, log: deps.log, pass: flush })

  async function flush(): Promise<void> {
    if (heard.size === 0) return
    const batch = [...heard]
    heard = new Map()
    try {
      await sql`
        WITH v AS (SELECT * FROM unnest(${batch.map(([id]) => id)}::text[], ${batch.map(([, outbox]) => outbox)}::int[]) AS v (id, outbox)),
        locked AS (SELECT g.id FROM agents g JOIN v ON v.id = g.id ORDER BY g.id FOR UPDATE OF g)
        UPDATE agents g SET seen_at = clock_timestamp(), outbox = v.outbox FROM v, locked WHERE g.id = v.id AND locked.id = g.id`.execute(deps.db)
    } catch (error) {
      for (const [id, outbox] of batch) if (!heard.has(id)) heard.set(id, outbox)
      throw error
    }
  }
  return {
    note: (agent, outbox) => void heard.set(agent, Math.min(outbox, 2_147_483_647)),
    ended: loop.ended,
  }
}
