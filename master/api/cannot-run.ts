import type { ConfigMistake, ExperimentConfig } from '../../protocol/words/experiment-config.ts'

/** What a good configuration asks for and this release cannot do; each names the field and the way round it. */
export function cannotRun(config: ExperimentConfig): ConfigMistake[] {
  const mistakes: ConfigMistake[] = []
  const { name } = config.searcher
  if (name !== 'single') mistakes.push({ path: 'searcher.name', message: `is ${name}, and this release runs single only: write single and constants for the hyperparameters` })
  const storage = config.checkpoint_storage?.type
  if (storage === 'gcs' || storage === 'azure') mistakes.push({ path: 'checkpoint_storage.type', message: `is ${storage}, which this cluster cannot use: write s3, shared_fs or directory, or leave checkpoint_storage out for the cluster's own` })
  return mistakes
}
