import type { CheckpointStorageConfig } from '../experiment-config.ts'
import { isMapping, readAbsolutePath, readChoice, readMap, readText, readWhole, requireField } from './fields.ts'
import type { Fields } from './fields.ts'
import { addError, addWarning, show, under } from './findings.ts'
import type { Findings } from './findings.ts'

const RETENTION = ['save_experiment_best', 'save_trial_best', 'save_trial_latest']
const TYPES = {
  s3: ['bucket', 'prefix', 'endpoint_url', 'access_key', 'secret_key'],
  directory: ['container_path'],
  shared_fs: ['host_path', 'container_path', 'storage_path', 'propagation'],
} as const
/** Keys of old configurations that Determined ignores too. */
const WITHOUT = ['checkpoint_path', 'tensorboard_path']
export const PROPAGATIONS = ['rprivate', 'private', 'rshared', 'shared', 'rslave', 'slave'] as const

/** Null: the master's own storage. */
export function readCheckpointStorage(found: Findings, path: string, value: unknown): CheckpointStorageConfig | null {
  if (value === null || value === undefined) return null
  if (!isMapping(value)) {
    addError(found, path, `found ${show(value)}; a map with type ${Object.keys(TYPES).join(', ')} is needed`)
    return null
  }
  const type = value['type']
  if (type === null || type === undefined) return retentionAlone(found, path, value)
  if (type !== 's3' && type !== 'directory' && type !== 'shared_fs') {
    const foreign = type === 'gcs' || type === 'azure' ? ' (Drover speaks S3 and directories)' : ''
    addError(found, under(path, 'type'), `found ${show(type)}; allowed: ${Object.keys(TYPES).join(', ')}${foreign}`)
    return null
  }
  const fields = readMap(found, path, value, ['type', ...TYPES[type], ...RETENTION], WITHOUT)
  return { ...placeOf(found, path, type, fields), ...retentionOf(found, path, fields) }
}

function retentionAlone(found: Findings, path: string, value: unknown): null {
  const fields = readMap(found, path, value, ['type', ...RETENTION], [...WITHOUT, 'propagation'])
  retentionOf(found, path, fields)
  if (Object.keys(fields).length > 0) addWarning(found, path, 'has no type: the storage of the master is used, and its retention with it')
  return null
}

function retentionOf(found: Findings, path: string, fields: Fields): Pick<CheckpointStorageConfig, 'save_experiment_best' | 'save_trial_best' | 'save_trial_latest'> {
  const count = (key: string, fallback: number): number => readWhole(found, under(path, key), fields[key], fallback, 0, 1_000_000)
  return { save_experiment_best: count('save_experiment_best', 0), save_trial_best: count('save_trial_best', 1), save_trial_latest: count('save_trial_latest', 1) }
}

type Place = DistributiveOmit<CheckpointStorageConfig, 'save_experiment_best' | 'save_trial_best' | 'save_trial_latest'>
type DistributiveOmit<T, K extends keyof never> = T extends unknown ? Omit<T, K> : never

function placeOf(found: Findings, path: string, type: keyof typeof TYPES, fields: Fields): Place {
  if (type === 's3') return s3Of(found, path, fields)
  if (type === 'directory') {
    const place = under(path, 'container_path')
    requireField(found, place, fields['container_path'], 'the absolute path inside the container is needed')
    return { type, container_path: readAbsolutePath(found, place, fields['container_path'], '/') }
  }
  requireField(found, under(path, 'host_path'), fields['host_path'], 'the absolute path on the agent is needed')
  return {
    type,
    host_path: readAbsolutePath(found, under(path, 'host_path'), fields['host_path'], '/'),
    container_path: readAbsolutePath(found, under(path, 'container_path'), fields['container_path'], null),
    storage_path: readText(found, under(path, 'storage_path'), fields['storage_path'], null, { max: 4096, pattern: /^(?!(.*\/)?\.\.(\/|$))/, shape: 'a path without ".." is needed' }),
    propagation: readChoice(found, under(path, 'propagation'), fields['propagation'], 'rprivate', PROPAGATIONS),
  }
}

function s3Of(found: Findings, path: string, fields: Fields): Place {
  const text = (key: string, max: number): string | null => readText(found, under(path, key), fields[key], null, { max })
  requireField(found, under(path, 'bucket'), fields['bucket'], 'the name of the bucket is needed')
  return {
    type: 's3',
    bucket: readText(found, under(path, 'bucket'), fields['bucket'], '', { max: 63, pattern: /^[A-Za-z0-9][A-Za-z0-9._-]{1,61}[A-Za-z0-9]$/, shape: 'a bucket name of 3 to 63 letters, digits, dots and dashes is needed' }),
    prefix: readText(found, under(path, 'prefix'), fields['prefix'], null, { max: 512, emptyAllowed: true, pattern: /^(?!(.*\/)?\.\.(\/|$))/, shape: 'a prefix without ".." is needed' }),
    endpoint_url: readText(found, under(path, 'endpoint_url'), fields['endpoint_url'], null, { max: 512, pattern: /^https?:\/\/[^\s]+$/, shape: 'an address that begins with http:// or https:// is needed' }),
    access_key: text('access_key', 512),
    secret_key: text('secret_key', 512),
  }
}
