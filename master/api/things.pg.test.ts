import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { ADMIN_URL, startRig, type Rig } from './test-rig/rig.ts'
import { seedCheckpoint, seedExperiment } from './test-rig/seed.ts'

if (!ADMIN_URL) console.warn('skipped: DROVER_TEST_PG (an admin URL of Postgres) is not set')

type Method = 'GET' | 'POST' | 'PATCH' | 'PUT' | 'DELETE'

describe.skipIf(!ADMIN_URL)('workspaces, projects, templates, models, jobs and commands', () => {
  let rig: Rig
  beforeAll(async () => { rig = await startRig() }, 30_000)
  afterAll(() => rig?.close())

  const ask = async (method: Method, url: string, payload?: object, token = rig.user) => {
    const response = await rig.app.inject({ method, url, headers: { authorization: `Bearer ${token}` }, ...(payload === undefined ? {} : { payload }) })
    return { status: response.statusCode, body: response.json<Record<string, never> & { message: string }>() as Record<string, unknown> & { message: string } }
  }

  test('what came with the cluster stays; names are taken whatever their case; only its owner or an administrator changes a thing', async () => {
    expect((await ask('GET', '/api/v1/workspaces')).body).toMatchObject({ workspaces: [{ id: 1, name: 'Uncategorized', immutable: true, numProjects: 1, username: 'admin' }], pagination: { total: 1 } })
    expect((await ask('DELETE', '/api/v1/workspaces/1', undefined, rig.admin)).status).toBe(409)
    expect((await ask('DELETE', '/api/v1/projects/1', undefined, rig.admin)).status).toBe(409)
    const { body } = await ask('POST', '/api/v1/workspaces', { name: 'Vision' }, rig.admin)
    const id = (body['workspace'] as { id: number }).id
    expect((await ask('POST', '/api/v1/workspaces', { name: 'vISION' })).body.message).toContain('taken')
    expect((await ask('PATCH', `/api/v1/workspaces/${id}`, { name: 'mine' })).status).toBe(403)
    expect((await ask('PATCH', `/api/v1/workspaces/${id}`, { name: 'Sight' }, rig.admin)).body).toMatchObject({ workspace: { name: 'Sight' } })
    expect((await ask('PATCH', `/api/v1/workspaces/${id}`, { defaultComputePool: 'x' }, rig.admin)).body.message).toContain('keeps no settings')
    expect((await ask('GET', '/api/v1/workspaces?nameCaseSensitive=sight')).body).toMatchObject({ workspaces: [], pagination: { total: 0 } })
    expect((await ask('GET', '/api/v1/workspaces?name=SIGHT&limit=-1&sortBy=SORT_BY_NAME')).body).toMatchObject({ workspaces: [{ name: 'Sight' }] })
    expect((await ask('GET', '/api/v1/workspaces?limit=-2')).body).toMatchObject({ workspaces: [], pagination: { total: 2 } })
  })

  test('a project holds experiments: it is shown with them, and goes only empty', async () => {
    const { body } = await ask('POST', '/api/v1/workspaces/1/projects', { name: 'ResNet', description: 'd' })
    const project = body['project'] as { id: number; key: string }
    expect(project.key).toMatch(/^RES\d+$/)
    expect((await ask('POST', '/api/v1/workspaces/1/projects', { name: 'resnet' })).body.message).toContain('name is taken')
    expect((await ask('POST', '/api/v1/workspaces/1/projects', { name: 'other', key: project.key.toLowerCase() })).body.message).toContain('key is taken')
    expect((await ask('GET', `/api/v1/projects/key/${project.key}`)).body).toMatchObject({ project: { id: project.id } })
    const { experimentId } = await seedExperiment(rig.db, { ownerId: rig.userId, state: 'PAUSED', allocation: null })
    await rig.db.updateTable('experiments').set({ project_id: project.id }).where('id', '=', experimentId).execute()
    expect((await ask('GET', `/api/v1/experiments/${experimentId}`)).body).toMatchObject({ experiment: { projectId: project.id, projectName: 'ResNet', workspaceName: 'Uncategorized', parentArchived: false } })
    expect((await ask('DELETE', `/api/v1/projects/${project.id}`)).body.message).toContain('holds 1 experiment')
    await ask('POST', `/api/v1/projects/${project.id}/archive`)
    expect((await ask('GET', `/api/v1/experiments/${experimentId}`)).body).toMatchObject({ experiment: { parentArchived: true } })
    expect((await ask('GET', '/api/v1/checkpoints/nonsense')).body.message).toBe('params id is no UUID: copy it whole from a list')
    expect((await ask('GET', '/api/v1/workspaces/1/available-resource-pools')).body).toMatchObject({ resourcePools: ['default', 'gpu-big'] })
    expect((await ask('POST', '/api/v1/experiments', { config: 'entrypoint: a\nsearcher: {name: single, metric: x}', project_id: project.id })).body.message).toContain('archived')
    await ask('POST', `/api/v1/projects/${project.id}/notes`, { name: 'a', contents: 'b' })
    expect((await ask('PUT', `/api/v1/projects/${project.id}/notes`, { notes: [{ name: 'c', contents: '' }] })).body).toEqual({ notes: [{ name: 'c', contents: '' }] })
  })

  test('a template lies under what the user writes', async () => {
    await ask('POST', '/api/v1/templates/small', { config: { max_restarts: 2, description: 'from below' } })
    expect((await ask('POST', '/api/v1/templates/small', { config: {} })).status).toBe(409)
    const { body } = await ask('POST', '/api/v1/experiments', { config: 'entrypoint: a\ndescription: own\nsearcher: {name: single, metric: x}', template: 'small', validateOnly: true })
    expect(body).toMatchObject({ config: { max_restarts: 2, description: 'own' } })
    expect((await ask('POST', '/api/v1/experiments', { config: 'entrypoint: a\nsearcher: {name: single, metric: x}', template: 'none' })).status).toBe(404)
    expect((await ask('PATCH', '/api/v1/template/rename', { old_name: 'small', newName: 'tiny' })).body).toMatchObject({ template: { name: 'tiny', workspaceId: 1 } })
    expect((await ask('PATCH', '/api/v1/templates/tiny', { max_restarts: 'many', environment: null })).body).toMatchObject({ template: { config: { max_restarts: 'many', environment: null } } })
    expect((await ask('POST', '/api/v1/experiments', { config: 'entrypoint: a\nsearcher: {name: single, metric: x}', template: 'tiny', validateOnly: true })).body.message).toContain('max_restarts')
    expect((await ask('DELETE', '/api/v1/templates/tiny')).body).toEqual({})
  })

  test('a model is found by name, then by number; a version needs a whole checkpoint', async () => {
    const seeded = await seedExperiment(rig.db, { ownerId: rig.userId, state: 'COMPLETED', allocation: 'SEALED' })
    const whole = await seedCheckpoint(rig.db, seeded, { steps: 4, files: { 'a.bin': 3_000_000_000 } })
    const broken = await seedCheckpoint(rig.db, seeded, { steps: 5, files: {}, state: 'ERROR', ordinal: 2 })
    const { body } = await ask('POST', '/api/v1/models', { name: 'net', labels: ['x'], metadata: { some_key: { other_key: 1 } } })
    const { id } = body['model'] as { id: number }
    expect((await ask('GET', `/api/v1/models/${id}`)).body).toMatchObject({ model: { name: 'net', metadata: { some_key: { other_key: 1 } }, numVersions: 0 } })
    expect((await ask('POST', '/api/v1/models/net/versions', { checkpointUuid: broken.uuid })).status).toBe(409)
    expect((await ask('POST', '/api/v1/models/net/versions', { checkpoint_uuid: whole.uuid, modelName: 'net' })).body).toMatchObject({ modelVersion: { version: 2, model: { numVersions: 1 }, checkpoint: { uuid: whole.uuid, resources: { 'a.bin': '3000000000' } } } })
    expect((await ask('GET', '/api/v1/models/NET/versions/2')).body).toMatchObject({ modelVersion: { version: 2 } })
    expect((await ask('GET', '/api/v1/models?labels=x&workspaceNames=Uncategorized&sortBy=SORT_BY_LAST_UPDATED_TIME')).body).toMatchObject({ models: [{ name: 'net' }], pagination: { total: 1 } })
    expect((await ask('DELETE', '/api/v1/models/net', undefined, rig.admin)).body).toEqual({})
  })

  test('words of an experiment in either casing; what is no priority is refused', async () => {
    const { experimentId } = await seedExperiment(rig.db, { ownerId: rig.userId, state: 'PAUSED', allocation: null })
    expect((await ask('PATCH', `/api/v1/experiments/${experimentId}`, { id: experimentId, name: 'n', resources: { max_slots: 3, priority: 5 }, checkpoint_storage: { save_trial_best: 2 } })).status).toBe(200)
    expect(rig.calls.at(-1)).toContain('"maxSlots":3')
    expect(rig.calls.at(-1)).toContain('"trialBest":2')
    expect((await ask('PATCH', `/api/v1/experiments/${experimentId}`, { resources: { priority: 100 } })).status).toBe(400)
    expect((await ask('PUT', `/api/v1/experiments/${experimentId}/labels/new`)).body).toEqual({ labels: ['a', 'b', 'new'] })
    expect((await ask('DELETE', `/api/v1/experiments/${experimentId}/labels/a`)).body).toEqual({ labels: ['b', 'new'] })
    expect((await ask('POST', '/api/v1/job-queues', { updates: [{ job_id: '00000000-0000-0000-0000-000000000000', resource_pool: 'gpu-bik' }] })).body.message).toContain('did you mean "gpu-big"')
    expect((await ask('DELETE', `/api/v1/experiments/${experimentId}`)).body).toEqual({})
  })

  test('a command\'s configuration is read by the rules of experiments, its mistakes are named', async () => {
    const launch = (config: object) => ask('POST', '/api/v1/commands', { config })
    expect((await launch({ entrypoint: ['ls'], resources: { slots: 0 } })).body).toMatchObject({ command: { state: 'STATE_QUEUED', description: 'Command (ls)', username: 'determined', workspaceId: 1, exitStatus: '' }, config: { resources: { slots: 0 } } })
    expect((await launch({ entrypoint: ['ls'], idle: 1 })).body.message).toContain('idle: is no key of a command')
    expect((await launch({ entrypoint: ['ls'], resources: { slots: -1 } })).status).toBe(400)
    expect((await launch({ entrypoint: ['ls'], resources: 7 })).body.message).toContain('resources')
    expect((await launch({})).body.message).toContain('entrypoint')
    const { commands: [command] } = (await ask('GET', '/api/v1/commands?users=determined')).body as unknown as { commands: { id: string; jobId: string }[] }
    expect((await ask('GET', `/api/v1/tasks/${command?.id ?? ''}`)).body).toMatchObject({ task: { taskId: command?.id, taskType: 'TASK_TYPE_COMMAND', allocations: [{ allocationId: `${command?.id ?? ''}.1` }] } })
    expect((await ask('GET', '/api/v1/job-queues-v2')).body).toMatchObject({ jobs: expect.arrayContaining([expect.objectContaining({ full: expect.objectContaining({ jobId: command?.jobId, type: 'TYPE_COMMAND', entityId: command?.id }) })]) })
    expect((await ask('GET', '/api/v1/tasks/count')).body).toMatchObject({ commands: 1 })
  })

  test('the master\'s log from its end, by number and for administrators only', async () => {
    const lines = async (query: string): Promise<string[]> => {
      const response = await rig.app.inject({ url: `/api/v1/master/logs?${query}`, headers: { authorization: `Bearer ${rig.admin}` } })
      return response.body.trim().split('\n').filter((line) => line !== '').map((line) => (JSON.parse(line) as { result: { logEntry: { message: string } } }).result.logEntry.message)
    }
    expect(await lines('offset=-2')).toEqual(['record 19', 'record 20'])
    expect(await lines('offset=3&limit=2')).toEqual(['record 4', 'record 5'])
    expect((await lines('')).length).toBe(20)
    expect((await ask('GET', '/api/v1/master/logs')).status).toBe(403)
  })
})
