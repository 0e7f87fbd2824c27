import { bindMounts } from './bind-mounts.ts'
import { checkpointStorage } from './checkpoint-storage.ts'
import { checkSearch } from './check-search.ts'
import { entrypoint } from './entrypoint.ts'
import { environment } from './environment.ts'
import { addError } from './findings.ts'
import { hyperparameters } from './hyperparameters.ts'
import { LOGS } from './logs.ts'
import { OUTSIDE } from './outside.ts'
import { resources } from './resources.ts'
import { searcher } from './searcher.ts'
import { about, idle, list, object, text, whole } from './shape.ts'
import type { EditorSchema, Read, Shape } from './shape.ts'
import { TRIAL_SETTINGS } from './trial-settings.ts'

const PLACE = 'all experiments of a cluster stand in one project'
const place = text('', { max: 128, emptyAllowed: true })
const labels = list(text('', { max: 128 }), 100, 'short texts')

const EXPERIMENT = object({
  name: text(null, { max: 128 }),
  description: text('', { max: 16_384, multiline: true, emptyAllowed: true }),
  labels: { ...labels, read: (...args: Parameters<typeof labels.read>): string[] => [...new Set(labels.read(...args).filter((label) => label !== ''))] },
  workspace: idle(place, PLACE),
  project: idle(place, PLACE),
  entrypoint,
  environment,
  hyperparameters,
  searcher,
  resources,
  max_restarts: about('Restarts of one trial after failures of its own', whole(5, 0, 1_000_000)),
  checkpoint_storage: checkpointStorage,
  bind_mounts: bindMounts,
  reproducibility: object({ experiment_seed: whole(null, 0, 2 ** 31 - 1) }),
  preemption_timeout: about('Seconds in which a trial must save and stop when asked', whole(3600, 1, 7 * 86_400)),
  ...TRIAL_SETTINGS,
  ...LOGS,
  ...OUTSIDE,
}, { batches_per_step: 'it was replaced by scheduling_unit' })

/** Drover's own fields (`ExperimentConfig`) and all others of v0; name and seed are null where they are not given. */
export type FullExperimentConfig = Read<typeof EXPERIMENT>

export const experiment: Shape<FullExperimentConfig> = {
  schema: EXPERIMENT.schema,
  read: (found, path, value) => {
    const read = EXPERIMENT.read(found, path, value)
    // Where no searcher is known, another stands in for it.
    if (!found.errors.some((one) => one.path === 'searcher' || one.path === 'searcher.name')) checkSearch(found, read.searcher, read.hyperparameters)
    if ((read.workspace === '') !== (read.project === '')) addError(found, read.workspace === '' ? 'workspace' : 'project', 'is missing; give workspace and project together or not at all')
    return read
  },
}

/** JSON Schema (draft-07) of an experiment file, as editors complete and check it by. */
export function experimentSchema(): EditorSchema {
  return { $schema: 'http://json-schema.org/draft-07/schema#', title: 'Drover experiment', ...experiment.schema }
}
