/** Parts of the experiment page; the address names the one that is open. */
export const EXPERIMENT_TABS = ['overview', 'search', 'log', 'checkpoints', 'config'] as const
export type ExperimentTab = (typeof EXPERIMENT_TABS)[number]
