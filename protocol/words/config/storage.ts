import type { CheckpointStorageConfig } from '../experiment-config.ts'
import type { Reader } from './reader.ts'

const ABSOLUTE = { max: 4096, pattern: /^\/(?!.*(^|\/)\.\.(\/|$))[^\0]*$/, says: 'give an absolute path without ..' }

/** `checkpoint_storage`; null where the user leaves it to the master. */
export function readStorage(top: Reader): CheckpointStorageConfig | null {
  if (!top.has('checkpoint_storage')) {
    top.raw('checkpoint_storage')
    return null
  }
  const storage = top.mapping('checkpoint_storage')
  const type = storage.oneOf('type', undefined, ['s3', 'directory', 'shared_fs'])
  const keep = {
    save_experiment_best: storage.integer('save_experiment_best', 0, { min: 0, max: 1_000_000 }),
    save_trial_best: storage.integer('save_trial_best', 1, { min: 0, max: 1_000_000 }),
    save_trial_latest: storage.integer('save_trial_latest', 1, { min: 0, max: 1_000_000 }),
  }
  const optional = (key: string, limits = { max: 1024 }): string | null => (storage.has(key) ? storage.string(key, '', limits) : (storage.raw(key), null))
  const found: CheckpointStorageConfig =
    type === 's3'
      ? {
          ...keep,
          type,
          bucket: storage.string('bucket', undefined, { max: 63, pattern: /^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/, says: 'give the name of an S3 bucket' }),
          prefix: optional('prefix'),
          endpoint_url: optional('endpoint_url'),
          access_key: optional('access_key'),
          secret_key: optional('secret_key'),
        }
      : type === 'directory'
        ? { ...keep, type, container_path: storage.string('container_path', undefined, ABSOLUTE) }
        : {
            ...keep,
            type,
            host_path: storage.string('host_path', undefined, ABSOLUTE),
            container_path: optional('container_path'),
            storage_path: optional('storage_path'),
            propagation: storage.oneOf('propagation', 'rprivate', ['rprivate', 'private', 'rshared', 'shared', 'rslave', 'slave']),
          }
  storage.done()
  return found
}
