import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { hash, newExperiment, openRig, type Rig } from '../loops/rig.ts'
import { deleteCheckpoints } from './delete-checkpoints.ts'
import { PG_ADMIN_URL } from './fresh-db.ts'

const UUIDS = ['11111111-1111-4111-8111-111111111111', '22222222-2222-4222-8222-222222222222'] as const

describe.skipIf(!PG_ADMIN_URL)('deleting checkpoints', () => {
  let rig: Rig
  let trialId: number
  let experimentId: number
  beforeAll(async () => { rig = await openRig() })
  afterAll(async () => rig.drop())
  beforeEach(async () => {
    await rig.db.deleteFrom('model_versions').execute()
    await rig.db.deleteFrom('experiments').execute()
    ;({ trialId, experimentId } = await rig.commands.createExperiment(newExperiment(rig)))
    await rig.db.updateTable('trials').set({ state: 'COMPLETED' }).where('id', '=', trialId).execute()
    await rig.db.insertInto('checkpoints').values(UUIDS.map((uuid, index) => ({
      uuid, task_id: `trial-${trialId}`, trial_id: trialId, experiment_id: experimentId, allocation_id: `trial-${trialId}.1`, epoch: 1, ordinal: index + 1, steps: index * 10, state: 'COMPLETED' as const, prefix: `p/${uuid}`,
      manifest_digest: hash(index), resources: JSON.stringify({ 'model.pt': 10, 'nested/': 0, 'nested/a.txt': 1, 'nested/b.bin': 2 }), metadata: '{}', metrics: '{}', declared_at: new Date(), pointer_written: true,
    }))).execute()
  })
  const owner = () => ({ userId: rig.ownerId, username: 'ann', admin: false })
  const rows = () => rig.db.selectFrom('checkpoints').select(['uuid', 'state', 'resources', 'pointer_written']).orderBy('uuid').execute()
  const ask = (uuids: readonly string[], globs: readonly string[] | null, by: { userId: number; username: string; admin: boolean } = owner()) => deleteCheckpoints(rig.db, { uuids, globs, by })

  test('whole: marked, told, the bytes are the loop\'s next work; a second time changes nothing', async () => {
    expect(await ask([UUIDS[0]], null)).toEqual({ kind: 'done' })
    expect(await rows()).toMatchObject([{ state: 'DELETED', pointer_written: false }, { state: 'COMPLETED', pointer_written: true }])
    const events = await rig.db.selectFrom('events').select('text').where('kind', '=', 'checkpoint-deleted').execute()
    expect(events.at(-1)?.text).toBe(`checkpoint ${UUIDS[0]} at step 0 was deleted by ann`)
    await rig.db.updateTable('checkpoints').set({ pointer_written: true }).execute()
    expect(await ask([UUIDS[0]], null)).toEqual({ kind: 'done' })
    expect((await rows())[0]?.pointer_written).toBe(true)
  })

  test('by pattern: what matches goes, the rest stays; nothing that matches changes nothing; all that matches is all of it', async () => {
    await ask([UUIDS[0]], ['nested/*.txt'])
    expect((await rows())[0]).toMatchObject({ state: 'PARTIALLY_DELETED', resources: { 'model.pt': 10, 'nested/': 0, 'nested/b.bin': 2 } })
    await ask([UUIDS[1]], ['*.jpg', '../**'])
    expect((await rows())[1]).toMatchObject({ state: 'COMPLETED', pointer_written: true })
    await rig.db.updateTable('checkpoints').set({ resources: JSON.stringify({ 'model.pt': 10, '.hidden': 1 }) }).where('uuid', '=', UUIDS[1]).execute()
    await ask([UUIDS[1]], ['**/*'])
    expect((await rows())[1]?.state).toBe('DELETED')
  })

  test('all or none: an unknown one, another user\'s, a registered one, what a live trial or a warm start needs', async () => {
    expect(await ask([UUIDS[0], '99999999-9999-4999-8999-999999999999'], null)).toEqual({ kind: 'not-found' })
    const other = await rig.db.insertInto('users').values({ username: `bob${experimentId}`, display_name: null, password_hash: 'x' }).returning('id').executeTakeFirstOrThrow()
    expect(await ask([UUIDS[0]], null, { userId: other.id, username: 'bob', admin: false })).toMatchObject({ kind: 'conflict', message: expect.stringContaining("another user's") })
    const model = await rig.db.insertInto('models').values({ name: `m${experimentId}`, owner_id: rig.ownerId, workspace_id: 1 }).returning('id').executeTakeFirstOrThrow()
    await rig.db.insertInto('model_versions').values({ model_id: model.id, version: 1, checkpoint_uuid: UUIDS[0], owner_id: rig.ownerId }).execute()
    expect(await ask([UUIDS[1], UUIDS[0]], null)).toMatchObject({ kind: 'conflict', message: expect.stringContaining(`is version 1 of model m${experimentId}`) })
    await rig.db.updateTable('trials').set({ state: 'ACTIVE' }).where('id', '=', trialId).execute()
    expect(await ask([UUIDS[1]], null)).toMatchObject({ kind: 'conflict', message: expect.stringContaining(`trial ${trialId} would go on from`) })
    await rig.db.updateTable('trials').set({ state: 'COMPLETED' }).where('id', '=', trialId).execute()
    await rig.db.updateTable('experiments').set({ source_checkpoint: UUIDS[1] }).where('id', '=', experimentId).execute()
    expect(await ask([UUIDS[1]], null)).toMatchObject({ kind: 'conflict', message: expect.stringContaining('starts from') })
    expect((await rows()).map((row) => row.state)).toEqual(['COMPLETED', 'COMPLETED'])
    await rig.db.deleteFrom('model_versions').execute()
    await rig.db.updateTable('experiments').set({ source_checkpoint: null }).execute()
    expect(await ask([UUIDS[0]], null, { userId: other.id, username: 'root', admin: true })).toEqual({ kind: 'done' })
  })
})
