import type { Bucket } from '../../protocol/bucket/door.ts'
import type { Clock } from '../../protocol/kit/clock.ts'
import type { Log } from '../../protocol/kit/log.ts'
import { startLoop } from '../../protocol/kit/loop.ts'
import type { AllocationSpec } from '../../protocol/wire/spec.ts'
import type { Journal } from '../journal/door.ts'
import type { AllocationPaths } from '../steps/attendant.ts'
import { openLedger } from './checkpoint-ledger.ts'
import { createDeclarer } from './declare-checkpoints.ts'
import { pruneCheckpoints } from './prune-checkpoints.ts'
import { pruneReported } from './prune-reported.ts'
import { createAttempt, settleCheckpoint, type Attempt } from './settle-checkpoint.ts'
import { wakeOnChange } from './wake-on-change.ts'

const SCAN_MS = 1_000
const SWEEP_MS = 60_000

export interface StreamOptions {
  journal: Journal
  bucket: Bucket
  spec: AllocationSpec
  paths: AllocationPaths
  signal: AbortSignal
  clock: Clock
  random: () => number
  log: Log
}

export interface CheckpointStream {
  /** A row was journalled from elsewhere: reported through the gateway, or asked for by the master. */
  wake(): void
  /** The writer is gone: resolves when every declared checkpoint, after one last look, is uploaded or failed. May be asked again. */
  finish(): Promise<void>
  readonly ended: Promise<void>
}

/** Declares checkpoints as they appear and uploads them one after another, oldest first; takes up what an earlier life left. */
export function streamCheckpoints(options: StreamOptions): CheckpointStream {
  const { journal, spec, paths, clock } = options
  const alloc = spec.alloc
  const ledger = openLedger(paths.root)
  const declarer = createDeclarer({ journal, ledger, alloc, path: paths.checkpoints, clock })
  let finished = Promise.withResolvers<void>()
  /** declared in this life: no earlier one can have uploaded them */
  const fresh = new Set<string>()
  let attempt: Attempt | null = null
  let last = false
  let looked = false

  const kit = { signal: options.signal, clock, random: options.random, log: options.log }
  // before the loops, whose first passes run at once
  const watcher = wakeOnChange(paths.checkpoints, () => scans.wake())
  const uploads = startLoop({ ...kit, name: 'upload-checkpoints', pass: uploadAll, sweepMs: SWEEP_MS, capMs: 30_000 })
  const scans = startLoop({ ...kit, name: 'declare-checkpoints', pass: scan, sweepMs: SCAN_MS })
  return {
    wake: () => uploads.wake(),
    finish() {
      if (looked) finished = Promise.withResolvers<void>()
      last = true
      looked = false
      scans.wake()
      return finished.promise
    },
    ended: Promise.all([scans.ended, uploads.ended]).then(() => watcher.close()),
  }

  async function scan(): Promise<void> {
    watcher.retry()
    const lastBefore = last
    const declared = await declarer.scan()
    for (const uuid of declared) fresh.add(uuid)
    if (lastBefore) looked = true
    if (declared.length > 0 || lastBefore) uploads.wake()
  }

  async function uploadAll(signal: AbortSignal): Promise<void> {
    for (let next = oldest(); next; next = oldest()) {
      signal.throwIfAborted()
      if (attempt?.row.uuid !== next.uuid) attempt = createAttempt({ ...options, ledger }, next, fresh.has(next.uuid))
      await settleCheckpoint({ ...options, ledger }, attempt)
      attempt = null
      await pruneCheckpoints({ journal, ledger, alloc, paths })
      await pruneReported({ journal, alloc, paths, wallMs: () => clock.wallMs() })
    }
    if (looked) finished.resolve()
  }

  function oldest(): ReturnType<Journal['checkpoints']>[number] | undefined {
    return journal.checkpoints(alloc).find((row) => row.state === 'declared')
  }
}
