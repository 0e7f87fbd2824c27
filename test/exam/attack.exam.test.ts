import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { login, type Client } from '../rig/client.ts'
import { startStack, type Stack } from '../rig/stack.ts'
import { missingForExam } from './exam.ts'
import { routesOfPackage, type Field, type PackageRoute } from './routes-of-package.ts'

/**
 * Every route of the package's own list, asked by an administrator, a user, a stranger and nobody, with what its shapes
 * do not allow: never a 500, a hang, or what is another user's.
 */
const missing = missingForExam()
if (missing) process.stderr.write(`the attack is skipped: ${missing}\n`)

const ANSWER_MS_MAX = 10_000
const SEGMENTS = ['0', '-1', '999999', '99999999999999999999', 'x', '%00', '%20', "'%3B--", '..%2F..%2Fetc', '%F0%9F%92%A9', 'NaN', '1e9', 'a'.repeat(1_500), '00000000-0000-0000-0000-000000000000']
const WRONG: readonly unknown[] = [null, true, 0, -1, 1.5, 1e308, 2 ** 53, '', 'x', '\u0000', '\uD800', 'a'.repeat(70_000), '99999999999999999999', 'NaN', [], [null], [[[]]], {}, { a: { b: {} } }, { __proto__: 1, constructor: 'x' }]
const QUERY = ['', '0', '-1', 'x', '99999999999999999999', '%00', 'true', 'null', "';--", 'a'.repeat(5_000)]
/** They would end the session that asks. */
const NOT_ASKED = ['POST /api/v1/auth/logout']

let stack: Stack
let asked = 0

