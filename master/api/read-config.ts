import type { ConfigMistake, ExperimentConfig } from '../../protocol/words/experiment-config.ts'
import { isMapping } from '../../protocol/words/config/fields.ts'
import type { Findings } from '../../protocol/words/config/findings.ts'
import { nearest } from '../../protocol/words/config/nearest.ts'
import { readDocument } from '../../protocol/words/config/read-document.ts'
import { parseExperimentConfig } from '../../protocol/words/parse-experiment-config.ts'
import type { ApiSettings } from './deps.ts'
import { ApiFault } from './errors.ts'

/** Parsed over the template, complete with the cluster's storage, its pool known; or 400 with every mistake. */
export function readConfig(text: string, settings: ApiSettings, template?: Readonly<Record<string, unknown>>): { config: ExperimentConfig; warnings: ConfigMistake[] } {
  const parsed = parseExperimentConfig(text, { masterStorage: { ...settings.checkpointStorage }, ...(template === undefined ? {} : { template }) })
  const mistakes = parsed.ok ? [...poolMistakes(parsed.config.resources.resource_pool, settings), ...storageMistakes(parsed.config)] : parsed.errors
  if (parsed.ok && mistakes.length === 0) return { config: { ...parsed.config, checkpoint_storage: parsed.config.checkpoint_storage ?? settings.checkpointStorage }, warnings: parsed.warnings }
  throw refused('the experiment configuration', mistakes)
}

/** A storage that no agent of this cluster can write to. */
function storageMistakes(config: ExperimentConfig): ConfigMistake[] {
  const type = config.checkpoint_storage?.type
  if (type !== 'gcs' && type !== 'azure') return []
  return [{ path: 'checkpoint_storage.type', message: `is ${type}, which this cluster cannot use: write s3, shared_fs or directory, or leave checkpoint_storage out for the cluster's own` }]
}

export function poolMistakes(name: string, settings: ApiSettings): ConfigMistake[] {
  const names = settings.pools.map((pool) => pool.name)
  if (name === '' || names.includes(name)) return []
  const meant = nearest(name, names)
  const hint = meant === null ? '' : ` (did you mean ${JSON.stringify(meant)}?)`
  return [{ path: 'resources.resource_pool', message: `is ${JSON.stringify(name)}, which this cluster does not have${hint}: write one of ${names.join(', ')}, or leave it out for ${settings.defaultComputePool}` }]
}

export function refused(what: string, mistakes: readonly ConfigMistake[]): ApiFault {
  const words = mistakes.map((mistake) => (mistake.path === '' ? mistake.message : `${mistake.path}: ${mistake.message}`))
  return new ApiFault(400, `${what} has ${mistakes.length === 1 ? 'a mistake' : `${mistakes.length} mistakes`}:\n${words.join('\n')}`, { details: mistakes })
}

/** YAML or JSON that is a map, or empty; anything else is 400 in the name of `field`. */
export function readYamlMapping(text: string, field: string): Record<string, unknown> {
  const found: Findings = { errors: [], warnings: [] }
  const value = readDocument(text, found)
  if (found.errors.length > 0) throw refused(field, found.errors)
  if (value === null || value === undefined) return {}
  if (!isMapping(value)) throw new ApiFault(400, `${field} is no map: write keys of an experiment configuration with their values`)
  return { ...value }
}
