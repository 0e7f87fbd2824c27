import type { Desired } from '../../protocol/wire/heartbeat.ts'
import type { AllocationSpec } from '../../protocol/wire/spec.ts'
import { parseAllocationId } from '../../protocol/words/ids.ts'
import { containerName } from './container-name.ts'
import type { AllocationRow } from './row.ts'
import { sandboxNameOf } from './sandbox-name.ts'
import type { ObservedContainer, ObservedSandbox, World } from './world.ts'

/** Builders for tests: whole values with the one thing that matters changed. */
export const DIGEST = 'd'.repeat(64)
export const SPARE = 'drover-a1.c1.net-spare'

export function aSpec(change: Partial<AllocationSpec> = {}): AllocationSpec {
  return {
    v: 1, alloc: 'trial-1.1', clusterId: 'c1', experimentId: 7, trialId: 1, rank: 0, worldSize: 1, slots: ['cpu-0'], image: 'example/image:1', forcePull: false,
    entrypoint: ['python3', 'train.py'], env: {}, workDir: '/run/determined/workdir', user: { name: 'root', uid: 0, group: 'root', gid: 0 }, shmBytes: 64 << 20, binds: [],
    context: null, hparams: {}, seed: 3, storage: { type: 'directory', path: '/bucket' }, root: 'c1/experiments/7-x/trials/1', restore: null, token: 'token',
    stopGraceSeconds: 30, preemptSeconds: 60, ...change,
  }
}

/** As the journal holds it. */
type Row = AllocationRow & { epoch: number; specDigest: string; acceptedAt: number }

export function aRow(change: Partial<Omit<Row, 'spec'>> & { spec?: Partial<AllocationSpec> } = {}): Row {
  const alloc = change.alloc ?? 'trial-1.1'
  return {
    alloc, epoch: parseAllocationId(alloc)?.epoch ?? 0, specDigest: DIGEST, phase: 'accepted', containerId: null, preemptAt: null, stopAt: null, acceptedAt: 0,
    ...change, spec: aSpec({ alloc, ...change.spec }),
  }
}

export function aContainer(status: ObservedContainer['status'], alloc = 'trial-1.1', change: Partial<ObservedContainer> = {}): ObservedContainer {
  return { id: `id-${alloc}`, name: containerName({ alloc, rank: 0, worldSize: 1, clusterId: 'c1' }), alloc, status, slots: ['cpu-0'], ...change }
}

export function aSandbox(alloc = 'trial-1.1', change: Partial<ObservedSandbox> = {}): ObservedSandbox {
  return { id: `net-${alloc}`, name: sandboxNameOf(aContainer('created', alloc).name), running: true, ...change }
}

export function aWant(want: Desired['want'], alloc = 'trial-1.1'): Desired {
  return want === 'discard' ? { alloc, want } : { alloc, want, spec: DIGEST }
}

/** What was created has its sandbox, unless `change` says otherwise. */
export function aWorld(change: Partial<World> = {}): World {
  const rows = change.rows ?? []
  const highestEpoch = new Map<string, number>()
  for (const { alloc } of rows) {
    const id = parseAllocationId(alloc)
    if (id !== null) highestEpoch.set(id.task, Math.max(id.epoch, highestEpoch.get(id.task) ?? 0))
  }
  const sandboxes = rows.filter((row) => row.phase === 'created').map((row) => aSandbox(row.alloc))
  return { now: 1_000_000, desired: [], retiring: false, rows, containers: [], sandboxes, spareSandbox: SPARE, busy: new Map(), attached: new Set(), imageReady: new Set(), refused: new Set(), closed: new Set(), highestEpoch, ...change }
}
