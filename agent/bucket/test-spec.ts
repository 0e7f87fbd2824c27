import { mkdir, mkdtemp, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { AllocationSpec } from '../../protocol/wire/spec.ts'
import type { AllocationPaths } from '../steps/attendant.ts'

/** A spec for tests; override what matters. */
export function specOf(overrides: Partial<AllocationSpec> = {}): AllocationSpec {
  return {
    v: 1, alloc: 'trial-7.2', clusterId: 'c1', experimentId: 3, trialId: 7, rank: 0, worldSize: 1, slots: ['cpu-0'], image: 'i', forcePull: false,
    entrypoint: ['true'], env: {}, workDir: '/w', user: { name: 'u', uid: process.getuid?.() ?? 0, group: 'g', gid: process.getgid?.() ?? 0 }, shmBytes: 0, binds: [], context: null,
    hparams: {}, seed: 1, storage: { type: 'directory', path: '/nowhere' }, root: 'c1/experiments/3-e/trials/7', restore: null, token: 'secret-token', stopGraceSeconds: 1, preemptSeconds: 1,
    ...overrides,
  }
}

/** Directories of one allocation in a fresh place, as the executor makes them. */
export async function freshPaths(): Promise<AllocationPaths> {
  const root = await mkdtemp(join(tmpdir(), 'drover-alloc-'))
  const run = join(root, 'run')
  const paths = { root, run, checkpoints: join(run, 'checkpoints'), storage: join(run, 'storage'), restored: join(run, 'restored'), metricsFile: join(run, 'metrics.jsonl'), preemptFile: join(run, 'preempt') }
  await mkdir(paths.checkpoints, { recursive: true })
  await mkdir(paths.storage, { recursive: true })
  await writeFile(paths.metricsFile, '')
  return paths
}
