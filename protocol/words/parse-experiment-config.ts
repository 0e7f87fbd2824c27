import { describe, isRecord, readDocument } from './config/document.ts'
import { readHyperparameters } from './config/hyperparameters.ts'
import { reader, type Notes, type Reader } from './config/reader.ts'
import { readStorage } from './config/storage.ts'
import type { ExperimentConfig, ParsedConfig } from './experiment-config.ts'

/** Known to Determined, without meaning in this release: accepted and named in a warning. */
const IGNORED = [
  'checkpoint_policy', 'data', 'data_layer', 'debug', 'integrations', 'internal', 'log_policies', 'min_checkpoint_period', 'min_validation_period',
  'optimizations', 'pbs', 'perform_initial_validation', 'profiling', 'project', 'records_per_epoch', 'retention_policy', 'scheduling_unit', 'security',
  'slurm', 'tensorboard_storage', 'unmanaged', 'workspace',
]
const IGNORED_ENVIRONMENT = ['add_capabilities', 'drop_capabilities', 'pod_spec', 'ports', 'proxy_ports', 'registry_auth']
const IGNORED_RESOURCES = ['agent_label', 'devices', 'is_single_node', 'max_slots', 'native_parallel', 'weight']
const IGNORED_SEARCHER = ['max_length', 'max_time', 'time_metric', 'source_checkpoint_uuid', 'source_trial_id']
const DEFAULT_IMAGE = 'determinedai/pytorch-ngc-dev:0736b6d'
const PRINTABLE = /^[^\p{Cc}]+$/u

/** YAML or JSON text of an experiment -> configuration, defaulted and complete, or every mistake at once. Pure. */
export function parseExperimentConfig(text: string): ParsedConfig {
  const document = readDocument(text)
  if (!document.ok) return { ok: false, errors: document.errors, warnings: [] }
  return parseExperimentData(document.value, hash(text))
}

/** The same for data that is already parsed; `seed` stands in where the user gave none. */
export function parseExperimentData(data: Record<string, unknown>, seed: number): ParsedConfig {
  const notes: Notes = { errors: [], warnings: [] }
  const top = reader(data, '', notes)
  const config: ExperimentConfig = {
    name: top.string('name', `experiment-${seed.toString(36)}`, { max: 128, pattern: PRINTABLE, says: 'give 1 to 128 printable characters' }),
    description: top.string('description', '', { max: 4096 }),
    labels: top.list('labels').map(({ value, path }) => text(value, path, notes)),
    entrypoint: readEntrypoint(top),
    environment: readEnvironment(top.mapping('environment'), notes),
    hyperparameters: readHyperparameters(top.raw('hyperparameters'), 'hyperparameters', notes),
    searcher: readSearcher(top),
    resources: readResources(top.mapping('resources')),
    max_restarts: top.integer('max_restarts', 5, { min: 0, max: 1_000_000 }),
    checkpoint_storage: readStorage(top),
    bind_mounts: readBinds(top, notes),
    reproducibility: readReproducibility(top.mapping('reproducibility'), seed),
    preemption_timeout: top.integer('preemption_timeout', 3600, { min: 1, max: 604_800 }),
  }
  top.done(IGNORED)
  return notes.errors.length > 0 ? { ok: false, ...notes } : { ok: true, config, warnings: notes.warnings }
}

function readEntrypoint(top: Reader): string | string[] {
  const says = 'give the command as a string (run by sh -c) or as a list of arguments'
  const found = top.raw('entrypoint')
  if (found === undefined) top.mistake('entrypoint', `is missing: ${says}`)
  else if (typeof found === 'string' && found.trim() !== '' && found.length <= 65_536) return found
  else if (Array.isArray(found) && found.length > 0 && found.length <= 1024 && found.every((item) => typeof item === 'string' && item.length <= 65_536) && found[0] !== '') return found as string[]
  else top.mistake('entrypoint', `is ${describe(found)}: ${says}`)
  return ''
}

function readEnvironment(environment: Reader, notes: Notes): ExperimentConfig['environment'] {
  const image = environment.raw('image')
  const variables = environment.raw('environment_variables')
  const result = {
    image: isRecord(image) ? readImages(environment.mapping('image')) : sameImage(environment.string('image', DEFAULT_IMAGE, { max: 1024, pattern: /^[\x21-\x7e]+$/, says: 'give an image name such as python:3.12' })),
    environment_variables: isRecord(variables) ? readVariablesByKind(environment.mapping('environment_variables'), notes) : sameVariables(readVariables(environment, 'environment_variables', notes)),
    force_pull_image: environment.boolean('force_pull_image', false),
  }
  environment.done(IGNORED_ENVIRONMENT)
  return result
}

function readImages(images: Reader): ExperimentConfig['environment']['image'] {
  const one = (key: string): string => images.string(key, DEFAULT_IMAGE, { max: 1024, pattern: /^[\x21-\x7e]+$/, says: 'give an image name such as python:3.12' })
  const found = { cpu: one('cpu'), cuda: images.has('cuda') ? one('cuda') : one(images.has('gpu') ? 'gpu' : 'cuda'), rocm: one('rocm') }
  images.done()
  return found
}