describe.skipIf(missing !== null)('the package\'s own list of routes', () => {
  let admin: Client
  let bob: Client
  const routes = missing === null ? routesOfPackage(process.env['DROVER_TEST_DETERMINED'] ?? '').filter((route) => !NOT_ASKED.includes(`${route.method} ${route.path}`)) : []

  beforeAll(async () => {
    stack = await startStack({ agents: 0 })
    admin = stack.client
    await admin.post('/api/v1/users', { user: { username: 'bob', admin: false, active: true }, password: 'Bob-secret-1' })
    bob = await login(stack.url, 'bob', 'Bob-secret-1')
    await admin.post('/api/v1/workspaces', { name: 'theirs' })
    await admin.post('/api/v1/workspaces/2/projects', { name: 'theirs' })
    await admin.post('/api/v1/models', { name: '1' })
    await admin.post('/api/v1/templates/1', { config: { max_restarts: 1 } })
    await admin.post('/api/v1/experiments', { config: JSON.stringify({ name: 'theirs', entrypoint: 'true', searcher: { name: 'single', metric: 'x' } }), activate: false })
    await admin.post('/api/v1/commands', { config: { entrypoint: ['true'], description: 'theirs' } })
  })
  afterAll(async () => {
    await stack?.stop()
  })

  /** Throws where the answer is a fault of ours; its status otherwise. */
  async function ask(client: Client, route: PackageRoute, path: string, body?: unknown): Promise<number> {
    asked += 1
    const signal = AbortSignal.timeout(ANSWER_MS_MAX)
    const response = await client.raw(path, { method: route.method, signal, ...(body === undefined || route.method === 'GET' ? {} : { body: JSON.stringify(body) }) })
    // a stream that follows has no end: its head is enough
    const text = path.includes('follow') ? '' : await response.text()
    const where = `${route.method} ${path.slice(0, 150)} ${JSON.stringify(body)?.slice(0, 100)} -> ${response.status} ${text.slice(0, 300)}`
    if (response.status >= 500) throw new Error(where)
    if (response.status >= 400 && ((JSON.parse(text) as { message?: string }).message ?? '').length < 5) throw new Error(`no words: ${where}`)
    if (/argon2|password_?hash"|secret_key": *"(?!\*)/i.test(text)) throw new Error(`tells a secret: ${where}`)
    return response.status
  }

  const filled = (route: PackageRoute, segment: string): string => route.path.replace(/\{[^}]+\}/g, segment)

  test('the list is whole, and what is not served says so', async () => {
    expect(routes.length).toBeGreaterThan(250)
    expect(routes.filter((route) => (route.body?.length ?? 0) > 0).length).toBeGreaterThan(60)
    const unserved: string[] = []
    for (const route of routes) {
      const response = await admin.raw(filled(route, '999999'), { method: route.method, ...(route.method === 'GET' ? {} : { body: '{}' }) })
      const text = await response.text()
      if (response.status === 404 && text.includes('there is no route')) unserved.push(`${route.method} ${route.path}`)
      expect(response.status, `${route.method} ${route.path} ${text.slice(0, 200)}`).toBeLessThan(500)
    }
    expect(unserved.length).toBeLessThan(routes.length - 90)
  })

  test('paths and queries', async () => {
    for (const route of routes) {
      if (route.path.includes('{')) for (const segment of SEGMENTS) await ask(admin, route, filled(route, segment), route.body === null ? undefined : {})
      for (const key of route.query.filter((name) => name !== 'follow')) for (const value of QUERY) await ask(bob, route, `${filled(route, '1')}?${key}=${value}`)
    }
  }, 200_000)

  test('bodies: each field wrong, missing, unknown, huge', async () => {
    for (const route of routes) {
      if (route.method === 'GET') continue
      const fields = route.body ?? []
      const good = Object.fromEntries(fields.map((field) => [field.name, likely(field)]))
      for (const body of [{}, [], null, 7, 'text', { unknown_thing: 1 }, deep(2_000)]) await ask(bob, route, filled(route, '1'), body)
      for (const { name } of fields) {
        for (const value of WRONG) await ask(bob, route, filled(route, '1'), { ...good, [name]: value })
        const { [name]: _, ...without } = good
        await ask(bob, route, filled(route, '1'), without)
      }
    }
  }, 230_000)

  test('a stranger gets 401 everywhere, a user never what is an administrator\'s or another user\'s', async () => {
    const nobody: Client = { ...bob, raw: (path, init = {}) => fetch(stack.url + path, init) }
    for (const route of routes) {
      const open = route.path === '/info' || route.path === '/health' || route.path === '/api/v1/master' || route.path.startsWith('/api/v1/auth/login')
      const status = await ask(nobody, route, filled(route, '1'), route.body === null ? undefined : {})
      if (!open) expect([`${route.method} ${route.path}`, [401, 404].includes(status) ? 'refused' : status]).toEqual([`${route.method} ${route.path}`, 'refused'])
    }
    const { commands: [command] } = await admin.get<{ commands: { id: string }[] }>('/api/v1/commands')
    const theirs: readonly [method: string, path: string, body?: object][] = [
      ['POST', '/api/v1/users', { user: { username: 'eve', admin: true } }], ['PATCH', '/api/v1/users/1', { password: 'stolen-password' }], ['PATCH', '/api/v1/users/1', { admin: false }], ['GET', '/api/v1/master/config'], ['GET', '/api/v1/master/logs'],
      ['DELETE', '/api/v1/workspaces/2'], ['PATCH', '/api/v1/workspaces/2', { name: 'mine' }], ['POST', '/api/v1/workspaces/2/archive'], ['DELETE', '/api/v1/projects/2'], ['PATCH', '/api/v1/projects/2', { name: 'mine' }],
      ['DELETE', '/api/v1/templates/1'], ['PATCH', '/api/v1/templates/1', {}], ['DELETE', '/api/v1/models/1'], ['DELETE', '/api/v1/experiments/1'], ['POST', `/api/v1/commands/${command?.id ?? ''}/kill`], ['POST', '/api/v1/agents/x/disable'],
    ]
    for (const [method, path, body] of theirs) expect([method, path, await ask(bob, { method, path, query: [], body: null }, path, body ?? {})]).toEqual([method, path, 403])
  }, 120_000)

  test('after all of it the master is well, and so is what others own', async () => {
    expect(asked).toBeGreaterThan(6_000)
    expect((await fetch(`${stack.url}/health`)).status).toBe(200)
    expect((await admin.get<{ workspaces: { name: string }[] }>('/api/v1/workspaces')).workspaces.map((one) => one.name)).toEqual(expect.arrayContaining(['Uncategorized', 'theirs']))
    expect((await admin.get<{ user: { admin: boolean } }>('/api/v1/me')).user.admin).toBe(true)
  })
})

/** A value that the field's own type allows. */
function likely({ type }: Field): unknown {
  if (type.includes('Sequence')) return []
  if (type.includes('Dict')) return {}
  if (/\bbool\b/.test(type)) return true
  if (/\bint\b/.test(type)) return 1
  if (/\bfloat\b/.test(type)) return 0.5
  return /\bstr\b/.test(type) ? 'x' : {}
}

function deep(levels: number): unknown {
  let value: unknown = {}
  for (let i = 0; i < levels; i += 1) value = { a: value }
  return value
}
