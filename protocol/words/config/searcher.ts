import type { ExperimentConfig } from '../experiment-config.ts'
import { isMapping, readFlag, readMap, readText, requireField } from './fields.ts'
import { addError, show, under } from './findings.ts'
import type { Findings } from './findings.ts'

const LATER = ['random', 'grid', 'adaptive_asha', 'asha', 'adaptive', 'custom']
/** Keys of Determined's searchers; the training script decides its own length here. */
const WITHOUT = ['max_length', 'source_trial_id', 'source_checkpoint_uuid', 'time_metric', 'max_time']

export function readSearcher(found: Findings, path: string, value: unknown): ExperimentConfig['searcher'] {
  const name = isMapping(value) ? value['name'] : null
  const later = typeof name === 'string' && LATER.includes(name)
  // The other searchers' own keys are no second mistake.
  const extra = later && isMapping(value) ? Object.keys(value) : []
  const fields = readMap(found, path, value, ['name', 'metric', 'smaller_is_better'], [...WITHOUT, ...extra])
  readName(found, under(path, 'name'), name, later)
  requireField(found, under(path, 'metric'), fields['metric'], 'name the metric by which checkpoints are ranked, as in {name: single, metric: validation_loss}')
  return {
    name: 'single',
    metric: readText(found, under(path, 'metric'), fields['metric'], '', { max: 256 }),
    smaller_is_better: readFlag(found, under(path, 'smaller_is_better'), fields['smaller_is_better'], true),
  }
}

function readName(found: Findings, path: string, name: unknown, later: boolean): void {
  if (!requireField(found, path, name, 'write single') || name === 'single') return
  addError(found, path, `found ${show(name)}; ${later ? 'this release has single only' : 'only single is known'}`)
}