const sameImage = (image: string): ExperimentConfig['environment']['image'] => ({ cpu: image, cuda: image, rocm: image })
const sameVariables = (list: string[]): ExperimentConfig['environment']['environment_variables'] => ({ cpu: list, cuda: list, rocm: list })

function readVariablesByKind(kinds: Reader, notes: Notes): ExperimentConfig['environment']['environment_variables'] {
  const found = { cpu: readVariables(kinds, 'cpu', notes), cuda: readVariables(kinds, 'cuda', notes), rocm: readVariables(kinds, 'rocm', notes) }
  kinds.done(['gpu'])
  return found
}

function readVariables(from: Reader, key: string, notes: Notes): string[] {
  const found: string[] = []
  for (const { value, path } of from.list(key)) {
    if (typeof value === 'string' && /^[A-Za-z_][A-Za-z0-9_]*(=|$)/.test(value) && value.length <= 131_072) found.push(value)
    else notes.errors.push({ path, message: `is ${describe(value)}: give NAME=value or NAME` })
  }
  return found
}

function readSearcher(top: Reader): ExperimentConfig['searcher'] {
  const searcher = top.mapping('searcher')
  const found = {
    name: searcher.oneOf('name', undefined, ['single'] as const),
    metric: searcher.string('metric', undefined, { max: 128, pattern: PRINTABLE, says: 'give the name of the validation metric to go by' }),
    smaller_is_better: searcher.boolean('smaller_is_better', true),
  }
  searcher.done(IGNORED_SEARCHER)
  return found
}

function readResources(resources: Reader): ExperimentConfig['resources'] {
  const found = {
    slots_per_trial: resources.integer('slots_per_trial', 1, { min: 0, max: 65_536 }),
    resource_pool: resources.string('resource_pool', '', { max: 64 }),
    priority: resources.has('priority') ? resources.integer('priority', 42, { min: 1, max: 99 }) : null,
    shm_size: resources.has('shm_size') ? readBytes(resources) : null,
  }
  resources.raw('priority')
  resources.raw('shm_size')
  resources.done(IGNORED_RESOURCES)
  return found
}

const UNITS: Readonly<Record<string, number>> = { '': 1, b: 1, k: 1024, kib: 1024, kb: 1000, m: 1024 ** 2, mib: 1024 ** 2, mb: 1e6, g: 1024 ** 3, gib: 1024 ** 3, gb: 1e9 }

function readBytes(resources: Reader): number {
  const found = resources.raw('shm_size')
  if (typeof found === 'number' && Number.isSafeInteger(found) && found >= 0) return found
  const match = typeof found === 'string' ? /^\s*([0-9]{1,15}(?:\.[0-9]{1,6})?)\s*([a-z]*)\s*$/i.exec(found) : null
  const unit = match ? UNITS[(match[2] ?? '').toLowerCase()] : undefined
  if (match && unit !== undefined) return Math.floor(Number(match[1]) * unit)
  resources.mistake('shm_size', `is ${describe(found)}: give bytes, or a size such as 4 GiB`)
  return 0
}

function readBinds(top: Reader, notes: Notes): ExperimentConfig['bind_mounts'] {
  const absolute = { max: 4096, pattern: /^\/(?!.*(^|\/)\.\.(\/|$))[^\0:]*$/, says: 'give an absolute path without .. and without a colon' }
  return top.list('bind_mounts').map(({ value, path }) => {
    const bind = reader(value, path, notes)
    const found = {
      host_path: bind.string('host_path', undefined, absolute),
      container_path: bind.string('container_path', undefined, { ...absolute, pattern: /^(?!.*(^|\/)\.\.(\/|$))[^\0:]+$/, says: 'give a path without .. and without a colon' }),
      read_only: bind.boolean('read_only', false),
      propagation: bind.oneOf('propagation', 'rprivate', ['rprivate', 'private', 'rshared', 'shared', 'rslave', 'slave']),
    }
    bind.done()
    return found
  })
}

function readReproducibility(from: Reader, seed: number): ExperimentConfig['reproducibility'] {
  const found = { experiment_seed: from.integer('experiment_seed', seed, { min: 0, max: 2 ** 31 - 1 }) }
  from.done()
  return found
}

function text(value: unknown, path: string, notes: Notes): string {
  if (typeof value === 'string' && value.length <= 256) return value
  notes.errors.push({ path, message: `is ${describe(value)}: give a string of at most 256 characters` })
  return ''
}

/** FNV-1a, 31 bits: a seed that the same text always gives. */
function hash(text: string): number {
  let sum = 0x811c9dc5
  for (let index = 0; index < text.length; index += 1) sum = Math.imul(sum ^ text.charCodeAt(index), 0x01000193)
  return sum >>> 1
}
