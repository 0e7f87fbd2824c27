import type { FastifyInstance } from 'fastify'
import { ApiFault } from './errors.ts'

declare module 'fastify' {
  interface FastifyContextConfig {
    /** the whole body is a document of the user's: its keys stay as they are */
    ownKeys?: boolean
  }
}

const DEPTH_MAX = 64

/**
 * Before validation: NUL (which Postgres cannot hold) in any string or key is refused with its field; snake_case keys
 * become camelCase; null means absent, as in protobuf JSON. Deeper values are left as they are.
 */
export function cleanInput(app: FastifyInstance): void {
  app.addHook('preValidation', (request, _reply, done) => {
    const where = findNul(request.params, 'path') ?? findNul(request.query, 'query') ?? findNul(request.body, '')
    if (where !== null) return done(new ApiFault(400, `${where} contains the NUL character (\\u0000): remove it`))
    if (request.body === undefined || request.body === null) request.body = {}
    if (isPlain(request.body) && !request.routeOptions.config.ownKeys) request.body = toCamelKeys(request.body)
    if (isPlain(request.query)) request.query = toCamelKeys(request.query)
    done()
  })
}

/** Path of the first string or key with NUL or nested beyond the limit; null when all is well. */
export function findNul(value: unknown, path: string, depth = 0): string | null {
  if (typeof value === 'string') return value.includes('\u0000') ? path || 'body' : null
  if (typeof value !== 'object' || value === null) return null
  if (depth > DEPTH_MAX) throw new ApiFault(400, `${path.slice(0, 200)} is nested deeper than ${DEPTH_MAX} levels: flatten it`)
  for (const [key, item] of Object.entries(value)) {
    if (key.includes('\u0000')) return `a key of ${path || 'body'}`
    const below = Array.isArray(value) ? `${path}[${key}]` : path === '' ? key : `${path}.${key}`
    const found = findNul(item, below, depth + 1)
    if (found !== null) return found
  }
  return null
}

/** Fields whose value is a message of the API itself, or a list of them: what lies in any other is the user's own. */
const MESSAGES = new Set(['user', 'resources', 'checkpointStorage', 'updates', 'checkpoint', 'checkpoints', 'agentUserGroup'])

function camelMessage(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(camelMessage)
  return isPlain(value) ? toCamelKeys(value) : value
}

export function toCamelKeys(value: Record<string, unknown>): Record<string, unknown> {
  const entries: [string, unknown][] = []
  for (const [key, item] of Object.entries(value)) {
    if (item === null) continue
    const camel = key.includes('_') ? key.replace(/_+([a-z0-9])/g, (_match, letter: string) => letter.toUpperCase()) : key
    if (camel !== key && camel in value) continue
    entries.push([camel, MESSAGES.has(camel) ? camelMessage(item) : item])
  }
  return Object.fromEntries(entries)
}

function isPlain(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !Buffer.isBuffer(value)
}
