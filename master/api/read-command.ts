import type { ExperimentConfig } from '../../protocol/words/experiment-config.ts'
import { isMapping } from '../../protocol/words/config/fields.ts'
import { layUnder } from '../../protocol/words/config/layers.ts'
import { nearest } from '../../protocol/words/config/nearest.ts'
import type { ApiSettings } from './deps.ts'
import { readConfig, refused } from './read-config.ts'

const KEYS = ['description', 'entrypoint', 'environment', 'resources', 'bind_mounts'] as const
const DESCRIPTION_MAX = 1024

/** A command's configuration, read by the same rules as an experiment's; `resources.slots` is what trials call slots_per_trial. */
export function readCommand(own: Readonly<Record<string, unknown>>, template: Readonly<Record<string, unknown>>, settings: ApiSettings): { description: string; config: ExperimentConfig } {
  const given = Object.fromEntries(Object.entries(layUnder(own, template)).filter(([, value]) => value !== null && value !== undefined))
  const unknown = Object.keys(given).filter((key) => !KEYS.some((known) => known === key))
  if (unknown.length > 0) throw refused('the command configuration', unknown.slice(0, 20).map((key) => ({ path: key.slice(0, 200), message: `is no key of a command${hintFor(key)}: leave it out; it may have ${KEYS.join(', ')}` })))
  const { description, resources, ...rest } = given
  if (resources !== undefined && !isMapping(resources)) throw refused('the command configuration', [{ path: 'resources', message: 'is no map: write slots, resource_pool, priority or shm_size below it' }])
  if (description !== undefined && typeof description !== 'string') throw refused('the command configuration', [{ path: 'description', message: 'is no text' }])
  const { slots = 1, ...others } = resources ?? {}
  const document = { ...rest, name: 'command', searcher: { name: 'single', metric: 'none' }, max_restarts: 0, resources: { ...others, slots_per_trial: slots } }
  const { config } = readConfig(JSON.stringify(document), settings)
  return { description: (description ?? '').trim().slice(0, DESCRIPTION_MAX) || wordsOf(config.entrypoint), config }
}

function hintFor(key: string): string {
  const meant = nearest(key, [...KEYS])
  return meant === null ? '' : ` (did you mean ${meant}?)`
}

/** `Command (sleep 600)`, as the queue and the lists show it. */
function wordsOf(entrypoint: string | readonly string[]): string {
  const text = typeof entrypoint === 'string' ? entrypoint : entrypoint.join(' ')
  return `Command (${text.length > 60 ? `${text.slice(0, 59)}…` : text})`
}
