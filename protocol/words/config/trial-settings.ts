import { addError, under } from './findings.ts'
import { length } from './lengths.ts'
import { anyMap, checked, choice, decimal, flag, idle, object, orNull, text, whole } from './shape.ts'

/** Settings of Determined's own training loops: Drover does nothing by them, the training script may. */
const SCRIPT = 'it is handed to the training script in DET_EXPERIMENT_CONFIG, and Drover does nothing by it'
const COUNT = Number.MAX_SAFE_INTEGER

export const TRIAL_SETTINGS = {
  scheduling_unit: idle(whole(100, 1, COUNT), SCRIPT),
  records_per_epoch: idle(whole(0, 0, COUNT), SCRIPT),
  perform_initial_validation: idle(flag(false), SCRIPT),
  min_validation_period: idle(length({ batches: 0 }, 0, false), SCRIPT),
  min_checkpoint_period: idle(length({ batches: 0 }, 0, false), SCRIPT),
  checkpoint_policy: idle(choice('best', ['best', 'all', 'none']), 'every checkpoint that the training script declares is kept'),
  profiling: idle(checked(object({
    enabled: flag(false), begin_on_batch: whole(0, 0, COUNT), end_after_batch: whole(null, 0, COUNT), sync_timings: flag(true),
  }), (found, path, { begin_on_batch: begin, end_after_batch: end }) => {
    if (end !== null && end < begin) addError(found, under(path, 'end_after_batch'), `found ${end}, and begin_on_batch is ${begin}; end_after_batch must not be below it`)
  }), SCRIPT),
  optimizations: idle(object({
    aggregation_frequency: whole(1, 1, COUNT), average_aggregated_gradients: flag(true), average_training_metrics: flag(true), gradient_compression: flag(false),
    grad_updates_size_file: text(null, { max: 4096 }), mixed_precision: choice('O0', ['O0', 'O1', 'O2', 'O3']),
    tensor_fusion_threshold: whole(64, 0, COUNT), tensor_fusion_cycle_time: decimal(1, { min: 0 }), auto_tune_tensor_fusion: flag(false),
  }), SCRIPT),
  debug: idle(flag(false), SCRIPT),
  /** the user's own; it reaches the script, so it has its whole effect */
  data: anyMap(),
  data_layer: idle(orNull(anyMap()), 'it was removed from Determined'),
}
