import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { sql } from 'kysely'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { openDb } from '../store/db.ts'
import { createGraphqlDoor } from '../graphql/door.ts'
import { ensureReader, NoReader } from '../graphql/reader.ts'
import { ADMIN_URL, startRig, type Rig } from './test-rig/rig.ts'
import { CONFIG, seedAgent, seedCheckpoint, seedEvent, seedExperiment, seedMember, seedMetrics } from './test-rig/seed.ts'
import { seedInstance, seedLaunch } from './test-rig/seed-herd.ts'

interface Answer { status: number; data: Record<string, unknown> | null; errors: { message: string; extensions?: { code?: string } }[]; message: string }

/** The example queries that people read. */
function readmeQueries(): string[] {
  const text = readFileSync(join(import.meta.dirname, '../../README.md'), 'utf8')
  return [...text.matchAll(/```graphql\n([^]*?)```/g)].map((match) => match[1] ?? '')
}

describe.skipIf(!ADMIN_URL)('GraphQL', () => {
  let rig: Rig
  let experimentId: number
  beforeAll(async () => {
    rig = await startRig()
    const made = await seedExperiment(rig.db, { ownerId: rig.userId, name: 'vision' })
    experimentId = made.experimentId
    await seedAgent(rig.db, 'i-1', 2)
    await seedMember(rig.db, made.allocationId, 'i-1', ['cpu-0'])
    await sql`UPDATE allocations SET assigned_at = now() - interval '30 minutes'`.execute(rig.db)
    await seedMetrics(rig.db, made.trialId, 'validation', 100, { loss: 0.5 })
    await seedMetrics(rig.db, made.trialId, 'validation', 200, { loss: 0.25 })
    await seedCheckpoint(rig.db, made, { steps: 200, files: { 'model.pt': 1_000 } })
    await seedEvent(rig.db, 'something happened', experimentId)
    await seedLaunch(rig.db, 'l-1', { allocations: [made.allocationId] })
    await seedInstance(rig.db, 'i-1', 'l-1')
  })
  afterAll(async () => rig.close())

  async function ask(query: unknown, more: { variables?: unknown; token?: string | null; type?: string; body?: string } = {}): Promise<Answer> {
    const token = more.token === undefined ? rig.user : more.token
    const response = await rig.app.inject({
      method: 'POST', url: '/graphql', payload: more.body ?? JSON.stringify({ query, variables: more.variables }),
      headers: { 'content-type': more.type ?? 'application/json', ...(token === null ? {} : { authorization: `Bearer ${token}` }) },
    })
    const body = response.json<{ data?: Record<string, unknown>; errors?: Answer['errors']; message?: string }>()
    return { status: response.statusCode, data: body.data ?? null, errors: body.errors ?? [], message: body.message ?? '' }
  }

  test('the queries of the README answer, and with the rows that are there', async () => {
    const queries = readmeQueries()
    expect(queries.length).toBeGreaterThanOrEqual(4)
    const answers = await Promise.all(queries.map((query) => ask(query, { variables: { owner: 'determined' } })))
    expect(answers.map(({ status, errors }) => [status, errors])).toEqual(queries.map(() => [200, []]))
    const [mine, curve, checkpoints, instances] = answers.map((one) => one.data)
    expect(mine).toMatchObject({ experiments: { totalCount: 1, nodes: [{ id: experimentId, name: 'vision', cost: { total: expect.closeTo(0.36, 1) } }] } })
    expect(curve).toMatchObject({ metrics: { nodes: [{ steps: 100, values: { loss: 0.5 } }, { steps: 200, values: { loss: 0.25 } }] } })
    expect(checkpoints).toMatchObject({ experiment: { checkpoints: { nodes: [{ steps: 200, bytes: '1000', trial: { hparams: { lr: 0.1 } } }] } } })
    expect(instances).toMatchObject({ instances: { nodes: [{ id: 'i-1', market: 'spot', launchedBecause: 'one allocation waits' }] } })
  })

  test('experiments nest down to agents, and back', async () => {
    const { data, errors } = await ask(`{experiment(id: ${experimentId}) {trials(first: 5) {nodes {attempts(first: 5) {nodes {state agents(first: 5) {nodes {rank slots agent {id slots instance {type}}}}}}}} events(first: 5) {nodes {text}}}}`)
    expect(errors).toEqual([])
    expect(JSON.stringify(data)).toContain('"agents":{"nodes":[{"rank":0,"slots":["cpu-0"],"agent":{"id":"i-1","slots":2')
    expect(JSON.stringify(data)).toContain('something happened')
  })

  test('nothing but the public model can be asked for, and nothing can be changed', async () => {
    const sdl = (await rig.app.inject({ url: '/graphql/schema.graphql', headers: { authorization: `Bearer ${rig.user}` } })).body
    expect(sdl).not.toMatch(/password|token|hash|public_?key|secret|blob|mutation/i)
    expect(sdl).toContain('type Experiment ')
    for (const [statement, words] of [['SELECT * FROM public.users', 'permission denied'], ['SELECT * FROM public.tokens', 'permission denied'], ['CREATE TABLE drover_public.x (i int)', 'permission denied'], ['UPDATE drover_public.agents SET pool = 1', 'permission denied']] as const) {
      await expect(rig.db.transaction().execute(async (tx) => {
        await sql`SET LOCAL ROLE drover_reader`.execute(tx)
        await sql.raw(statement).execute(tx)
      })).rejects.toThrow(words)
    }
  })

  test('a configuration is shown as by REST: without keys and passwords', async () => {
    const environment = { ...CONFIG.environment, registry_auth: { username: 'me', password: 'secret-3', auth: 'secret-4', identitytoken: null } }
    const checkpointStorage = { type: 's3', bucket: 'b', prefix: null, endpoint_url: null, access_key: 'secret-1', secret_key: 'secret-2', save_experiment_best: 0, save_trial_best: 1, save_trial_latest: 1 } as const
    const { experimentId: id } = await seedExperiment(rig.db, { ownerId: rig.adminId, config: { environment, checkpoint_storage: checkpointStorage } })
    const { data, errors } = await ask(`{experiment(id: ${id}) {config} experiments(first: 50) {nodes {config}}}`)
    expect(errors).toEqual([])
    const shown = (await rig.app.inject({ url: `/api/v1/experiments/${id}`, headers: { authorization: `Bearer ${rig.user}` } })).json<{ experiment: { config: unknown } }>().experiment.config
    expect(data).toMatchObject({ experiment: { config: shown } })
    expect(JSON.stringify(data)).not.toContain('secret-')
    expect(shown).toMatchObject({ environment: { registry_auth: { username: 'me', password: '********', auth: '********', identitytoken: null } }, checkpoint_storage: { bucket: 'b', secret_key: '********' } })
  })

  test.each<[string, string, RegExp]>([
    ['deep', `{experiments(first: 1) {nodes ${'{parent '.repeat(60)}{id}${'}'.repeat(60)}}}`, /nested deeper/],
    ['wide', `{experiments(first: 1000) {nodes {trials(first: 1000) {nodes {metrics(first: 1000) {nodes {id}}}}}}}`, /more than 20000 rows/],
    ['aliased', `{${Array.from({ length: 200 }, (_, i) => `a${i}: experiments(first: 1) {nodes {id}}`).join(' ')}}`, /more than 20 fields at the top/],
    ['without a page', '{experiments {nodes {id}}}', /write experiments\(first: 20\)/],
    ['overlapping', `{experiments(first: 1) {nodes {${'id '.repeat(550)}}}}`, /^$/],
  ])('an attacker\'s query is refused or answered within 100 ms: %s', async (_, query, words) => {
    await ask('{agents(first: 1) {nodes {id}}}')
    const from = performance.now()
    const { status, errors } = await ask(query)
    const took = performance.now() - from
    expect(errors[0]?.message ?? '').toMatch(words)
    expect(status).toBe(errors.length > 0 ? 400 : 200)
    // a bound on work, with room for a busy machine; what is refused never reaches the database
    expect(took).toBeLessThan(2_000)
  })

  test('what is no query is told as such', async () => {
    expect(await ask(null, { body: '[{"query": "{__typename}"}]' })).toMatchObject({ status: 400, message: expect.stringContaining('one by one') })
    expect(await ask('{__typename}', { type: 'text/plain' })).toMatchObject({ status: 415, message: expect.stringContaining('application/json') })
    expect(await ask('{__typename}', { type: 'application/x-www-form-urlencoded' })).toMatchObject({ status: 415 })
    expect(await ask('{__typename}', { token: null })).toMatchObject({ status: 401 })
    expect((await ask(7)).errors[0]?.message).toContain('Syntax Error')
    expect(await ask(undefined)).toMatchObject({ status: 400, message: 'query is missing: it is required' })
    expect((await ask('{nonsense}')).errors[0]?.message).toContain('Cannot query field "nonsense"')
    expect((await ask('{')).errors[0]?.message).toContain('Syntax Error')
    expect((await ask('query ($n: Int!) {experiments(first: $n) {nodes {id}}}', { variables: {} })).status).toBe(400)
    expect((await ask('mutation {x}')).errors[0]?.message).toContain('only reads')
    expect((await ask('query a {__typename} query b {__typename}')).status).toBe(400)
    expect((await ask('{experiments(first: 1, after: "x") {nodes {id}}}')).errors[0]?.message).toContain('Invalid cursor')
    expect(await ask('query ($f: ExperimentFilter) {experiments(first: 1, filter: $f) {nodes {name}}}', { variables: { f: {} } })).toMatchObject({ status: 200, errors: [] })
    expect(await ask(null, { body: JSON.stringify({ query: '{__typename}', variables: { a: 'x'.repeat(120_000) } }) })).toMatchObject({ status: 400, errors: [{ message: expect.stringContaining('the variables have') }] })
    expect((await ask(null, { body: JSON.stringify({ query: 'x'.repeat(200_000) }) })).status).toBe(413)
    expect((await rig.app.inject('/graphiql')).headers['location']).toBe('/ui/graphql')
    expect((await rig.app.inject({ url: '/graphql', headers: { authorization: `Bearer ${rig.user}` } })).statusCode).toBe(405)
  })

  test('an introspection as GraphiQL sends it is answered', async () => {
    const { getIntrospectionQuery } = await import('postgraphile/graphql')
    const { data, errors } = await ask(getIntrospectionQuery())
    expect(errors).toEqual([])
    expect(Object.keys(data ?? {})).toEqual(['__schema'])
  })

  test('a database user that may not make roles: told at the start and to who asks, with a cure that cures', async () => {
    const role = `plain_${process.pid}_${Date.now()}`
    await sql.raw(`CREATE ROLE ${role} LOGIN PASSWORD 'x'; ALTER SCHEMA drover_public OWNER TO ${role}`).execute(rig.db)
    const { rows: [now] } = await sql<{ name: string; owner: string }>`SELECT current_database() AS name, current_user AS owner`.execute(rig.db)
    const url = new URL(ADMIN_URL ?? '')
    url.username = role
    url.password = 'x'
    url.pathname = `/${now?.name}`
    const told: string[] = []
    const db = openDb(url.href, { max: 1, applicationName: 'plain', onError: () => undefined })
    const door = createGraphqlDoor({ db, databaseUrl: url.href, log: { debug: () => undefined, info: () => undefined, warn: (_, message) => told.push(message), error: () => undefined, child: () => { throw new Error('unused') } } })
    try {
      await door.prepare()
      expect(told).toEqual([expect.stringContaining(`GRANT drover_reader TO ${role}`)])
      await expect(door.sdl()).rejects.toThrow(NoReader)
      // the role is there already, made for the tests' own user
      await sql.raw(`GRANT drover_reader TO ${role}`).execute(rig.db)
      await door.prepare()
      expect(told).toHaveLength(1)
      expect(await door.sdl()).toContain('type Experiment ')
      expect(await door.answer({ query: '{experiments(first: 1) {nodes {name}}}', variables: {}, operationName: null })).toEqual({ data: { experiments: { nodes: [{ name: 'vision' }] } } })
    } finally {
      await door.close()
      await db.destroy()
      await sql.raw(`ALTER SCHEMA drover_public OWNER TO ${now?.owner}; REVOKE drover_reader FROM ${role}; DROP ROLE ${role}`).execute(rig.db)
    }
  })

  test('masters that start at once do not trip over each other', async () => {
    await sql.raw('REVOKE ALL ON SCHEMA drover_public FROM drover_reader; REVOKE ALL ON ALL TABLES IN SCHEMA drover_public FROM drover_reader').execute(rig.db)
    await Promise.all(Array.from({ length: 6 }, () => ensureReader(rig.db)))
    expect((await ask('{agents(first: 1) {nodes {id}}}')).errors).toEqual([])
  })
})
