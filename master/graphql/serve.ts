import { GraphQLError, lexicographicSortSchema, printSchema, validate, type ExecutionResult, type GraphQLFormattedError } from 'postgraphile/graphql'
import { execute, hookArgs, isSafeError } from 'postgraphile/grafast'
import type { Log } from '../../protocol/kit/log.ts'
import type { Db } from '../store/db.ts'
import { boundCost } from './cost.ts'
import { LIMITS, readQuery } from './limits.ts'
import { ensureReader } from './reader.ts'
import { QueryRefused } from './refusal.ts'
import { openSchema } from './schema.ts'

export interface GraphqlRequest {
  query: string
  variables: Readonly<Record<string, unknown>>
  operationName: string | null
}

export interface GraphqlAnswer {
  data?: unknown
  errors?: readonly GraphQLFormattedError[]
}

/** Queries over the public model. `answer` never throws for what a caller wrote. */
export interface Graphql {
  answer(request: GraphqlRequest): Promise<GraphqlAnswer>
  /** in the schema language */
  sdl(): string
  close(): Promise<void>
}

/** Reads the database's schema, and so takes a fifth of a second. Throws NoReader. */
export async function openGraphql({ db, databaseUrl, log }: { db: Db; databaseUrl: string; log: Log }): Promise<Graphql> {
  await ensureReader(db)
  const { schema, resolvedPreset, release } = await openSchema(db, databaseUrl)
  const sdl = printSchema(lexicographicSortSchema(schema))

  async function run({ query, variables, operationName }: GraphqlRequest): Promise<GraphqlAnswer> {
    const size = Buffer.byteLength(JSON.stringify(variables))
    if (size > LIMITS.variablesBytes) throw new QueryRefused(`the variables have ${size} bytes, at most ${LIMITS.variablesBytes} are taken: ask for less at once`)
    const document = readQuery(query)
    const mistakes = validate(schema, document, undefined, { maxErrors: 10 })
    if (mistakes.length > 0) return { errors: mistakes.map((one) => one.toJSON()) }
    boundCost(schema, document, operationName, variables)
    const args = { schema, document, variableValues: variables, operationName, resolvedPreset, requestContext: {}, contextValue: {} }
    await hookArgs(args)
    const result = (await execute(args)) as ExecutionResult
    return { ...('data' in result ? { data: result.data } : {}), ...(result.errors === undefined ? {} : { errors: result.errors.map((one) => told(one, log)) }) }
  }

  return {
    async answer(request) {
      try {
        return await run(request)
      } catch (error) {
        if (error instanceof QueryRefused) return { errors: [{ message: error.message, extensions: { code: 'REFUSED' } }] }
        if (error instanceof GraphQLError) return { errors: [told(error, log)] }
        throw error
      }
    },
    sdl: () => sdl,
    close: release,
  }
}

/** What the caller wrote is told as it is; what failed within the master is told to the log, and to the caller that it failed. */
function told(error: GraphQLError, log: Log): GraphQLFormattedError {
  const cause: unknown = error.originalError
  if (cause === undefined || cause === null || cause instanceof GraphQLError) return error.toJSON()
  if (cause instanceof Error && 'code' in cause && cause.code === '57014') return { message: 'the database took longer than 5 s: ask for shorter pages, or filter by a key', ...placeOf(error), extensions: { code: 'TIMEOUT' } }
  if (cause instanceof Error && 'code' in cause && typeof cause.code === 'string' && /^(22|42)/.test(cause.code)) return { message: `a value does not fit: ${cause.message}`, ...placeOf(error), extensions: { code: 'BAD_VALUE' } }
  if (cause instanceof Error && isSafeError(cause)) return { message: cause.message, ...placeOf(error), extensions: { code: 'BAD_VALUE' } }
  log.warn({ err: cause, path: error.path }, 'a GraphQL query failed')
  return { message: 'the query failed within the master; its log says why', ...placeOf(error), extensions: { code: 'INTERNAL' } }
}

function placeOf(error: GraphQLError): Pick<GraphQLFormattedError, 'path' | 'locations'> {
  return { ...(error.path === undefined ? {} : { path: error.path }), ...(error.locations === undefined ? {} : { locations: error.locations }) }
}
