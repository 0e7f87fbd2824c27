import { join } from 'node:path'
import type { AllocationPaths } from './attendant.ts'

/** Where an allocation lives on the host: `<stateDir>/allocations/<alloc>`. */
export function pathsOf(stateDir: string, alloc: string): AllocationPaths {
  const root = join(stateDir, 'allocations', alloc)
  const run = join(root, 'run')
  return { root, run, checkpoints: join(run, 'checkpoints'), restored: join(run, 'restored'), metricsFile: join(run, 'metrics.jsonl'), preemptFile: join(run, 'preempt') }
}
