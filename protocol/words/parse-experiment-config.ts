import { experiment } from './config/experiment.ts'
import type { FullExperimentConfig } from './config/experiment.ts'
import { isMapping } from './config/fields.ts'
import { addError, show } from './config/findings.ts'
import type { Findings } from './config/findings.ts'
import { hashText, seedOf, wordsOf } from './config/hash-text.ts'
import { layered } from './config/layers.ts'
import type { Layers } from './config/layers.ts'
import { readDocument } from './config/read-document.ts'
import type { ConfigMistake, ExperimentConfig, ParsedConfig } from './experiment-config.ts'

const REPORTED_MAX = 100

/**
 * YAML or JSON of an experiment -> its configuration, defaulted and complete, or every mistake at once. Never
 * throws. The same text gives the same result: a missing name and seed are derived from the text. `layers` are what the
 * cluster lays under and over it; without them the text stands alone.
 */
export function parseExperimentConfig(text: string, layers: Layers = {}): ParsedConfig {
  const found: Findings = { errors: [], warnings: [] }
  const value = readDocument(text, found)
  if (value === null) addError(found, '', 'is empty; at least entrypoint and searcher are needed')
  else if (value !== undefined && !isMapping(value)) addError(found, '', `found ${show(value)}; a map is needed, with at least entrypoint and searcher`)
  const config = isMapping(value) ? complete(experiment.read(found, '', layered(value, layers)), text) : null
  const warnings = atMost(found.warnings)
  return config !== null && found.errors.length === 0 ? { ok: true, config, warnings } : { ok: false, errors: atMost(found.errors), warnings }
}

function complete(read: FullExperimentConfig, text: string): ExperimentConfig {
  const hash = hashText(text)
  return { ...read, name: read.name ?? wordsOf(hash), reproducibility: { experiment_seed: read.reproducibility.experiment_seed ?? seedOf(hash) } }
}

function atMost(mistakes: ConfigMistake[]): ConfigMistake[] {
  if (mistakes.length <= REPORTED_MAX) return mistakes
  return [...mistakes.slice(0, REPORTED_MAX), { path: '', message: `and ${mistakes.length - REPORTED_MAX} more` }]
}
