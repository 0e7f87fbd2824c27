import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { ADMIN_URL, startRig, type Rig } from './test-rig/rig.ts'
import { seedExperiment } from './test-rig/seed.ts'
import { seedInstance, seedLaunch } from './test-rig/seed-herd.ts'

if (!ADMIN_URL) console.warn('skipped: DROVER_TEST_PG (an admin URL of Postgres) is not set')

const METHODS = ['GET', 'POST', 'PATCH', 'PUT', 'DELETE'] as const
type Method = (typeof METHODS)[number]
interface Route { method: Method; url: string }

const OPEN = ['/graphiql', '/docs/graphql', '/docs/api', '/docs/api/openapi.json', '/info', '/health', '/api/v1/master', '/api/v1/auth/login', '/schemas/experiment.json', '/', '/det', '/det/*', '/ui', '/ui/*']
const NASTY_SEGMENTS = ['0', '-1', '1', '99999999999999999999', 'x', '%00', 'a%00b', '%20', "'", '..%2f..%2fetc', '%F0%9F%92%A9', 'NaN', '1e9', 'a'.repeat(1500), '00000000-0000-0000-0000-000000000000']
const NASTY_VALUES = ['', '0', '-1', '1', '2147483648', '99999999999999999999', 'x', '%00', 'true', 'null', '[]', "';--", '%F0%9F%92%A9', 'a'.repeat(5000)]
const QUERY_KEYS = ['limit', 'offset', 'orderBy', 'sortBy', 'sortByAttr', 'sortByMetric', 'states', 'users', 'userIds', 'labels', 'name', 'archived', 'after', 'experimentId', 'trialId', 'trialIds', 'agentId', 'instanceId', 'pool', 'kind', 'state', 'includeGone', 'group', 'filter', 'metricType', 'agentIds', 'containerIds', 'rankIds', 'levels', 'timestampBefore', 'timestamp_after', 'searchText', 'format', 'experimentIdFilter.incl', 'experimentIdFilter.gt', 'ticket', 'unknown_thing']
const NASTY_BODIES: unknown[] = [
  {}, [], null, 7, 'text', { unknown: 1 }, { config: 7 }, { config: 'x', modelDefinition: 7 }, { config: 'x', contextTgz: 'a' }, { username: {}, password: [] }, { username: 'x'.repeat(100_000) },
  { username: 'a\u0000', password: 'b' }, { password: 'a\u0000' }, { config: '\u0000' }, { 'k\u0000': 1 }, { drain: 'maybe' }, { user: null }, { user: { username: 'a\u0000b' } }, { user: { username: '' } }, { __proto__x: 1 },
  { admin: 'yes' }, { active: [] }, { displayName: '\uD800' }, { config: '{'.repeat(5000) }, { config: 'a: &a [*a]' }, { modelDefinition: [{ path: '\u0000' }], config: 'x' }, deep(2000),
]

function deep(levels: number): unknown {
  let value: unknown = {}
  for (let i = 0; i < levels; i += 1) value = { a: value }
  return value
}

