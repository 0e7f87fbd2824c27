import { PgSimplifyInflectionPreset } from '@graphile/simplify-inflection'
import type { GraphQLSchema } from 'postgraphile/graphql'
import { makeSchema } from 'postgraphile'
import { PostGraphileConnectionFilterPreset } from 'postgraphile-plugin-connection-filter'
import { makePgService } from 'postgraphile/adaptors/pg'
import { loadOne, type Step } from 'postgraphile/grafast'
import { PostGraphileAmberPreset } from 'postgraphile/presets/amber'
import { extendSchema, gql } from 'postgraphile/utils'
import type { ApiCost } from '../../protocol/wire/api.ts'
import type { Db } from '../store/db.ts'
import { experimentCost, instanceCosts } from '../store/queries/cost.ts'
import { READER } from './reader.ts'

/** Connections of GraphQL alone: a slow query of somebody's never keeps the master waiting. */
const CONNECTIONS_MAX = 4
const STATEMENT_MS = 5_000

export interface Served {
  schema: GraphQLSchema
  resolvedPreset: GraphileConfig.ResolvedPreset
  release(): Promise<void>
}

/** The schema over the views of `drover_public`, read as the role that may see nothing else. */
export async function openSchema(db: Db, url: string): Promise<Served> {
  const service = makePgService({ connectionString: url, schemas: ['drover_public'], poolConfig: { max: CONNECTIONS_MAX, application_name: 'drover-graphql', idleTimeoutMillis: 10_000 } })
  const preset: GraphileConfig.Preset = {
    extends: [PostGraphileAmberPreset, PgSimplifyInflectionPreset, PostGraphileConnectionFilterPreset],
    plugins: [leftOut, plainIds, costPlugin(db)],
    disablePlugins: ['NodePlugin', 'NodeAccessorPlugin', 'AddNodeInterfaceToSuitableTypesPlugin', 'QueryQueryPlugin', 'PgMutationCreatePlugin', 'PgMutationUpdateDeletePlugin', 'PgConditionArgumentPlugin', 'PgConditionCustomFieldsPlugin'],
    pgServices: [service],
    // filters over relations let one query touch every row of three tables
    // an empty filter, or none, is what a page sends whose boxes are empty
    schema: { defaultBehavior: '-mutation', connectionFilterAllowEmptyObjectInput: true, connectionFilterAllowNullInput: true, connectionFilterRelations: false, connectionFilterComputedColumns: false, connectionFilterSetofFunctions: false },
    grafast: { context: () => ({ pgSettings: { role: READER, default_transaction_read_only: 'on', transaction_read_only: 'on', statement_timeout: String(STATEMENT_MS), search_path: 'drover_public' } }) },
  }
  const { schema, resolvedPreset } = await makeSchema(preset)
  return { schema, resolvedPreset, release: async () => service.release?.() }
}

/** Names of what is left out here, which the preset of short names wants to shorten: without them it complains. */
const LEFT_OUT = ['patchField', 'nodeById', 'updateByKeysField', 'deleteByKeysField', 'updateByKeysInputType', 'deleteByKeysInputType', 'updateNodeField', 'deleteNodeField', 'updateNodeInputType', 'deleteNodeInputType']
const leftOut: GraphileConfig.Plugin = {
  name: 'DroverLeftOut',
  version: '1.0.0',
  before: ['PgSimplifyInflectionPlugin'],
  inflection: { add: Object.fromEntries(LEFT_OUT.map((name) => [name, () => name])) },
}

/** `id` stays `id`: there are no global node ids that it could be confused with. */
const plainIds: GraphileConfig.Plugin = {
  name: 'DroverPlainIds',
  version: '1.0.0',
  inflection: { replace: { _attributeName: (previous, _options, details) => previous?.({ ...details, skipRowId: true }) ?? details.attributeName } },
}

/** Dollars are added up where the rest of Drover adds them up. */
function costPlugin(db: Db): GraphileConfig.Plugin {
  const ofExperiments = async (ids: readonly number[]): Promise<ApiCost[]> => {
    const costs: ApiCost[] = []
    for (const id of ids) costs.push(await experimentCost(db, id))
    return costs
  }
  const ofInstances = async (ids: readonly string[]): Promise<ApiCost[]> => {
    const costOf = await instanceCosts(db, ids)
    return ids.map(costOf)
  }
  return extendSchema({
    typeDefs: gql`
      """Dollars so far. The parts of all experiments add up to what the instances cost."""
      type Cost {
        total: Float
        """a run went on and its work was kept"""
        useful: Float
        """until the agent had registered"""
        boot: Float
        """nothing ran"""
        idle: Float
        """after the newest committed checkpoint of a run that ended badly"""
        lost: Float
      }
      extend type Experiment { cost: Cost! }
      extend type Instance { cost: Cost! }
    `,
    objects: {
      Experiment: { plans: { cost: (experiment: Gettable) => loadOne(experiment.get('id') as Step<number>, ofExperiments) } },
      Instance: { plans: { cost: (instance: Gettable) => loadOne(instance.get('id') as Step<string>, ofInstances) } },
    },
  })
}

interface Gettable extends Step {
  get(column: string): Step
}
