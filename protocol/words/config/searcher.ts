import { ADAPTIVE_MODES } from '../search-config.ts'
import type { AdaptiveAshaSearcher, AsyncHalvingSearcher, GridSearcher, Length, RandomSearcher, SearcherConfig, SingleSearcher } from '../search-config.ts'
import { isMapping } from './fields.ts'
import type { Fields } from './fields.ts'
import { addError, addWarning, quote, show, under } from './findings.ts'
import type { Findings } from './findings.ts'
import { length, unitsOf } from './lengths.ts'
import { nearest } from './nearest.ts'
import { about, checked, choice, decimal, flag, idle, list, needed, object, tag, text, whole } from './shape.ts'
import type { Shape } from './shape.ts'

export const TRIALS_MAX = 1_000_000
const COUNT_MAX = 100_000

const WARM = 'trials start from nothing; restore it in the training script'
const metric = needed(about('The validation metric by which trials and checkpoints are ranked', text('', { max: 256 })), 'name the metric by which checkpoints are ranked, as in {name: single, metric: validation_loss}')
const COMMON = {
  metric,
  smaller_is_better: flag(true),
  source_trial_id: idle(whole(null, 1, 2 ** 31 - 1), WARM),
  source_checkpoint_uuid: idle(text(null, { max: 64 }), WARM),
}
const LENGTH = { max_length: idle(length(null, 1, true), 'the training script decides how long a trial trains') }
const MANY = {
  max_trials: needed(whole(1, 1, TRIALS_MAX), 'say how many trials the search may have'),
}
const CONCURRENT = { max_concurrent_trials: whole(16, 0, COUNT_MAX) }
const HALVING = {
  ...COMMON, ...MANY, ...CONCURRENT,
  divisor: about('At each rung one trial in so many goes on', decimal(4, { above: 1, max: COUNT_MAX })),
  time_metric: about('The validation metric that says how far a trial is', text('', { max: 256 })),
  max_time: about('Where time_metric has this value, a trial is done', whole(0, 1, Number.MAX_SAFE_INTEGER)),
  max_length: length(null, 1, true),
  stop_once: idle(flag(false), 'trials are stopped and never resumed anyway'),
}

const KINDS = {
  single: warmOnce(object({ name: tag('single'), ...COMMON, ...LENGTH })),
  random: warmOnce(object({ name: tag('random'), ...COMMON, ...MANY, ...CONCURRENT, ...LENGTH })),
  grid: warmOnce(object({ name: tag('grid'), ...COMMON, ...CONCURRENT, ...LENGTH })),
  async_halving: timed<AsyncHalvingSearcher>(object({ name: tag('async_halving'), num_rungs: needed(whole(1, 1, 100), 'say at how many rungs trials are compared'), ...HALVING })),
  adaptive_asha: timed<AdaptiveAshaSearcher>(object({ name: tag('adaptive_asha'), mode: choice('standard', ADAPTIVE_MODES), max_rungs: whole(5, 1, 100), bracket_rungs: list(needed(whole(1, 1, 100), 'a number of rungs is needed'), 100, 'numbers of rungs'), ...HALVING })),
} satisfies Record<SearcherConfig['name'], Shape<SearcherConfig>>
const NAMES = Object.keys(KINDS) as (keyof typeof KINDS)[]

const REMOVED: Readonly<Record<string, string>> = {
  custom: 'custom searchers were removed in Determined 0.38; write random, grid or adaptive_asha, or start the trials yourself, each as an experiment with single',
  adaptive: 'it was replaced by adaptive_asha', adaptive_simple: 'it was replaced by adaptive_asha', sync_halving: 'it was replaced by async_halving',
  asha: 'write adaptive_asha, or async_halving for one bracket', pbt: 'population based training was removed; write adaptive_asha',
}

/** Determined's searchers; which of them the master runs is not said here. */
export const searcher: Shape<SearcherConfig> = {
  needed: true,
  schema: { type: 'object', required: ['name'], properties: { name: { enum: NAMES } }, anyOf: NAMES.map((name) => KINDS[name].schema) },
  read: (found, path, value) => {
    const name = isMapping(value) ? value['name'] : undefined
    const kind = NAMES.find((one) => one === name)
    if (kind === undefined) return unknownSearcher(found, path, value, name)
    strangers(found, path, value, kind)
    return KINDS[kind].read(found, path, onlyOwn(value, kind))
  },
}

