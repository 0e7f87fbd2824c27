import { trialRoot } from '../../protocol/bucket/layout.ts'
import type { CheckpointStorageConfig } from '../../protocol/words/experiment-config.ts'
import type { Storage } from '../../protocol/wire/spec.ts'

export type StorageChoice = { ok: true; storage: Storage } | { ok: false; error: string }

/**
 * Where an experiment's checkpoints go: its own `checkpoint_storage`, else the master's. Credentials in the
 * configuration are refused: keys travel by the standard AWS chain only.
 */
export function storageOf(own: CheckpointStorageConfig | null, master: Storage): StorageChoice {
  if (own === null) return { ok: true, storage: master }
  switch (own.type) {
    case 's3':
      if (own.access_key !== null || own.secret_key !== null) {
        return { ok: false, error: 'checkpoint_storage.access_key and secret_key are not supported: leave them out and give the agent and the master AWS credentials by environment, profile or instance role' }
      }
      return { ok: true, storage: { type: 's3', bucket: own.bucket, prefix: own.prefix ?? '', endpoint: own.endpoint_url, region: regionFor(own, master) } }
    case 'directory':
      return { ok: true, storage: { type: 'directory', path: own.container_path } }
    case 'gcs':
    case 'azure':
      return { ok: false, error: `checkpoint_storage.type is ${own.type}, which this cluster cannot use: write s3, shared_fs or directory, or leave checkpoint_storage out for the cluster's own` }
    case 'shared_fs':
      return { ok: true, storage: { type: 'directory', path: joinPath(own.host_path, own.storage_path) } }
  }
}

/** Key prefix of one trial inside its bucket; the same for agent and master. */
export function rootOf(storage: Storage, clusterId: string, experiment: { id: number; slug: string }, trial: number): string {
  return trialRoot(storage.type === 's3' ? storage.prefix : '', clusterId, experiment, trial)
}

/** The same for a task without an experiment. */
export function taskRoot(storage: Storage, clusterId: string, task: string): string {
  return [storage.type === 's3' ? storage.prefix : '', clusterId, 'tasks', task].filter((part) => part !== '').join('/')
}

/** A storage in the words of a configuration; `storageOf` gives the same storage back. Determined's retention defaults. */
export function storageConfig(storage: Storage): CheckpointStorageConfig {
  const keep = { save_experiment_best: 0, save_trial_best: 1, save_trial_latest: 1 }
  if (storage.type === 'directory') return { ...keep, type: 'directory', container_path: storage.path }
  return { ...keep, type: 's3', bucket: storage.bucket, prefix: storage.prefix, endpoint_url: storage.endpoint, access_key: null, secret_key: null }
}

function regionFor(own: { bucket: string; endpoint_url: string | null }, master: Storage): string | null {
  return master.type === 's3' && master.endpoint === own.endpoint_url ? master.region : null
}

function joinPath(base: string, below: string | null): string {
  if (below === null || below === '') return base
  return below.startsWith('/') ? below : `${base.replace(/\/+$/, '')}/${below}`
}
