/**
 * Experiment configuration v0, the subset of the first release, defaulted and complete. Parsed from YAML or JSON by
 * `parse-experiment-config.ts`; keys are Determined's.
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
  /** constants only in this release: name -> {type: const, val}, nested objects allowed */
  hyperparameters: Record<string, unknown>
  searcher: { name: 'single'; metric: string; smaller_is_better: boolean }
  resources: { slots_per_trial: number; resource_pool: string; priority: number | null; shm_size: number | null }
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
