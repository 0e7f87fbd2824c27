import { isLeaf } from '../search-config.ts'
import type { Hyperparameter, HyperparameterSpace, SearcherConfig } from '../search-config.ts'
import { addError, under } from './findings.ts'
import type { Findings } from './findings.ts'
import { TRIALS_MAX } from './searcher.ts'

/** What searcher and search space ask of each other: constants for single, a `count` for each range of a grid. */
export function checkSearch(found: Findings, searcher: SearcherConfig, space: HyperparameterSpace): void {
  if (searcher.name !== 'single' && searcher.name !== 'grid') return
  let points = 1
  eachLeaf('hyperparameters', space, (path, leaf) => {
    if (searcher.name === 'single') mustBeConstant(found, path, leaf)
    else points *= pointsOf(found, path, leaf)
  })
  if (points > TRIALS_MAX) addError(found, 'hyperparameters', `the grid has ${points} points; at most ${TRIALS_MAX} are allowed: lower a count`)
}

function eachLeaf(path: string, space: HyperparameterSpace, see: (path: string, leaf: Hyperparameter) => void): void {
  for (const [name, node] of Object.entries(space)) {
    if (isLeaf(node)) see(under(path, name), node)
    else eachLeaf(under(path, name), node, see)
  }
}

function mustBeConstant(found: Findings, path: string, leaf: Hyperparameter): void {
  if (leaf.type !== 'const') addError(found, under(path, 'type'), `found "${leaf.type}" (text); searcher single takes constants only: write the value itself, or {type: const, val: ...}`)
}

function pointsOf(found: Findings, path: string, leaf: Hyperparameter): number {
  if (leaf.type === 'const') return 1
  if (leaf.type === 'categorical') return leaf.vals.length
  if (leaf.count === null) addError(found, under(path, 'count'), 'is missing; a grid needs the number of points of each range, as in count: 5')
  const count = leaf.count ?? 1
  return leaf.type === 'int' ? Math.min(count, leaf.maxval - leaf.minval + 1) : count
}
