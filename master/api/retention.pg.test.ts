import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { ADMIN_URL, startRig, type Rig } from './test-rig/rig.ts'
import { seedCheckpoint, seedExperiment, seedMetrics } from './test-rig/seed.ts'

if (!ADMIN_URL) console.warn('skipped: DROVER_TEST_PG (an admin URL of Postgres) is not set')

describe.skipIf(!ADMIN_URL)('what a policy lets go of the checkpoints of an experiment', () => {
  let rig: Rig
  beforeAll(async () => { rig = await startRig() }, 30_000)
  afterAll(() => rig?.close())

  /** Six checkpoints; accuracy, of which more is better, at the first four. */
  async function seeded(state: 'COMPLETED' | 'ACTIVE' = 'COMPLETED') {
    const made = await seedExperiment(rig.db, { ownerId: rig.userId, state, allocation: null })
    const uuids: string[] = []
    for (const [index, accuracy] of [0.5, 0.9, 0.7, 0.8, null, null].entries()) {
      uuids.push((await seedCheckpoint(rig.db, made, { steps: (index + 1) * 10, ordinal: index + 1, files: { 'model.pt': 100 } })).uuid)
      if (accuracy !== null) await seedMetrics(rig.db, made.trialId, 'validation', (index + 1) * 10, { accuracy })
    }
    return { ...made, uuids }
  }
  const get = async (url: string, token = rig.user) => (await rig.app.inject({ url, headers: { authorization: `Bearer ${token}` } })).json<Record<string, unknown>>()
  const patch = (id: number, checkpointStorage: object, token = rig.user) => rig.app.inject({ method: 'PATCH', url: `/api/v1/experiments/${id}`, headers: { authorization: `Bearer ${token}` }, payload: { id, checkpointStorage } })
  const deletions = () => rig.calls.filter((one) => one.startsWith('deleteCheckpoints'))

  test('the best and the latest stay; a count that is left out is the experiment\'s own; nothing is deleted by looking', async () => {
    const { experimentId, trialId, uuids } = await seeded()
    expect(await get(`/api/v1/drover/experiments/${experimentId}/retention`)).toMatchObject({
      policy: { save_experiment_best: 0, save_trial_best: 1, save_trial_latest: 1 }, metric: 'accuracy', bytes: '400',
      going: [0, 2, 3, 4].map((index) => ({ uuid: uuids[index], trialId, steps: (index + 1) * 10, bytes: '100' })),
    })
    expect(await get(`/api/v1/drover/experiments/${experimentId}/retention?save_trial_best=2&save_trial_latest=0`)).toMatchObject({ going: [0, 2, 4, 5].map((index) => ({ uuid: uuids[index] })) })
    expect(deletions()).toEqual([])
  })

  test('a registered version, the source of another experiment and what an open trial goes on from stay', async () => {
    const { experimentId, uuids } = await seeded('ACTIVE')
    const model = await rig.db.insertInto('models').values({ name: `m${experimentId}`, owner_id: rig.userId, workspace_id: 1 }).returning('id').executeTakeFirstOrThrow()
    await rig.db.insertInto('model_versions').values({ model_id: model.id, version: 1, checkpoint_uuid: uuids[0] ?? '', owner_id: rig.userId }).execute()
    const other = await seedExperiment(rig.db, { ownerId: rig.userId, state: 'COMPLETED', allocation: null })
    await rig.db.updateTable('experiments').set({ source_checkpoint: uuids[2] ?? '' }).where('id', '=', other.experimentId).execute()
    expect(await get(`/api/v1/drover/experiments/${experimentId}/retention?save_trial_best=0&save_trial_latest=0`)).toMatchObject({ going: [1, 3, 4].map((index) => ({ uuid: uuids[index] })) })
  })

  test('the published client\'s preview: what was validated says so, with its metrics', async () => {
    const { experimentId, trialId, uuids } = await seeded()
    const { metric_name: metric, checkpoints } = await get(`/experiments/${experimentId}/preview_gc?save_experiment_best=0&save_trial_best=0&save_trial_latest=1`) as { metric_name: string; checkpoints: { step: { validation: unknown } }[] }
    expect(metric).toBe('accuracy')
    expect(checkpoints[0]).toMatchObject({ TrialID: trialId, StepsCompleted: 10, State: 'COMPLETED', UUID: uuids[0], ValidationMetrics: { accuracy: 0.5 }, Resources: { 'model.pt': '100' } })
    expect(checkpoints.map((one) => one.step.validation !== null)).toEqual([true, true, true, true, false])
  })

  test('a policy that is changed after the end is carried out, one of a live experiment is kept for later, one of another user\'s is refused', async () => {
    const { experimentId, uuids } = await seeded()
    rig.calls.length = 0
    expect((await patch(experimentId, { saveTrialLatest: 1 })).statusCode).toBe(200)
    expect(JSON.parse(deletions()[0]?.slice('deleteCheckpoints '.length) ?? '')).toMatchObject({ uuids: [0, 2, 3, 4].map((index) => uuids[index]), globs: null, by: { username: 'determined' } })
    const live = await seeded('ACTIVE')
    rig.calls.length = 0
    expect((await patch(live.experimentId, { saveTrialLatest: 0 })).statusCode).toBe(200)
    expect(deletions()).toEqual([])
    const theirs = await seedExperiment(rig.db, { ownerId: rig.adminId, state: 'COMPLETED', allocation: null })
    expect((await patch(theirs.experimentId, { saveTrialLatest: 0 })).statusCode).toBe(403)
    expect((await get(`/experiments/999999/preview_gc`))['message']).toContain('999999')
  })
})
