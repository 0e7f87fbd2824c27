/** Parts of the experiment page; the address names the one that is open. */
export const EXPERIMENT_TABS = ['overview', 'log', 'checkpoints', 'config'] as const
export type ExperimentTab = (typeof EXPERIMENT_TABS)[number]
