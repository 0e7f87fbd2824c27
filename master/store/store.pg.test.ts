import { sql } from 'kysely'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { newExperiment, openRig, type Rig } from '../loops/rig.ts'
import { createAllocation } from './allocations.ts'
import { blobSize, putBlobs, readBlob } from './blobs.ts'
import { openCluster } from './cluster.ts'
import { addEvents } from './events.ts'
import { isTransient, isUniqueViolation } from './failures.ts'
import { groupCommit } from './group-commit.ts'
import { PG_ADMIN_URL } from './fresh-db.ts'
import { acquireLeader, assertLeader, NotLeaderError, releaseLeader } from './leader.ts'

describe.skipIf(!PG_ADMIN_URL)('store', () => {
  let rig: Rig
  beforeAll(async () => { rig = await openRig() })
  afterAll(async () => rig.drop())

  test('one leader at a time; the epoch grows with each change of holder; a stale epoch decides nothing', async () => {
    const { db } = rig
    await sql`DELETE FROM leader`.execute(db)
    expect(await acquireLeader(db, 'a')).toBe(1)
    expect(await acquireLeader(db, 'b')).toBeNull()
    expect(await acquireLeader(db, 'a')).toBe(1)
    await sql`UPDATE leader SET until = clock_timestamp() - interval '1 second'`.execute(db)
    expect(await Promise.all([acquireLeader(db, 'b'), acquireLeader(db, 'c')]).then((all) => all.filter((epoch) => epoch === 2))).toHaveLength(1)
    await expect(db.transaction().execute((tx) => assertLeader(tx, 1))).rejects.toThrow(NotLeaderError)
    await db.transaction().execute((tx) => assertLeader(tx, 2))
    await releaseLeader(db, 'b')
    await releaseLeader(db, 'c')
    expect(await acquireLeader(db, 'd')).toBe(3)
  })

  test('a leader that stands still inside a deciding transaction keeps the next one out for seconds, not for ever', async () => {
    const { db } = rig
    await sql`DELETE FROM leader`.execute(db)
    const old = (await acquireLeader(db, 'old')) ?? 0
    let goOn = (): void => undefined
    const standsStill = new Promise<void>((resolve) => { goOn = resolve })
    let hold = (): void => undefined
    const holds = new Promise<void>((resolve) => { hold = resolve })
    const stopped = db.transaction().execute(async (tx) => {
      await assertLeader(tx, old)
      hold()
      await standsStill
      await addEvents(tx, [{ kind: 'stale', text: 'decided by a leader that is none any more' }])
    }).catch((error: unknown) => error)
    await holds
    await sql`UPDATE leader SET until = clock_timestamp() - interval '1 second'`.execute(db)
    expect(await acquireLeader(db, 'new')).toBe(old + 1)
    goOn()
    expect(isTransient(await stopped)).toBe(true)
    expect(await db.selectFrom('events').select('id').where('kind', '=', 'stale').execute()).toEqual([])
  }, 20_000)

  test('the cluster\'s id is made once', async () => {
    const ids = await Promise.all([openCluster(rig.db), openCluster(rig.db)])
    expect(new Set(ids.map((cluster) => cluster.clusterId)).size).toBe(1)
    expect(ids[0]?.clusterId).toBe(rig.deps.clusterId)
  })

  test('event ids grow in the order of commit, however transactions overlap', async () => {
    let commitFirst = (): void => undefined
    const gate = new Promise<void>((resolve) => { commitFirst = resolve })
    const first = rig.db.transaction().execute(async (tx) => {
      await addEvents(tx, [{ kind: 'x', text: 'first' }])
      await gate
    })
    await until(async () => (await sql<{ n: number }>`SELECT count(*)::int AS n FROM pg_locks WHERE locktype = 'advisory' AND granted AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`.execute(rig.db)).rows[0]?.n === 1)
    const second = rig.db.transaction().execute((tx) => addEvents(tx, [{ kind: 'x', text: 'second\u0000' }]))
    await new Promise((resolve) => setTimeout(resolve, 50))
    expect(await rig.db.selectFrom('events').select('id').where('kind', '=', 'x').execute()).toEqual([])
    commitFirst()
    await Promise.all([first, second])
    expect((await rig.db.selectFrom('events').select('text').where('kind', '=', 'x').orderBy('id').execute()).map((row) => row.text)).toEqual(['first', 'second\uFFFD'])
  })

  test('I2: a task has at most one live allocation, whoever asks', async () => {
    const { trialId } = await rig.commands.createExperiment(newExperiment(rig))
    const again = rig.db.transaction().execute((tx) => createAllocation(tx, { taskId: `trial-${trialId}`, pool: 'default', slots: 1 }))
    await expect(again).rejects.toSatisfy(isUniqueViolation)
  })

  test('submit: an unknown pool and credentials in the YAML are refused with the cure, and leave nothing behind', async () => {
    const count = async (): Promise<unknown> => rig.db.selectFrom('experiments').select((eb) => eb.fn.countAll().as('n')).executeTakeFirst()
    const before = await count()
    await expect(rig.commands.createExperiment(newExperiment(rig, { resources: { slots_per_trial: 1, resource_pool: 'nope', priority: null, shm_size: null } }))).rejects.toThrow(/"nope", which this cluster does not have: name one of default, gpu/)
    const own = { type: 's3', bucket: 'b', prefix: null, endpoint_url: null, access_key: 'k', secret_key: 's', save_experiment_best: 0, save_trial_best: 0, save_trial_latest: 0 } as const
    await expect(rig.commands.createExperiment(newExperiment(rig, { checkpoint_storage: own }))).rejects.toThrow(/access_key/)
    expect(await count()).toEqual(before)
  })

  test('submit paused: no allocation; archived only after its end', async () => {
    const { experimentId, trialId } = await rig.commands.createExperiment(newExperiment(rig, {}, false))
    expect(await rig.db.selectFrom('allocations').selectAll().where('task_id', '=', `trial-${trialId}`).execute()).toEqual([])
    expect(await rig.commands.setArchived(experimentId, true, 'ann')).toMatchObject({ kind: 'conflict' })
  })

  test('blobs come back in slices', async () => {
    const bytes = Buffer.alloc(2_500_000, 7)
    const [digest = ''] = await putBlobs(rig.db, [bytes])
    expect(await putBlobs(rig.db, [bytes])).toEqual([digest])
    const parts: Buffer[] = []
    for await (const part of readBlob(rig.db, digest, (await blobSize(rig.db, digest)) ?? 0)) parts.push(part)
    expect(parts.map((part) => part.length)).toEqual([1_048_576, 1_048_576, 402_848])
    expect(Buffer.concat(parts).equals(bytes)).toBe(true)
  })

  test('what is transient is told apart from what is not', async () => {
    const bad = await sql`SELECT 1/0`.execute(rig.db).catch((error: unknown) => error)
    expect(isTransient(bad)).toBe(false)
    const cut = await sql`SELECT pg_terminate_backend(pg_backend_pid())`.execute(rig.db).catch((error: unknown) => error)
    expect(isTransient(cut)).toBe(true)
  })

  test('a connection cut between two statements of a transaction is an error of the transaction, not of the process', async () => {
    const uncaught: unknown[] = []
    const listener = (error: unknown): void => void uncaught.push(error)
    process.on('uncaughtException', listener)
    const work = rig.db.transaction().execute(async (tx) => {
      const pid = (await sql<{ pid: number }>`SELECT pg_backend_pid() AS pid`.execute(tx)).rows[0]?.pid
      await sql`SELECT pg_terminate_backend(${pid})`.execute(rig.db)
      await new Promise((resolve) => setTimeout(resolve, 100))
      await sql`SELECT 1`.execute(tx)
    })
    expect(isTransient(await work.catch((error: unknown) => error))).toBe(true)
    process.off('uncaughtException', listener)
    expect(uncaught).toEqual([])
    await sql`SELECT 1`.execute(rig.db)
  })

  test('a table changed under a prepared statement: that call fails as transient, the next one plans anew', async () => {
    await rig.db.connection().execute(async (db) => {
      const ask = (): Promise<unknown> => sql`SELECT * FROM orphans WHERE id = ${'i-1'}`.execute(db)
      await ask()
      await ask()
      await sql`ALTER TABLE orphans ADD COLUMN newer text`.execute(rig.db)
      expect(isTransient(await ask().catch((error: unknown) => error))).toBe(true)
      await ask()
      await sql`ALTER TABLE orphans DROP COLUMN newer`.execute(rig.db)
    })
  })

  test('what comes while a transaction runs shares the next; one that fails fails alone, the others stand', async () => {
    const sizes: number[] = []
    const put = groupCommit<string, string>((inputs) => rig.db.transaction().execute(async (tx) => {
      sizes.push(inputs.length)
      await tx.insertInto('alarms').values(inputs.map((key) => ({ key, text: key }))).execute()
      if (inputs.includes('bad')) throw new Error('bad input')
      return inputs.map((key) => `${key}!`)
    }))
    const outcomes = await Promise.allSettled(['first', 'a', 'bad', 'b'].map(put))
    expect(outcomes.map((one) => (one.status === 'fulfilled' ? one.value : String(one.reason)))).toEqual(['first!', 'a!', 'Error: bad input', 'b!'])
    expect(sizes).toEqual([1, 3, 1, 1, 1])
    expect((await rig.db.selectFrom('alarms').select('key').orderBy('key').execute()).map((row) => row.key)).toEqual(['a', 'b', 'first'])
  })
})

async function until(holds: () => Promise<boolean>): Promise<void> {
  for (let tried = 0; tried < 200; tried += 1) {
    if (await holds()) return
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
  throw new Error('it never came to hold')
}
