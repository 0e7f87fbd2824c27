import { isLeaf } from '../../protocol/words/search-config.ts'
import type { Hyperparameter, HyperparameterSpace } from '../../protocol/words/search-config.ts'
import { draw } from './draw.ts'

type Values = Record<string, unknown>

/** One point of the space for one trial; the same seed and trial give the same point whatever came before. */
export function sample(space: HyperparameterSpace, seed: number, trial: number): Values {
  return fill(space, (path, leaf) => sampled(leaf, () => draw(seed, trial, path)))
}

/** A map shaped like the space, each leaf replaced by its value. A path is the JSON of its names. */
export function fill(space: HyperparameterSpace, value: (path: string, leaf: Hyperparameter) => unknown, above: readonly string[] = []): Values {
  return Object.fromEntries(Object.entries(space).map(([name, node]) => {
    const names = [...above, name]
    return [name, isLeaf(node) ? value(JSON.stringify(names), node) : fill(node, value, names)]
  }))
}

/** Seed of a trial: the first one trains with the experiment's own. 31 bits. */
export function trialSeed(seed: number, trial: number): number {
  return trial === 0 ? seed : Math.floor(draw(seed, trial, '') * 2 ** 31)
}

function sampled(leaf: Hyperparameter, uniform: () => number): unknown {
  switch (leaf.type) {
    case 'const':
      return leaf.val
    case 'categorical':
      return leaf.vals[Math.floor(uniform() * leaf.vals.length)]
    case 'int':
      return Math.min(leaf.maxval, leaf.minval + Math.floor(uniform() * (leaf.maxval - leaf.minval + 1)))
    case 'double':
      return between(leaf.minval, leaf.maxval, uniform())
    case 'log':
      return leaf.base ** between(leaf.minval, leaf.maxval, uniform())
  }
}

/** Weighted, so that the widest ranges do not overflow. */
export function between(low: number, high: number, share: number): number {
  return Math.min(high, Math.max(low, low * (1 - share) + high * share))
}
