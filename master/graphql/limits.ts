import { GraphQLError, Kind, parse, type DocumentNode, type FragmentDefinitionNode, type OperationDefinitionNode, type SelectionSetNode } from 'postgraphile/graphql'
import { QueryRefused } from './refusal.ts'

/**
 * What a query may ask at most; told in each refusal. A page of a person's dashboard needs a tenth of it. Checked before the schema is looked at, in time
 * that grows with the text alone.
 */
export const LIMITS = {
  bytes: 32 * 1024,
  tokens: 3_000,
  /** fields within fields, fragments unfolded */
  depth: 12,
  /** what an introspection needs */
  introspectionDepth: 16,
  aliases: 30,
  directives: 20,
  fragments: 30,
  operations: 5,
  /** fields, fragments unfolded */
  fields: 600,
  /** at the top, fragments unfolded */
  rootFields: 20,
  variablesBytes: 64 * 1024,
  /** rows of one page */
  page: 1_000,
  /** rows and costly fields that the whole query could touch */
  cost: 20_000,
} as const

/** Parses and bounds a query. Throws QueryRefused; GraphQLError where it is no GraphQL. */
export function readQuery(text: string): DocumentNode {
  const bytes = Buffer.byteLength(text)
  if (bytes > LIMITS.bytes) throw new QueryRefused(`the query has ${bytes} bytes, at most ${LIMITS.bytes} are taken: ask for less at once, or use variables`)
  const document = parsed(text)
  const fragments = new Map<string, FragmentDefinitionNode>()
  const operations: OperationDefinitionNode[] = []
  for (const definition of document.definitions) {
    if (definition.kind === Kind.FRAGMENT_DEFINITION) fragments.set(definition.name.value, definition)
    else if (definition.kind === Kind.OPERATION_DEFINITION) operations.push(definition)
    else throw new QueryRefused('a query holds operations and fragments only')
  }
  atMost('operations', operations.length, LIMITS.operations, 'send them one by one')
  atMost('fragments', fragments.size, LIMITS.fragments, 'write fewer')
  for (const operation of operations) {
    if (operation.operation !== 'query') throw new QueryRefused(`a ${operation.operation} was sent, and GraphQL only reads here: use the REST API (/docs/api) to change anything, and /api/v1/drover/live to follow`)
    boundSelection(operation, fragments)
  }
  return document
}

function parsed(text: string): DocumentNode {
  try {
    return parse(text, { maxTokens: LIMITS.tokens })
  } catch (error) {
    if (error instanceof GraphQLError && /more tha[tn] \d+ tokens/.test(error.message)) throw new QueryRefused(`the query has more than ${LIMITS.tokens} words and marks: ask for less at once`)
    throw error
  }
}

interface Sum {
  fields: number
  aliases: number
  directives: number
}

/** One walk with fragments unfolded; it stops at the first bound, so a bomb of fragments costs no more than a query that is allowed. */
function boundSelection(operation: OperationDefinitionNode, fragments: ReadonlyMap<string, FragmentDefinitionNode>): void {
  const sum: Sum = { fields: 0, aliases: 0, directives: 0 }
  let rootFields = 0

  function walk(set: SelectionSetNode, depth: number, limit: number, within: readonly string[]): void {
    for (const selection of set.selections) {
      sum.directives += selection.directives?.length ?? 0
      atMost('directives', sum.directives, LIMITS.directives, 'write fewer')
      if (selection.kind === Kind.FIELD) {
        sum.fields += 1
        if (selection.alias !== undefined) sum.aliases += 1
        if (depth === 1) rootFields += 1
        atMost('fields', sum.fields, LIMITS.fields, 'ask for less at once')
        atMost('aliases', sum.aliases, LIMITS.aliases, 'ask for several rows by a filter, such as id: {in: [1, 2]}')
        atMost('fields at the top', rootFields, LIMITS.rootFields, 'send several queries')
        const bound = depth === 1 && selection.name.value.startsWith('__') ? LIMITS.introspectionDepth : limit
        if (selection.selectionSet !== undefined) {
          if (depth + 1 > bound) throw new QueryRefused(`the query is nested deeper than ${bound} levels: begin further in, such as with trial(id: 7)`)
          walk(selection.selectionSet, depth + 1, bound, within)
        }
      } else if (selection.kind === Kind.INLINE_FRAGMENT) walk(selection.selectionSet, depth, limit, within)
      else spread(selection.name.value, depth, limit, within)
    }
  }

  function spread(name: string, depth: number, limit: number, within: readonly string[]): void {
    if (within.includes(name)) throw new QueryRefused(`fragment ${name} contains itself: write its fields out`)
    const fragment = fragments.get(name)
    // one that is not there is told by validation, with its place
    if (fragment === undefined) return
    sum.fields += 1
    atMost('fields', sum.fields, LIMITS.fields, 'ask for less at once')
    walk(fragment.selectionSet, depth, limit, [...within, name])
  }

  atMost('directives', operation.directives?.length ?? 0, LIMITS.directives, 'write fewer')
  walk(operation.selectionSet, 1, LIMITS.depth, [])
}

function atMost(what: string, count: number, limit: number, cure: string): void {
  if (count > limit) throw new QueryRefused(`the query has more than ${limit} ${what}: ${cure}`)
}
