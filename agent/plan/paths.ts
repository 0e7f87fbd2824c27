/** Where the bind mount of an allocation appears in its container. */
export const RUN_DIR = '/run/drover'

/** The cluster's checkpoint storage as the `determined` package sees it in the container: a directory, streamed by the agent. */
export const STORAGE_DIR = `${RUN_DIR}/storage`

/** Names below the run directory, the same on the host and in the container. */
export const RUN_NAMES = { checkpoints: 'checkpoints', restored: 'restored', metrics: 'metrics.jsonl', preempt: 'preempt', gatewayReady: 'gateway-ready', storage: 'storage' } as const

/** Host paths of one allocation: `AllocationPaths` of the attendant's contract. */
export function allocationPaths(stateDir: string, alloc: string) {
  const root = `${stateDir}/allocations/${alloc}`
  const run = `${root}/run`
  return {
    root,
    run,
    checkpoints: `${run}/${RUN_NAMES.checkpoints}`,
    storage: `${run}/${RUN_NAMES.storage}`,
    restored: `${run}/${RUN_NAMES.restored}`,
    metricsFile: `${run}/${RUN_NAMES.metrics}`,
    preemptFile: `${run}/${RUN_NAMES.preempt}`,
  }
}
