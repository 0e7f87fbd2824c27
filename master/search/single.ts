/** The searcher `single`: one trial with the constants of the configuration. Pure. */
export interface TrialSpec {
  hparams: Record<string, unknown>
  seed: number
}

export function firstTrials(config: { hyperparameters: Record<string, unknown>; reproducibility: { experiment_seed: number } }): TrialSpec[] {
  return [{ hparams: constants(config.hyperparameters), seed: config.reproducibility.experiment_seed }]
}

/** `{type: const, val: X}` becomes X; nested mappings are followed; anything else stands for itself. */
function constants(space: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(space).map(([name, value]) => [name, constant(value)]))
}

function constant(value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value
  if ('type' in value && value.type === 'const' && 'val' in value) return value.val
  return constants({ ...value })
}
