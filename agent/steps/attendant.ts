import type { AllocationSpec } from '../../protocol/wire/spec.ts'
import type { GatewayPlace } from '../gateway/open-gateway.ts'

/**
 * The side work of one allocation while its container lives and drains: gateway, log shipping, metrics file,
 * checkpoint streaming. The reconcile loop calls it; everything it learns goes to the outbox.
 */
export interface Attendant {
  /** Brings the checkpoint of `spec.restore` into `paths.restored`, verified; falls to the previous one is the master's work. */
  restore(spec: AllocationSpec, paths: AllocationPaths, signal: AbortSignal): Promise<RestoreResult>
  /**
   * Opens the gateway before the container starts, so that the first call of its entrypoint finds it. Idempotent per
   * allocation. Resolves also where the port was not to be had: then the task log says so.
   */
  serve(opening: { spec: AllocationSpec; paths: AllocationPaths; place: GatewayPlace }): Promise<void>
  /** Begins, or after a restart of the agent takes up again, the side work. Idempotent per allocation. */
  attach(running: RunningContainer): void
  /** Creates the preemption file and answers waiting preemption polls. Idempotent. */
  preempt(alloc: string): void
  /** Checkpoints of a gang were journalled that wait for this member's part. */
  closed(alloc: string): void
  /**
   * The container is gone: last metrics, last checkpoints, last log line. Resolves when every declared checkpoint is
   * uploaded or failed and the master has committed the last line. Survives outages of any length; aborts with `signal`. May be asked again when `closed` has brought more.
   */
  drain(exited: ExitedContainer, signal: AbortSignal): Promise<void>
  /** Stops everything for the allocation and forgets it; bytes on disk are the caller's. */
  detach(alloc: string): Promise<void>
  close(): Promise<void>
}

/** Host paths of one allocation; `run` is mounted at /run/drover in the container. */
export interface AllocationPaths {
  root: string
  run: string
  checkpoints: string
  /** checkpoints as the `determined` package writes them: `<uuid>/`, and `<cluster>/tensorboard/` */
  storage: string
  restored: string
  metricsFile: string
  preemptFile: string
}

export interface RunningContainer {
  spec: AllocationSpec
  paths: AllocationPaths
  containerId: string
  /** for the gateway, where it is not open since before the start */
  place: GatewayPlace
  /** Docker's json-file */
  logPath: string
}

export type ExitedContainer = Omit<RunningContainer, 'place'>
export type RestoreResult = { ok: true; bytes: number } | { ok: false; transient: boolean; error: string }
