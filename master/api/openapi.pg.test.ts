import { execFileSync } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { ADMIN_URL, startRig, type Rig } from './test-rig/rig.ts'

/** Beside nats-server and moto, which brings it. */
const VALIDATOR = join(dirname(process.env['DROVER_TEST_NATS_SERVER'] ?? ''), 'openapi-spec-validator')
if (!existsSync(VALIDATOR)) process.stderr.write('the API description is not validated: openapi-spec-validator is not beside nats-server\n')

interface Operation { operationId: string; parameters?: { name: string; in: string }[]; requestBody?: object; tags: string[] }
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
