import type { Bucket } from '../../protocol/bucket/door.ts'
import type { Clock } from '../../protocol/kit/clock.ts'
import type { Log } from '../../protocol/kit/log.ts'
import type { Link } from '../../protocol/link.ts'
import type { Storage } from '../../protocol/wire/spec.ts'
import { logSubject } from '../../protocol/wire/subjects.ts'
import type { Journal } from '../journal/door.ts'
import type { ExitedContainer } from '../steps/attendant.ts'
import { followMetrics } from './follow-metrics.ts'
import { markPreempted } from './mark-preempted.ts'
import type { ServedGateway } from './served-gateway.ts'
import { shipLogs } from './ship-logs.ts'
import { streamCheckpoints } from './stream-checkpoints.ts'
import { syncTensorboard } from './sync-tensorboard.ts'

export interface AttendantDeps {
  journal: Journal
  /** the bulk connection: logs must not delay a heartbeat */
  link: Pick<Link, 'request'>
  agentId: string
  clusterId: string
  masterUrl: string
  /** PEM of the CA that the master's certificate must come from */
  ca: string
  log: Log
  clock: Clock
  random: () => number
  /** the bucket of a storage; given by tests */
  open?: (storage: Storage) => Bucket
}

export interface SideOptions extends AttendantDeps {
  bucket: Bucket
  container: ExitedContainer
  /** null: the container is gone, there is nobody to serve a gateway to */
  gateway: ServedGateway | null
}

/** The side work of one allocation. */
export interface Side {
  preempt(): void
  /** A row of a checkpoint is new in the journal. */
  closed(): void
  /** Resolves when nothing is left to ship. */
  drain(): Promise<void>
  stop(): Promise<void>
}

export function attend(options: SideOptions): Side {
  const { journal, clock, random, container, gateway } = options
  const { spec, paths } = container
  const log = options.log.child({ alloc: spec.alloc })
  const stopping = new AbortController()
  const kit = { journal, clock, random, log, signal: stopping.signal }

  const logs = shipLogs({ ...kit, link: options.link, subject: logSubject(options.agentId, spec.alloc), rank: spec.rank, containerId: container.containerId, path: container.logPath })
  const metrics = followMetrics({ ...kit, alloc: spec.alloc, path: paths.metricsFile })
  const checkpoints = streamCheckpoints({ ...kit, bucket: options.bucket, spec, paths })
  const tensorboard = spec.harness?.storage === 'cluster' ? syncTensorboard({ ...kit, bucket: options.bucket, spec, storage: paths.storage }) : null
  gateway?.onReported(() => checkpoints.wake())
  let draining: Promise<void> | null = null
  return {
    preempt() {
      gateway?.preempt()
      markPreempted(paths.preemptFile, spec.user)
    },
    closed: () => checkpoints.wake(),
    drain: () => (draining ??= drain().finally(() => (draining = null))),
    async stop() {
      stopping.abort(new Error('side work was stopped'))
      await Promise.all([gateway?.close(), logs.ended, metrics.ended, checkpoints.ended, tensorboard?.ended])
    },
  }

  /** The gateway first: what it still commits comes before the end of the metrics file and of the log. */
  async function drain(): Promise<void> {
    await gateway?.close()
    await Promise.all([metrics.finish(), checkpoints.finish(), tensorboard?.finish(), logs.finish()])
  }
}