function unknownSearcher(found: Findings, path: string, value: unknown, name: unknown): SearcherConfig {
  const place = under(path, 'name')
  const removed = typeof name === 'string' && Object.hasOwn(REMOVED, name) ? REMOVED[name] : undefined
  const meant = typeof name === 'string' ? nearest(name, NAMES) : null
  if (value !== null && value !== undefined && !isMapping(value)) addError(found, path, `found ${show(value)}; a map is needed, with at least name and metric`)
  else if (name === null || name === undefined) addError(found, place, `is missing; write one of ${NAMES.join(', ')}`)
  else if (removed !== undefined) addError(found, place, `found ${show(name)}; ${removed}`)
  else addError(found, place, `found ${show(name)}; allowed: ${NAMES.join(', ')}${meant === null ? '' : `; did you mean ${quote(meant)}?`}`)
  const given = isMapping(value) ? value['metric'] : undefined
  return { name: 'single', metric: metric.read(found, under(path, 'metric'), given), smaller_is_better: true }
}

function keysOf(kind: keyof typeof KINDS): string[] {
  const properties = KINDS[kind].schema['properties']
  return isMapping(properties) ? Object.keys(properties) : []
}

/** A key of another searcher is no slip of the pen: the message names whose it is. */
function strangers(found: Findings, path: string, value: unknown, kind: keyof typeof KINDS): void {
  for (const key of isMapping(value) ? Object.keys(value) : []) {
    const owners = foreignTo(kind, key)
    if (owners.length > 0) addError(found, under(path, key), `is a key of searcher ${owners.join(', ')}, not of ${kind}; leave it out`)
  }
}

function foreignTo(kind: keyof typeof KINDS, key: string): string[] {
  return keysOf(kind).includes(key) ? [] : NAMES.filter((other) => keysOf(other).includes(key))
}

function onlyOwn(value: unknown, kind: keyof typeof KINDS): Record<string, unknown> {
  const given = isMapping(value) ? value : {}
  return Object.fromEntries(Object.entries(given).filter(([key]) => foreignTo(kind, key).length === 0))
}

function warmOnce<T extends SingleSearcher | RandomSearcher | GridSearcher | AsyncHalvingSearcher | AdaptiveAshaSearcher>(shape: Shape<T>): Shape<T> {
  return checked(shape, (found, path, read) => {
    if (read.source_trial_id && read.source_checkpoint_uuid) addError(found, under(path, 'source_checkpoint_uuid'), 'stands beside source_trial_id; keep one of them')
  })
}

/** How far trials go: `time_metric` and `max_time`, or the old `max_length`, whose unit is then the metric. */
function timed<T extends AsyncHalvingSearcher | AdaptiveAshaSearcher>(shape: Shape<T>): Shape<T> {
  const both = warmOnce(shape)
  return {
    ...both,
    read: (found, path, value) => {
      const given = isMapping(value) ? value : {}
      const read = both.read(found, path, value)
      const old = read.max_length ?? null
      if (old !== null) return { ...read, ...timeOf(found, path, given, old) }
      if (given['max_length'] === null || given['max_length'] === undefined) timeNeeded(found, path, given)
      return read
    },
  }
}

function timeNeeded(found: Findings, path: string, given: Fields): void {
  for (const key of ['time_metric', 'max_time']) {
    if (given[key] === null || given[key] === undefined) addError(found, under(path, key), 'is missing; time_metric names the metric that says how far a trial is and max_time where it ends, as in {time_metric: batches, max_time: 1000}')
  }
}

function timeOf(found: Findings, path: string, given: Fields, old: Length): { time_metric: string; max_time: number } {
  const { unit, units } = unitsOf(old)
  for (const [key, meant] of [['time_metric', unit], ['max_time', units]] as const) {
    const stands = given[key] ?? meant
    if (stands !== meant) addError(found, under(path, key), `found ${show(stands)}, but max_length says ${show(meant)}; leave max_length out`)
  }
  addWarning(found, under(path, 'max_length'), `is the old form, read as {time_metric: ${unit}, max_time: ${units}}; the training script must report ${unit} with its validation metrics`)
  return { time_metric: unit, max_time: units }
}
