import { isLeaf } from '../../protocol/words/search-config.ts'
import type { Hyperparameter, HyperparameterSpace } from '../../protocol/words/search-config.ts'
import { between, fill } from './sample.ts'

interface Axis {
  path: string
  leaf: Hyperparameter
  points: number
}

/** Points of the whole grid. */
export function gridSize(space: HyperparameterSpace): number {
  return axesOf(space).reduce((size, axis) => size * axis.points, 1)
}

/**
 * The point of that number: axes stand in the order of their names, and the last one turns fastest. Nothing is built
 * that is as large as the grid.
 */
export function gridPoint(space: HyperparameterSpace, number: number): Record<string, unknown> {
  const places = new Map<string, number>()
  let left = number
  for (const { path, points } of axesOf(space).reverse()) {
    places.set(path, left % points)
    left = Math.floor(left / points)
  }
  return fill(space, (path, leaf) => pointOf(leaf, places.get(path) ?? 0))
}

function axesOf(space: HyperparameterSpace, above: readonly string[] = []): Axis[] {
  const names = Object.keys(space).sort()
  return names.flatMap((name) => {
    const node = space[name]
    if (node === undefined) return []
    const path = [...above, name]
    return isLeaf(node) ? [{ path: JSON.stringify(path), leaf: node, points: pointsOf(node) }] : axesOf(node, path)
  })
}

function pointsOf(leaf: Hyperparameter): number {
  if (leaf.type === 'const') return 1
  if (leaf.type === 'categorical') return leaf.vals.length
  const count = leaf.count ?? 1
  return leaf.type === 'int' ? Math.min(count, leaf.maxval - leaf.minval + 1) : count
}

/** Evenly from end to end; a single point lies in the middle. */
function pointOf(leaf: Hyperparameter, place: number): unknown {
  if (leaf.type === 'const') return leaf.val
  if (leaf.type === 'categorical') return leaf.vals[place]
  const points = pointsOf(leaf)
  const value = between(leaf.minval, leaf.maxval, points === 1 ? 0.5 : place / (points - 1))
  if (leaf.type === 'int') return Math.round(value)
  return leaf.type === 'log' ? leaf.base ** value : value
}
