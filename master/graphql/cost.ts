import { getNamedType, isObjectType, Kind, valueFromASTUntyped, type DocumentNode, type FieldNode, type FragmentDefinitionNode, type GraphQLObjectType, type GraphQLSchema, type OperationDefinitionNode, type SelectionSetNode } from 'postgraphile/graphql'
import { LIMITS } from './limits.ts'
import { QueryRefused } from './refusal.ts'

/** Dollars are added up from every stay on every instance: one is as much work as so many rows. */
const DOLLARS = 20

/**
 * How much a query could touch, before it is carried out: rows of each page times what is asked of each. A list without `first` or `last` would be
 * all of it, so it is refused. Runs on a document that is valid and bounded (`readQuery`). Gives the cost; throws QueryRefused.
 */
export function boundCost(schema: GraphQLSchema, document: DocumentNode, operationName: string | null, variables: Readonly<Record<string, unknown>>): number {
  const fragments = new Map(document.definitions.filter((one): one is FragmentDefinitionNode => one.kind === Kind.FRAGMENT_DEFINITION).map((one) => [one.name.value, one]))
  const operations = document.definitions.filter((one): one is OperationDefinitionNode => one.kind === Kind.OPERATION_DEFINITION)
  const operation = operations.find((one) => operationName === null || one.name?.value === operationName)
  const query = schema.getQueryType()
  if (operation === undefined || !query) return 0
  const defaults = Object.fromEntries((operation.variableDefinitions ?? []).flatMap((one) => (one.defaultValue === undefined ? [] : [[one.variable.name.value, valueFromASTUntyped(one.defaultValue)]])))
  const values = { ...defaults, ...variables }

  function costOf(set: SelectionSetNode, type: GraphQLObjectType): number {
    let cost = 0
    for (const selection of set.selections) {
      if (selection.kind === Kind.FIELD) cost += fieldCost(selection, type)
      else if (selection.kind === Kind.INLINE_FRAGMENT) cost += costOf(selection.selectionSet, type)
      else {
        const fragment = fragments.get(selection.name.value)
        if (fragment !== undefined) cost += costOf(fragment.selectionSet, type)
      }
      if (cost > LIMITS.cost) throw new QueryRefused(`the query could touch more than ${LIMITS.cost} rows: ask for shorter pages (first:), or for fewer lists within lists`)
    }
    return cost
  }

  function fieldCost(field: FieldNode, parent: GraphQLObjectType): number {
    const definition = parent.getFields()[field.name.value]
    if (definition === undefined) return 0
    const type = getNamedType(definition.type)
    if (!isObjectType(type) || field.selectionSet === undefined) return 0
    const inner = costOf(field.selectionSet, type)
    if (type.name === 'Cost') return DOLLARS
    return type.name.endsWith('Connection') ? pageOf(field, values) * (1 + inner) : 1 + inner
  }

  return costOf(operation.selectionSet, query)
}

function pageOf(field: FieldNode, variables: Readonly<Record<string, unknown>>): number {
  const sizes = (field.arguments ?? []).filter((one) => one.name.value === 'first' || one.name.value === 'last').map((one) => valueFromASTUntyped(one.value, variables))
  const named = field.name.value
  const size = sizes.find((one) => one !== null && one !== undefined)
  if (size === undefined) {
    // a count alone reads no rows
    if (field.selectionSet?.selections.every((one) => one.kind === Kind.FIELD && (one.name.value === 'totalCount' || one.name.value === '__typename'))) return 1
    throw new QueryRefused(`${named} has no page: write ${named}(first: 20), at most ${LIMITS.page}`)
  }
  if (typeof size !== 'number' || size < 0 || size > LIMITS.page) throw new QueryRefused(`${named}(first: ${String(size).slice(0, 20)}): write a page of 0 to ${LIMITS.page} rows`)
  return Math.max(1, size)
}
