import { isMapping } from '../../../protocol/words/config/fields.ts'
import type { CheckpointStorageConfig, ExperimentConfig } from '../../../protocol/words/experiment-config.ts'

/** What a browser of the API may see of a storage: never a secret. */
export function hideKeys(storage: CheckpointStorageConfig): CheckpointStorageConfig {
  if (storage.type === 'azure') return { ...storage, connection_string: hidden(storage.connection_string), credential: hidden(storage.credential) }
  if (storage.type !== 's3') return storage
  return { ...storage, access_key: hidden(storage.access_key), secret_key: hidden(storage.secret_key) }
}

/** The configuration as it is shown: complete, with the cluster's storage where the experiment names none. */
export function shownConfig(config: ExperimentConfig, cluster: CheckpointStorageConfig): Record<string, unknown> {
  return { ...config, environment: hideAuth({ ...config.environment }), checkpoint_storage: hideKeys(config.checkpoint_storage ?? cluster) }
}

const AUTH_SECRETS = new Set(['password', 'auth', 'identitytoken', 'registrytoken'])

function hideAuth(environment: Record<string, unknown>): Record<string, unknown> {
  const auth = environment['registry_auth']
  if (!isMapping(auth)) return environment
  return { ...environment, registry_auth: Object.fromEntries(Object.entries(auth).map(([key, value]) => [key, AUTH_SECRETS.has(key) && value !== null ? '********' : value])) }
}

/**
 * Determined's client looks for a checkpoint at `<storage prefix>/<uuid>`, so each checkpoint is shown with the parent
 * of its own directory as the prefix (DESIGN section 7). `prefix` is the key of that directory.
 */
export function storageOfCheckpoint(storage: CheckpointStorageConfig, prefix: string): CheckpointStorageConfig {
  const parent = prefix.split('/').slice(0, -1).join('/')
  switch (storage.type) {
    case 's3':
      return { ...hideKeys(storage), type: 's3', bucket: storage.bucket, prefix: parent, endpoint_url: storage.endpoint_url, access_key: null, secret_key: null }
    case 'directory':
      return { ...storage, container_path: join(storage.container_path, parent) }
    case 'gcs':
      return { ...storage, prefix: parent }
    case 'azure':
      return hideKeys(storage)
    case 'shared_fs':
      return { ...storage, storage_path: join(storage.storage_path ?? '', parent) }
  }
}

/** Where the bytes are, for a person. */
export function urlOf(storage: CheckpointStorageConfig, prefix: string): string {
  switch (storage.type) {
    case 's3':
      return `s3://${storage.bucket}/${prefix}`
    case 'directory':
      return `file://${join(storage.container_path, prefix)}`
    case 'gcs':
      return `gs://${storage.bucket}/${prefix}`
    case 'azure':
      return `azure://${storage.container}/${prefix}`
    case 'shared_fs':
      return `file://${join(join(storage.host_path, storage.storage_path ?? ''), prefix)}`
  }
}

/** True when both name the same place, so that the master's own bucket door reaches it. */
export function isSamePlace(a: CheckpointStorageConfig, b: CheckpointStorageConfig): boolean {
  return urlOf(a, '') === urlOf(b, '') && (a.type !== 's3' || b.type !== 's3' || (a.endpoint_url ?? '') === (b.endpoint_url ?? ''))
}

function hidden(key: string | null): string | null {
  return key === null ? null : '********'
}

function join(base: string, below: string): string {
  if (below === '') return base
  return base === '' ? below : `${base.replace(/\/+$/, '')}/${below}`
}
