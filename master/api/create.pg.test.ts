import { gunzipSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { ADMIN_URL, startRig, type Rig } from './test-rig/rig.ts'

if (!ADMIN_URL) console.warn('skipped: DROVER_TEST_PG (an admin URL of Postgres) is not set')

const YAML = `
name: made
entrypoint: python3 train.py
environment: {image: img}
searcher: {name: single, metric: accuracy, smaller_is_better: false}
`
const file = (path: string, content: string) => ({ path, type: 48, content: Buffer.from(content).toString('base64'), mtime: '1700000000', mode: 420, uid: 0, gid: 0 })

describe.skipIf(!ADMIN_URL)('POST /api/v1/experiments', () => {
  let rig: Rig
  const create = (payload: object) => rig.app.inject({ method: 'POST', url: '/api/v1/experiments', headers: { authorization: `Bearer ${rig.user}` }, payload })
  beforeAll(async () => {
    rig = await startRig()
  }, 30_000)
  afterAll(() => rig?.close())

  test('config and model definition reach the command complete; the answer has the experiment', async () => {
    const response = await create({ config: YAML, modelDefinition: [file('train.py', 'print(1)')], activate: true })
    expect(response.statusCode).toBe(200)
    const body = response.json()
    expect(body).toMatchObject({ experiment: { name: 'made', state: 'STATE_QUEUED', username: 'determined' }, config: { name: 'made', checkpoint_storage: { type: 's3', bucket: 'bkt' } }, warnings: [] })
    const [input] = rig.created.splice(0)
    expect(input).toMatchObject({ ownerId: rig.userId, activate: true, originalConfig: YAML, config: { checkpoint_storage: { bucket: 'bkt' } } })
    expect(gunzipSync(input?.context ?? new Uint8Array()).toString('latin1')).toContain('print(1)')
  })

  test('snake case, --paused and a body without content type are understood', async () => {
    const response = await rig.app.inject({ method: 'POST', url: '/api/v1/experiments', headers: { authorization: `Bearer ${rig.user}` }, payload: JSON.stringify({ config: YAML, model_definition: [file('a', 'b')], activate: false, parentId: null, template: null }) })
    expect(response.json()).toMatchObject({ experiment: { state: 'STATE_PAUSED' } })
    expect(rig.created.splice(0)[0]?.context).not.toBeNull()
  })

  test('validateOnly stores nothing', async () => {
    expect((await create({ config: YAML, validateOnly: true })).json()).toMatchObject({ experiment: { id: 0, name: 'made' }, config: { name: 'made' } })
    expect(rig.created).toEqual([])
  })

  test('every mistake of a configuration comes at once, with its path', async () => {
    const response = await create({ config: 'entrypoint: [\'\']\nsearcher: {name: sinlge, metric: a}\nresources: {slots_per_trial: -1}\nmax_restart: 3\n' })
    expect(response.statusCode).toBe(400)
    const { message, details } = response.json()
    expect(details.length).toBeGreaterThanOrEqual(3)
    for (const { path } of details) expect(message).toContain(path)
  })

  test('a storage that no agent can write to is refused by its field; every searcher is taken', async () => {
    const refused = await create({ config: `${YAML}checkpoint_storage: {type: gcs, bucket: b}\n` })
    expect([refused.statusCode, refused.json().details]).toEqual([400, [expect.objectContaining({ path: 'checkpoint_storage.type' })]])
    const asha = 'entrypoint: x\nsearcher: {name: adaptive_asha, metric: m, max_trials: 4, time_metric: batches, max_time: 8}\n'
    expect((await create({ config: asha, validateOnly: true })).statusCode).toBe(200)
  })

  test('preview-hp-search: trials by length, mistakes by path', async () => {
    const preview = (config: object) => rig.app.inject({ method: 'POST', url: '/api/v1/preview-hp-search', headers: { authorization: `Bearer ${rig.user}` }, payload: { config, seed: 3 } })
    const halving = { name: 'async_halving', metric: 'm', max_trials: 16, num_rungs: 2, divisor: 4, time_metric: 'batches', max_time: 8 }
    expect((await preview({ entrypoint: 'x', searcher: halving })).json().summary.trials).toEqual([{ count: 12, unit: { name: 'batches', value: 2, maxLength: false } }, { count: 4, unit: { name: 'batches', value: 8, maxLength: false } }])
    expect((await preview({ entrypoint: 'x', searcher: { name: 'random', metric: 'm', max_trials: 2 } })).json().summary.trials).toEqual([{ count: 2, unit: { maxLength: true } }])
    expect((await preview({ searcher: { name: 'rondom' } })).json()).toMatchObject({ message: expect.stringContaining('searcher.name') })
  })

  test('an unknown pool is named with the one that was meant', async () => {
    const response = await create({ config: `${YAML}resources: {resource_pool: gpu-bog}\n` })
    expect(response.statusCode).toBe(400)
    expect(response.json()).toMatchObject({ message: expect.stringContaining('did you mean "gpu-big"?'), details: [{ path: 'resources.resource_pool' }] })
  })

  test('a bad model definition and what is not supported are refused with the cure', async () => {
    expect((await create({ config: YAML, modelDefinition: [file('../x', '')] })).json().message).toContain('../x')
    expect((await create({ config: YAML, template: 't' })).json().message).toContain('template')
    expect((await create({ config: YAML, parentId: 9999 })).json().message).toContain('parentId')
    expect((await create({})).json().message).toContain('config is missing')
    expect((await create({ config: 'a\u0000b' })).json().message).toContain('config contains the NUL character')
    expect(rig.created).toEqual([])
  })

  test('40 MiB of files pass; any other route takes 1 MiB only', async () => {
    const content = Buffer.alloc(40 * 1024 * 1024, 'x').toString('base64')
    expect((await create({ config: YAML, modelDefinition: [{ ...file('big', ''), content }] })).statusCode).toBe(200)
    const login = await rig.app.inject({ method: 'POST', url: '/api/v1/auth/login', payload: { username: 'a'.repeat(2 ** 21), password: '' } })
    expect([login.statusCode, login.json().message]).toEqual([413, expect.stringContaining('1 MiB')])
  }, 30_000)
})
