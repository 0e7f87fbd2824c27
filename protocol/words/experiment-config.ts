import type { SearcherConfig } from './search-config.ts'

/**
 * Experiment configuration v0, defaulted and complete. Parsed from YAML or JSON by `parse-experiment-config.ts`; keys
 * are Determined's. Here stand the fields by which Drover acts; the others of v0 are parsed, kept beside them and
 * handed to the training script (`FullExperimentConfig` in `config/experiment.ts`).
 */
export interface ExperimentConfig {
  name: string
  description: string
  labels: string[]
  /** a string runs under `sh -c` in the context directory; a list is argv */
  entrypoint: string | string[]
  environment: {
    image: { cpu: string; cuda: string; rocm: string }
    environment_variables: { cpu: string[]; cuda: string[]; rocm: string[] }
    force_pull_image: boolean
  }
  /** a `HyperparameterSpace` */
  hyperparameters: Record<string, unknown>
  searcher: SearcherConfig
  resources: { slots_per_trial: number; resource_pool: string; priority: number | null; shm_size: number | null; max_slots?: number | null }
  max_restarts: number
  checkpoint_storage: CheckpointStorageConfig | null
  bind_mounts: { host_path: string; container_path: string; read_only: boolean; propagation: string }[]
  reproducibility: { experiment_seed: number }
  preemption_timeout: number
}

export type CheckpointStorageConfig = RetentionConfig &
  (
    | { type: 's3'; bucket: string; prefix: string | null; endpoint_url: string | null; access_key: string | null; secret_key: string | null }
    | { type: 'directory'; container_path: string }
    | { type: 'gcs'; bucket: string; prefix: string | null }
    | { type: 'azure'; container: string; connection_string: string | null; account_url: string | null; credential: string | null }
    | { type: 'shared_fs'; host_path: string; container_path: string | null; storage_path: string | null; propagation: string }
  )

interface RetentionConfig {
  save_experiment_best: number
  save_trial_best: number
  save_trial_latest: number
}

export interface ConfigMistake {
  /** `resources.slots_per_trial`, `bind_mounts[2].host_path`; empty for the document itself */
  path: string
  /** what was found, what is allowed and, where close, what was probably meant */
  message: string
}

export type ParsedConfig = { ok: true; config: ExperimentConfig; warnings: ConfigMistake[] } | { ok: false; errors: ConfigMistake[]; warnings: ConfigMistake[] }
