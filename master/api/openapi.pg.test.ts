import { execFileSync } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { ADMIN_URL, startRig, type Rig } from './test-rig/rig.ts'

/** Beside nats-server and moto, which brings it. */
const VALIDATOR = join(dirname(process.env['DROVER_TEST_NATS_SERVER'] ?? ''), 'openapi-spec-validator')
if (!existsSync(VALIDATOR)) process.stderr.write('the API description is not validated: openapi-spec-validator is not beside nats-server\n')

/** Routes that are sent nothing: all that they need stands in the path. Whoever adds a route that takes a body gives it a schema instead. */
const NO_BODY = new Set([
  'post /api/v1/auth/logout', 'post /api/v1/drover/ticket', 'post /api/v1/drover/alarms/brake/release', 'post /api/v1/drover/instances/{id}/retire', 'post /api/v1/drover/pools/{name}/resume',
  ...['activate', 'pause', 'cancel', 'kill', 'archive', 'unarchive'].map((wish) => `post /api/v1/experiments/{id}/${wish}`), 'put /api/v1/experiments/{id}/labels/{label}',
  'post /api/v1/trials/{id}/kill', 'post /api/v1/commands/{id}/kill', 'post /api/v1/agents/{agent}/enable',
  ...['workspaces/{id}', 'projects/{id}', 'models/{model}'].flatMap((thing) => [`post /api/v1/${thing}/archive`, `post /api/v1/${thing}/unarchive`]),
])
/** What bounds a value; a parameter without any was read from the path, not from a schema. */
const BOUND = /"(maxLength|maximum|maxItems|enum|const|pattern)"|"type":"boolean"/

interface Operation { operationId: string; parameters?: { name: string; in: string; schema: unknown }[]; requestBody?: object; tags: string[] }
interface Document { openapi: string; paths: Record<string, Record<string, Operation>> }

describe.skipIf(!ADMIN_URL)('the description of the API', () => {
  let rig: Rig
  let document: Document
  beforeAll(async () => {
    rig = await startRig()
    document = (await rig.app.inject({ url: '/docs/api/openapi.json' })).json()
  })
  afterAll(async () => rig.close())

  test('is OpenAPI 3.1 and names every route once', () => {
    expect(document.openapi).toBe('3.1.0')
    const operations = Object.values(document.paths).flatMap((path) => Object.values(path))
    expect(operations.length).toBeGreaterThan(100)
    expect(new Set(operations.map((one) => one.operationId)).size).toBe(operations.length)
    for (const path of ['/api/v1/experiments/{id}', '/api/v1/auth/login', '/graphql', '/api/v1/drover/pools']) expect(Object.keys(document.paths)).toContain(path)
    expect(Object.keys(document.paths).filter((path) => path.startsWith('/ui'))).toEqual([])
  })

  test('says what each parameter of a path is, and what is sent', () => {
    const all = Object.entries(document.paths).flatMap(([path, methods]) => Object.entries(methods).map(([method, operation]) => ({ path, method, operation })))
    const silent = all.filter(({ path, operation }) => [...path.matchAll(/\{(\w+)\}/g)].some(([, name]) => !operation.parameters?.some((one) => one.in === 'path' && one.name === name)))
    expect(silent.map(({ path }) => path)).toEqual([])
    const login = document.paths['/api/v1/auth/login']?.['post']
    expect(JSON.stringify(login?.requestBody)).toContain('"username"')
  })

  test('a route says by a schema what it takes: each parameter bounded, a body where it is sent one', () => {
    const all = Object.entries(document.paths).flatMap(([path, methods]) => Object.entries(methods).map(([method, operation]) => ({ route: `${method} ${path}`, operation })))
    const loose = all.flatMap(({ route, operation }) => (operation.parameters ?? []).filter((one) => !BOUND.test(JSON.stringify(one.schema))).map((one) => `${route}: ${one.in} ${one.name} has no bound`))
    const silent = all.filter(({ route, operation }) => route.startsWith('p') && operation.requestBody === undefined).map(({ route }) => route)
    expect(loose).toEqual([])
    expect(silent.filter((route) => !NO_BODY.has(route)).map((route) => `${route}: give it schema.body, or name it in NO_BODY`)).toEqual([])
    expect([...NO_BODY].filter((route) => !silent.includes(route)).map((route) => `${route} is not there, or takes a body now: strike it out of NO_BODY`)).toEqual([])
  })

  test.skipIf(!existsSync(VALIDATOR))('passes an OpenAPI validator', () => {
    const dir = mkdtempSync(join(tmpdir(), 'drover-openapi-'))
    try {
      const file = join(dir, 'openapi.json')
      writeFileSync(file, JSON.stringify(document))
      expect(execFileSync(VALIDATOR, [file], { encoding: 'utf8' })).toContain('OK')
    } finally {
      rmSync(dir, { recursive: true, force: true })
    }
  }, 60_000)
})
