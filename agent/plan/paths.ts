/** Where the bind mount of an allocation appears in its container. */
export const RUN_DIR = '/run/drover'

/** Names below the run directory, the same on the host and in the container. */
export const RUN_NAMES = { checkpoints: 'checkpoints', restored: 'restored', metrics: 'metrics.jsonl', preempt: 'preempt', gatewayReady: 'gateway-ready' } as const

/** Host paths of one allocation: `AllocationPaths` of the attendant's contract. */
export function allocationPaths(stateDir: string, alloc: string) {
  const root = `${stateDir}/allocations/${alloc}`
  const run = `${root}/run`
  return {
    root,
    run,
    checkpoints: `${run}/${RUN_NAMES.checkpoints}`,
    restored: `${run}/${RUN_NAMES.restored}`,
    metricsFile: `${run}/${RUN_NAMES.metrics}`,
    preemptFile: `${run}/${RUN_NAMES.preempt}`,
  }
}