describe.skipIf(!ADMIN_URL)('every route', () => {
  let rig: Rig
  let routes: Route[] = []
  beforeAll(async () => {
    rig = await startRig()
    await seedExperiment(rig.db, { ownerId: rig.userId, state: 'COMPLETED', allocation: 'SEALED' })
    // ids that the attack guesses
    await seedLaunch(rig.db, '1')
    await seedInstance(rig.db, '1', '1')
    routes = routesOf(rig.app.printRoutes({ commonPrefix: false }))
  }, 30_000)
  afterAll(() => rig?.close())

  test('the table is whole', () => {
    expect(routes.length).toBeGreaterThan(50)
    expect(routes).toContainEqual({ method: 'GET', url: '/api/v1/agents/:agent/slots/:slot' })
    expect(routes).toContainEqual({ method: 'POST', url: '/api/v1/drover/pools/:name/resume' })
    expect(routes).toContainEqual({ method: 'GET', url: '/api/v1/drover/why/instances/:id' })
    expect(routes).toContainEqual({ method: 'DELETE', url: '/api/v1/models/:model/versions/:version' })
  })

  test('whoever is not logged in gets 401', async () => {
    for (const { method, url } of routes.filter((route) => !OPEN.includes(route.url))) {
      const response = await rig.app.inject({ method, url: fill(url, '1'), ...(url.endsWith('/live') ? { headers: { connection: 'upgrade', upgrade: 'websocket' } } : {}) })
      expect(`${method} ${url} ${response.statusCode}`).toBe(`${method} ${url} ${url.endsWith('/live') ? response.statusCode : 401}`)
      if (!url.endsWith('/live')) expect(response.json().message).toContain('log in')
    }
  })

  test('no path, query or body makes a 500, and each refusal has words', async () => {
    const headers = { authorization: `Bearer ${rig.admin}` }
    let asked = 0
    const ask = async (method: Method, url: string, payload?: unknown): Promise<void> => {
      asked += 1
      const response = await rig.app.inject({ method, url, headers: payload === undefined ? headers : { ...headers, 'content-type': 'application/json' }, ...(payload === undefined ? {} : { payload: JSON.stringify(payload) ?? '' }) })
      const where = `${method} ${url.slice(0, 120)} ${JSON.stringify(payload)?.slice(0, 80)} -> ${response.statusCode} ${response.body.slice(0, 200)}`
      if (response.statusCode >= 500) throw new Error(where)
      if (response.statusCode >= 400 && (response.json<{ message?: string }>().message ?? '').length < 5) throw new Error(`no words: ${where}`)
    }
    for (const { method, url } of routes.filter((route) => !route.url.endsWith('/logout') && !route.url.endsWith('/live'))) {
      if (url.includes(':')) for (const segment of NASTY_SEGMENTS) await ask(method, fill(url, segment))
      if (method === 'GET') for (const [i, key] of QUERY_KEYS.entries()) for (const value of NASTY_VALUES.filter((_, j) => (i + j) % 3 === 0 || key.length < 6)) await ask(method, `${fill(url, '1')}?${key}=${value}`)
      else for (const body of NASTY_BODIES) await ask(method, fill(url, '1'), body)
    }
    expect(asked).toBeGreaterThan(3_000)
    expect(rig.logged.filter((entry) => entry.message === 'request failed unexpectedly')).toEqual([])
  }, 120_000)

  test('broken JSON, an unknown route, method and host are worded too', async () => {
    const headers = { authorization: `Bearer ${rig.admin}` }
    const broken = await rig.app.inject({ method: 'POST', url: '/api/v1/users', headers, payload: '{"user":' })
    expect([broken.statusCode, broken.json().error.reason]).toEqual([400, 'InvalidArgument'])
    expect((await rig.app.inject({ method: 'GET', url: '/api/v1/nope' })).json().message).toContain('no route GET /api/v1/nope')
    expect((await rig.app.inject({ method: 'DELETE', url: '/api/v1/users', headers })).statusCode).toBe(404)
  })

  test('every answer carries the security headers', async () => {
    for (const url of ['/info', '/api/v1/me', '/ui/', '/nope']) {
      const { headers } = await rig.app.inject(url)
      expect(headers).toMatchObject({ 'x-content-type-options': 'nosniff', 'content-security-policy': expect.stringContaining("frame-ancestors 'none'") })
    }
  })
})

function fill(url: string, segment: string): string {
  return url.replace(/:[a-zA-Z]+/g, segment).replace('*', segment)
}

/** Lines of fastify's own table: `├── /api/v1/me (GET, HEAD)`, nested by their prefix. */
function routesOf(table: string): Route[] {
  const stack: string[] = []
  const routes: Route[] = []
  for (const line of table.split('\n')) {
    const match = /^([│ ]*)[├└]── (\S*)(?: \(([A-Z, ]+)\))?/.exec(line)
    if (!match) continue
    const depth = (match[1] ?? '').length / 4
    stack.length = depth
    stack.push(match[2] ?? '')
    const url = stack.join('').replace(/([^/])\*/, '$1/*')
    for (const method of METHODS) if ((match[3] ?? '').split(', ').includes(method)) routes.push({ method, url })
  }
  return routes
}
