import { readBindMounts } from './config/bind-mounts.ts'
import { readCheckpointStorage } from './config/checkpoint-storage.ts'
import { readEnvironment } from './config/environment.ts'
import { isMapping, readList, readMap, readText, readWhole } from './config/fields.ts'
import { addError, at, show } from './config/findings.ts'
import type { Findings } from './config/findings.ts'
import { hashText, seedOf, wordsOf } from './config/hash-text.ts'
import { readHyperparameters } from './config/hyperparameters.ts'
import { readDocument } from './config/read-document.ts'
import { readResources } from './config/resources.ts'
import { readSearcher } from './config/searcher.ts'
import type { ConfigMistake, ExperimentConfig, ParsedConfig } from './experiment-config.ts'

const KEYS = [
  'name', 'description', 'labels', 'entrypoint', 'environment', 'hyperparameters', 'searcher', 'resources', 'max_restarts',
  'checkpoint_storage', 'bind_mounts', 'reproducibility', 'preemption_timeout',
]
/** Fields of Determined's v0 that have no meaning here yet: accepted, named in a warning. */
const WITHOUT = [
  'checkpoint_policy', 'min_checkpoint_period', 'min_validation_period', 'scheduling_unit', 'records_per_epoch', 'perform_initial_validation',
  'profiling', 'data', 'data_layer', 'debug', 'optimizations', 'integrations', 'log_policies', 'retention_policy', 'workspace', 'project',
  'security', 'tensorboard_storage', 'slurm', 'pbs', 'internal', 'pod_spec', 'ports',
]
const REPORTED_MAX = 100

/**
 * YAML or JSON of an experiment -> its configuration, defaulted and complete, or every mistake at once. Never
 * throws. The same text gives the same result: a missing name and seed are derived from the text.
 */
export function parseExperimentConfig(text: string): ParsedConfig {
  const found: Findings = { errors: [], warnings: [] }
  const value = readDocument(text, found)
  if (value === null) addError(found, '', 'is empty; at least entrypoint and searcher are needed')
  else if (value !== undefined && !isMapping(value)) addError(found, '', `found ${show(value)}; a map is needed, with at least entrypoint and searcher`)
  const config = isMapping(value) ? readExperiment(found, value, text) : null
  const warnings = atMost(found.warnings)
  return config !== null && found.errors.length === 0 ? { ok: true, config, warnings } : { ok: false, errors: atMost(found.errors), warnings }
}

function readExperiment(found: Findings, value: unknown, text: string): ExperimentConfig {
  const fields = readMap(found, '', value, KEYS, WITHOUT)
  const hash = hashText(text)
  const reproducibility = readMap(found, 'reproducibility', fields['reproducibility'], ['experiment_seed'])
  return {
    name: readText(found, 'name', fields['name'], wordsOf(hash), { max: 128 }),
    description: readText(found, 'description', fields['description'], '', { max: 16_384, multiline: true, emptyAllowed: true }),
    labels: readLabels(found, fields['labels']),
    entrypoint: readEntrypoint(found, fields['entrypoint']),
    environment: readEnvironment(found, 'environment', fields['environment']),
    hyperparameters: readHyperparameters(found, 'hyperparameters', fields['hyperparameters']),
    searcher: readSearcher(found, 'searcher', fields['searcher']),
    resources: readResources(found, 'resources', fields['resources']),
    max_restarts: readWhole(found, 'max_restarts', fields['max_restarts'], 5, 0, 1_000_000),
    checkpoint_storage: readCheckpointStorage(found, 'checkpoint_storage', fields['checkpoint_storage']),
    bind_mounts: readBindMounts(found, 'bind_mounts', fields['bind_mounts']),
    reproducibility: { experiment_seed: readWhole(found, 'reproducibility.experiment_seed', reproducibility['experiment_seed'], seedOf(hash), 0, 2 ** 31 - 1) },
    preemption_timeout: readWhole(found, 'preemption_timeout', fields['preemption_timeout'], 3600, 1, 7 * 86_400),
  }
}

function readLabels(found: Findings, value: unknown): string[] {
  const labels = readList(found, 'labels', value, 100, 'short texts').map((label, index) => readText(found, at('labels', index), label, '', { max: 128 }))
  return [...new Set(labels.filter((label) => label !== ''))]
}

/** A string runs under `sh -c`; a list is argv, where an empty argument is an argument too. */
function readEntrypoint(found: Findings, value: unknown): string | string[] {
  if (value === null || value === undefined) {
    addError(found, 'entrypoint', 'is missing; write the command that starts the training, as in "python3 train.py"')
    return ''
  }
  if (!Array.isArray(value)) {
    if (typeof value === 'string') return readText(found, 'entrypoint', value, '', { max: 65_536, multiline: true })
    addError(found, 'entrypoint', `found ${show(value)}; a command line or a list of arguments is needed`)
    return ''
  }
  if (value.length === 0 || value[0] === '') addError(found, 'entrypoint', 'names no program; the first argument is the program')
  return readList(found, 'entrypoint', value, 1024, 'arguments').map((one, index) => argument(found, at('entrypoint', index), one))
}

function argument(found: Findings, path: string, value: unknown): string {
  if (value === null || value === undefined) addError(found, path, 'found null; text is needed; write it in quotes')
  return readText(found, path, value, '', { max: 65_536, multiline: true, emptyAllowed: true })
}

function atMost(mistakes: ConfigMistake[]): ConfigMistake[] {
  if (mistakes.length <= REPORTED_MAX) return mistakes
  return [...mistakes.slice(0, REPORTED_MAX), { path: '', message: `and ${mistakes.length - REPORTED_MAX} more` }]
}
