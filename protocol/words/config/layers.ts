import { isMapping } from './fields.ts'
import { mergeUnder } from './merge-values.ts'
import { modernise } from './modernise.ts'

type Mapping = Readonly<Record<string, unknown>>

/** What lies under and over a user's own configuration, each a document of the same keys, as far as it goes. */
export interface Layers {
  template?: Mapping
  /** task_container_defaults of the pool, then of the cluster */
  pool?: Mapping
  cluster?: Mapping
  /** of the workspace, then of the master */
  workspaceStorage?: Mapping
  masterStorage?: Mapping
  /** of the cluster, then of the workspace: they win over all, and nothing adds to their lists */
  invariants?: readonly Mapping[]
}

/**
 * One document from all: the user's over the template, over the pool, over the cluster; then the storage of the workspace
 * over the master's under it; then the invariants over all. Defaults come after it, when the document is read.
 */
export function layered(user: Mapping, layers: Layers): Mapping {
  const { template, pool, cluster, workspaceStorage, masterStorage, invariants = [] } = layers
  const storages = [workspaceStorage, masterStorage].filter((one) => one !== undefined).map((one) => ({ checkpoint_storage: one }))
  const under = [template, pool, cluster, ...storages].filter((one) => one !== undefined)
  return invariants.reduce((below, over) => impose(modernise(below), modernise(over)), under.reduce(layUnder, user))
}

/** Two documents as one; short forms are written out where both speak of the same field. */
export function layUnder(over: Mapping, under: Mapping): Mapping {
  return isMapping(over['environment']) && isMapping(under['environment']) ? mergeUnder(modernise(over), modernise(under)) : mergeUnder(over, under)
}

/** Maps merge key by key; whatever else the upper one names replaces what stood there. */
function impose(under: Mapping, over: Mapping): Record<string, unknown> {
  const result: Record<string, unknown> = { ...under }
  for (const [key, value] of Object.entries(over)) {
    const below = result[key]
    result[key] = isMapping(value) && isMapping(below) ? impose(below, value) : value
  }
  return result
}
