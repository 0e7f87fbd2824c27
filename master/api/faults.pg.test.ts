import { mkdtempSync, mkdirSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { ADMIN_URL, logIn, PASSWORD, startRig, type Rig } from './test-rig/rig.ts'
import { clientHash } from './auth/password.ts'
import { ensureFirstUsers } from './users-first.ts'

if (!ADMIN_URL) console.warn('skipped: DROVER_TEST_PG (an admin URL of Postgres) is not set')

describe.skipIf(!ADMIN_URL)('users, faults and the WebUI files', () => {
  let rig: Rig
  const as = (token: string) => ({ authorization: `Bearer ${token}` })
  beforeAll(async () => {
    const webDir = mkdtempSync(join(tmpdir(), 'drover-web-'))
    mkdirSync(join(webDir, 'assets'))
    writeFileSync(join(webDir, 'index.html'), '<!doctype html><title>Drover</title>')
    writeFileSync(join(webDir, 'assets', 'app-1.js'), 'export {}')
    rig = await startRig({ webDir })
  }, 30_000)
  afterAll(() => rig?.close())

  test('the WebUI: files, pages of the application, redirects, nothing above its directory', async () => {
    expect((await rig.app.inject('/')).headers.location).toBe('/ui/')
    expect((await rig.app.inject('/det/experiments')).headers.location).toBe('/ui/')
    for (const page of ['/ui/', '/ui/experiments/1']) expect(await rig.app.inject(page)).toMatchObject({ statusCode: 200, body: expect.stringContaining('Drover'), headers: expect.objectContaining({ 'cache-control': 'no-cache', 'content-type': expect.stringContaining('text/html') }) })
    expect((await rig.app.inject('/ui/assets/app-1.js')).headers['cache-control']).toContain('immutable')
    expect((await rig.app.inject('/ui/assets/none.js')).statusCode).toBe(404)
    for (const path of ['/ui/%2e%2e/%2e%2e/etc/passwd.txt', '/ui/..%2f..%2fpackage.json', '/ui/a%00b.js', '/ui/assets/..%2f..%2fx']) expect((await rig.app.inject(path)).statusCode).toBeGreaterThanOrEqual(400)
    expect((await rig.app.inject('/ui/..%2f..%2fetc%2fpasswd')).body).toContain('<title>Drover</title>')
  })

  test('first users are made once, and only with a fit password', async () => {
    await ensureFirstUsers(rig.db, null)
    expect(await rig.db.selectFrom('users').select('username').orderBy('id').execute()).toEqual([{ username: 'admin' }, { username: 'determined' }])
  })

  test('users are made, changed and deactivated by an administrator; the last one stays', async () => {
    const make = (payload: object, token = rig.admin) => rig.app.inject({ method: 'POST', url: '/api/v1/users', headers: as(token), payload })
    const patch = (id: number, payload: object, token = rig.admin) => rig.app.inject({ method: 'PATCH', url: `/api/v1/users/${id}`, headers: as(token), payload })
    expect((await make({ user: { username: 'eve' }, password: 'long enough' }, rig.user)).statusCode).toBe(403)
    const eve = (await make({ user: { username: 'eve', admin: false, active: true }, password: clientHash('Eves-Password-1'), isHashed: true })).json<{ user: { id: number } }>().user.id
    expect((await make({ user: { username: 'EVE' }, password: 'long enough' })).statusCode).toBe(409)
    expect((await make({ user: { username: 'no' }, password: 'short' })).json().message).toContain('8 characters')
    const token = await logIn(rig.app, 'eve', 'Eves-Password-1')
    expect((await patch(eve, { admin: true }, token)).statusCode).toBe(403)
    expect((await patch(rig.adminId, { password: 'long enough' }, token)).statusCode).toBe(403)
    expect((await patch(eve, { password: clientHash('Another-1'), isHashed: true, display_name: 'Eve' }, token)).json()).toMatchObject({ user: { displayName: 'Eve' } })
    expect((await rig.app.inject({ url: '/api/v1/me', headers: as(token) })).statusCode).toBe(200)
    await expect(logIn(rig.app, 'eve', 'Eves-Password-1')).rejects.toThrow('wrong user name')
    expect((await patch(eve, { active: false })).statusCode).toBe(200)
    expect((await rig.app.inject({ url: '/api/v1/me', headers: as(token) })).statusCode).toBe(401)
    await expect(logIn(rig.app, 'eve', 'Another-1')).rejects.toThrow('deactivated')
    expect((await patch(rig.adminId, { active: false })).json().message).toContain('last active administrator')
    expect((await rig.app.inject({ url: '/api/v1/users/eve/by-username', headers: as(rig.admin) })).json()).toMatchObject({ user: { active: false } })
    expect((await rig.app.inject({ url: '/api/v1/users?active=true', headers: as(rig.admin) })).json().users).toHaveLength(2)
  })

  test('a wrong user takes as long as a wrong password', async () => {
    const timed = async (username: string): Promise<number> => {
      const begun = performance.now()
      await rig.app.inject({ method: 'POST', url: '/api/v1/auth/login', payload: { username, password: 'x' } })
      return performance.now() - begun
    }
    const known: number[] = []
    const unknown: number[] = []
    for (let i = 0; i < 5; i += 1) {
      known.push(await timed('admin'))
      unknown.push(await timed(`nobody-${i}`))
    }
    const median = (values: number[]): number => values.sort((a, b) => a - b)[2] ?? 0
    expect(median(unknown)).toBeGreaterThan(median(known) / 3)
  })

  test('guessing is throttled with Retry-After; other accounts go on', async () => {
    const login = (username: string, password: string) => rig.app.inject({ method: 'POST', url: '/api/v1/auth/login', payload: { username, password } })
    let last = await login('determined', 'wrong')
    for (let i = 0; i < 12 && last.statusCode === 401; i += 1) last = await login('determined', 'wrong')
    expect(last.statusCode).toBe(429)
    expect(Number(last.headers['retry-after'])).toBeGreaterThan(0)
    expect((await login('determined', PASSWORD)).statusCode).toBe(429)
    expect((await login('admin', PASSWORD)).statusCode).toBe(200)
  })

  test('what nobody expected is 500 with an id that is in the log, and nothing of the inside', async () => {
    rig.answer.result = null as never
    const response = await rig.app.inject({ method: 'POST', url: '/api/v1/experiments/1/pause', headers: as(rig.admin) })
    expect(response.statusCode).toBe(500)
    const { message } = response.json<{ message: string }>()
    const id = /internal error ([0-9a-f-]{36})/.exec(message)?.[1]
    expect(message).not.toMatch(/null|undefined|TypeError/)
    expect(rig.logged.some((entry) => entry.fields['errorId'] === id)).toBe(true)
    rig.answer.result = { kind: 'done' }
  })

  test('a database that is gone is 503 with Retry-After', async () => {
    await rig.db.destroy()
    const gone = await startGone()
    const response = await gone.app.inject({ url: '/api/v1/me', headers: as('x') })
    expect([response.statusCode, response.headers['retry-after'], response.json().message]).toEqual([503, '2', expect.stringContaining('try again')])
    await gone.close()
  })
})

/** The API over an address where no Postgres listens. */
async function startGone() {
  const { createApi } = await import('./server.ts')
  const { openDb } = await import('../store/db.ts')
  const { realClock } = await import('../../protocol/kit/clock.ts')
  const { createRecentLog } = await import('../recent-log.ts')
  const { CONFIG } = await import('./test-rig/seed.ts')
  const db = openDb('postgres://nobody@127.0.0.1:9/none', { max: 1, applicationName: 'gone', onError: () => undefined })
  const quiet = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined, child: () => quiet }
  const app = await createApi({
    db, commands: {} as never, clusterId: 'c', bucket: {} as never, clock: realClock, random: () => 0, log: quiet, recentLog: createRecentLog(), ready: () => false, graphql: {} as never, feed: { onChange: () => () => undefined },
    settings: { clusterName: CONFIG.name, defaultComputePool: 'default', defaultAuxPool: 'default', pools: [], listen: '', webDir: null, checkpointStorage: { type: 'directory', container_path: '/b', save_experiment_best: 0, save_trial_best: 1, save_trial_latest: 1 } },
  })
  return { app, close: async () => { await app.close(); await db.destroy() } }
}
