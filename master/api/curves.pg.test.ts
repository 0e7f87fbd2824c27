import { sql } from 'kysely'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { ADMIN_URL, startRig, type Rig } from './test-rig/rig.ts'
import { seedExperiment, seedMetrics } from './test-rig/seed.ts'

describe.skipIf(!ADMIN_URL)('learning curves of a search', () => {
  let rig: Rig
  let id: number
  beforeAll(async () => {
    rig = await startRig()
    const made = await seedExperiment(rig.db, { ownerId: rig.userId })
    id = made.experimentId
    await sql`INSERT INTO tasks (id, kind, experiment_id) SELECT 'more-' || n, 'TRIAL', ${id} FROM generate_series(1, 3) n`.execute(rig.db)
    await sql`INSERT INTO trials (id, experiment_id, request_id, task_id, state, hparams, seed, searcher_metric) SELECT 1000 + n, ${id}, n::text, 'more-' || n, 'ACTIVE', '{}', 1, CASE WHEN n < 3 THEN n * 0.1 END FROM generate_series(1, 3) n`.execute(rig.db)
    for (let step = 1; step <= 1_000; step += 1) await seedMetrics(rig.db, 1001, 'validation', step, { accuracy: step / 1_000, loss: 1 })
    await seedMetrics(rig.db, 1002, 'validation', 10, { accuracy: 'NaN' })
    await seedMetrics(rig.db, 1002, 'validation', 20, { accuracy: 0.5 })
    await seedMetrics(rig.db, 1002, 'training', 20, { loss: 0.5 })
  })
  afterAll(async () => rig.close())

  const get = async (query = ''): Promise<{ status: number; body: { metric: string; message: string; metrics: unknown[]; curves: { trialId: number; points: [number, number][] }[] } }> => {
    const response = await rig.app.inject({ url: `/api/v1/drover/experiments/${id}/curves${query}`, headers: { authorization: `Bearer ${rig.user}` } })
    return { status: response.statusCode, body: response.json() }
  }

  test('the best trials first, thinned, the last point always there; what is no number is left out', async () => {
    const { body } = await get('?points=10')
    expect(body.metric).toBe('accuracy')
    expect(body.curves.slice(0, 2).map((curve) => curve.trialId)).toEqual([1002, 1001])
    expect(body.curves[0]?.points).toEqual([[20, 0.5]])
    const long = body.curves[1]?.points ?? []
    expect(long.length).toBeGreaterThan(5)
    expect(long.length).toBeLessThanOrEqual(12)
    expect([long[0], long.at(-1)]).toEqual([[1, 0.001], [1_000, 1]])
    expect(body.curves.find((curve) => curve.trialId === 1003)?.points).toEqual([])
    expect(body.metrics).toContainEqual({ group: 'training', metric: 'loss' })
  })

  test('another metric, fewer trials; bad questions are told', async () => {
    const { body } = await get('?metric=loss&group=training&trials=1')
    expect(body.curves).toEqual([{ trialId: 1002, points: [[20, 0.5]] }])
    expect((await get('?points=1')).status).toBe(400)
    expect((await get('?trials=100000')).status).toBe(400)
    expect((await rig.app.inject({ url: '/api/v1/drover/experiments/999999/curves', headers: { authorization: `Bearer ${rig.user}` } })).statusCode).toBe(404)
  })
})
