import type { Db } from '../../store/db.ts'
import type { InstancesTable } from '../../store/schema.ts'

const ago = (minutes: number): Date => new Date(Date.now() - minutes * 60_000)

export async function seedLaunch(db: Db, id: string, more: Partial<{ pool: string; type: string; zone: string; state: 'LAUNCHING' | 'DONE' | 'FAILED'; allocations: string[]; minutesAgo: number; error: { kind: 'capacity' | 'quota'; code: string; text: string } }> = {}): Promise<void> {
  await db.insertInto('launches').values({
    id, pool: more.pool ?? 'gpu-big', type: more.type ?? 'g5.xlarge', zone: more.zone ?? 'us-east-1a', subnet: 'subnet-a', market: 'spot', gang: false, count: 1, slots: 1, per_hour: 0.36, allocations: JSON.stringify(more.allocations ?? []),
    reason: 'one allocation waits', state: more.state ?? 'DONE', error_kind: more.error?.kind ?? null, error_code: more.error?.code ?? '', error_text: more.error?.text ?? '', decided_at: ago(more.minutesAgo ?? 60), called_at: ago(more.minutesAgo ?? 60),
  }).execute()
}

/** `minutes` ago: launched, registered (null: never), gone (null: not yet). */
export async function seedInstance(db: Db, id: string, launch: string, more: Partial<{ state: InstancesTable['state']; launched: number; registered: number | null; gone: number | null; perHour: number | null; reason: string; notice: 'spot' | 'rebalance'; console: string }> = {}): Promise<void> {
  const { registered = 55, gone = null, perHour = 0.36 } = more
  const { pool, type, zone, market } = await db.selectFrom('launches').select(['pool', 'type', 'zone', 'market']).where('id', '=', launch).executeTakeFirstOrThrow()
  await db.insertInto('instances').values({
    id, launch_id: launch, pool, type, zone, market, slots: 1, per_hour: perHour, state: more.state ?? 'READY', state_reason: more.reason ?? '', private_ip: '10.0.0.7', launched_at: ago(more.launched ?? 60),
    registered_at: registered === null ? null : ago(registered), gone_at: gone === null ? null : ago(gone), notice: more.notice ?? null, notice_at: more.notice ? ago(0) : null, notice_until: more.notice === 'spot' ? new Date(Date.now() + 100_000) : null, console: more.console ?? '',
  }).execute()
}

export async function seedPool(db: Db, name: string, more: Partial<{ note: string; paused: string; strikes: number }> = {}): Promise<void> {
  await db.insertInto('pools').values({ name, note: more.note ?? '', strikes: more.strikes ?? 0, paused: more.paused ?? null, paused_at: more.paused === undefined ? null : new Date() }).execute()
}

export async function seedDryMark(db: Db, pool: string, minutes: number, more: { type?: string; kind?: 'capacity' | 'quota'; code?: string } = {}): Promise<void> {
  await db.insertInto('dry_marks').values({ pool, type: more.type ?? 'g5.xlarge', zone: 'us-east-1a', market: 'spot', until: ago(-minutes), kind: more.kind ?? 'capacity', code: more.code ?? 'InsufficientInstanceCapacity', text: 'We currently do not have sufficient capacity.' }).execute()
}
