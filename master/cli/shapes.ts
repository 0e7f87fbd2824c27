import type { ApiCost, ApiLaunch } from '../../protocol/wire/api.ts'

/** The parts of the API's answers that the command line reads. Optional is what the API may leave out. */
export type Cost = ApiCost

export interface Experiment {
  id: number
  name: string
  state: string
  startTime: string
  endTime?: string | null
  username: string
  archived: boolean
  numTrials: number
  progress?: number | null
  resourcePool?: string
  description?: string
  labels?: string[]
  checkpointCount?: number
  drover?: { stateReason?: string; waitReason?: string; cost?: Cost }
}

export interface MetricsWorkload {
  totalBatches: number
  endTime?: string | null
  metrics?: { avgMetrics?: Record<string, unknown> }
}

export interface Trial {
  id: number
  experimentId: number
  state: string
  startTime: string
  endTime?: string | null
  restarts: number
  totalBatchesProcessed: number
  hparams?: Record<string, unknown>
  taskId?: string
  checkpointCount?: number
  searcherMetricValue?: number | null
  latestValidation?: MetricsWorkload | null
  bestValidation?: MetricsWorkload | null
  drover?: { stateReason?: string; latestTraining?: MetricsWorkload | null; allocation?: { id?: string; state?: string; waitReason?: string; agents?: string[] } | null }
}

export interface TrialLog {
  id: string
  timestamp: string
  level?: string
  message: string
  log?: string
  rankId?: number
  agentId?: string
  containerId?: string
  stdtype?: string
}

export interface Checkpoint {
  uuid: string
  state: string
  reportTime?: string | null
  /** path -> size in bytes, as text */
  resources?: Record<string, string>
  metadata?: Record<string, unknown>
  drover?: { url?: string; error?: string }
  training?: { experimentId?: number; trialId?: number; searcherMetric?: number | null; validationMetrics?: { avgMetrics?: Record<string, unknown> } }
}

export interface Slot {
  id: string
  enabled?: boolean
  draining?: boolean
  device?: { id?: number; brand?: string; uuid?: string; type?: string }
  container?: { id?: string; state?: string; parent?: string; drover?: { allocationId?: string } } | null
}

export interface Agent {
  id: string
  enabled?: boolean
  draining?: boolean
  version?: string
  registeredTime?: string
  addresses?: string[]
  resourcePools?: string[]
  drover?: { status?: string; hostname?: string; seenAt?: string | null; instanceType?: string | null; zone?: string | null; notice?: string | null; retiring?: string | null }
  slots?: Record<string, Slot>
}

/** GET /api/v1/drover/why/experiments/:id */
export interface Why {
  state?: string
  stateReason?: string
  summary?: string
  trials?: { trialId: number; state?: string; stateReason?: string; allocationState?: string | null; waitReason?: string; want?: string; wantReason?: string; exitKind?: string | null; exitText?: string }[]
  pool?: { name: string; note?: string; paused?: string | null; dry?: { type: string; zone: string; market: string; until: string; code: string; text: string }[] } | null
  starting?: { id: string | null; state: string; type: string; zone: string; market: string; ageSeconds: number }[]
  launches?: ApiLaunch[]
  cost?: Cost
  cure?: string
  /** newest first */
  events?: { time: string; kind: string; text: string }[]
}

/** `STATE_ACTIVE` -> `ACTIVE`: people read the word without its prefix. */
export function stateWord(state: string): string {
  return state.replace(/^(STATE|TYPE|LOG_LEVEL)_/, '')
}

const ENDED = new Set(['COMPLETED', 'CANCELED', 'ERROR', 'DELETED'])

export function hasEnded(state: string): boolean {
  return ENDED.has(stateWord(state))
}
