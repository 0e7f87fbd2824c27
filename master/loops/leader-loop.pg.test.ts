import { sql } from 'kysely'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { realClock } from '../../protocol/kit/clock.ts'
import { PG_ADMIN_URL } from '../store/fresh-db.ts'
import { startLeadership } from './leader-loop.ts'
import { openRig, quietLog, type Rig } from './rig.ts'

describe.skipIf(!PG_ADMIN_URL)('leadership', () => {
  let rig: Rig
  beforeAll(async () => { rig = await openRig() })
  afterAll(async () => rig.drop())

  test('one that stood still for longer than its lease decides nothing from that moment on, and says so at its next look', async () => {
    await sql`DELETE FROM leader`.execute(rig.db)
    const stop = new AbortController()
    const said: string[] = []
    let stoodStillMs = 0
    const onElected = vi.fn()
    const leadership = startLeadership({
      db: rig.db, holder: 'old', random: Math.random, signal: stop.signal, onElected,
      log: { ...quietLog, info: (_, message) => void said.push(message) }, clock: { ...realClock, monotonicMs: () => realClock.monotonicMs() + stoodStillMs },
    })
    await vi.waitFor(() => expect(leadership.epoch()).toBe(1), { timeout: 10_000 })
    await sql`UPDATE leader SET holder = 'new', epoch = 2, until = clock_timestamp() + interval '1 hour'`.execute(rig.db)
    stoodStillMs = 10_000
    expect(leadership.epoch()).toBeNull()
    await vi.waitFor(() => expect(said).toEqual(['this master decides', 'another master decides']), { timeout: 10_000 })
    expect(leadership.epoch()).toBeNull()
    expect(onElected).toHaveBeenCalledOnce()
    stop.abort()
    await leadership.ended
  })
})
