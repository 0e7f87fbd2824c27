/**
 * The parts of the API's answers that this page reads. Keys are Determined's, an optional one may be absent or null; what
 * is Drover's own stands in an object `drover` beside them.
 */
import type { ApiCost, ApiWhy } from '../../../../protocol/wire/api.ts'
import type { LiveEvent } from '../../../../protocol/wire/live.ts'

type Maybe<T> = T | null | undefined

export interface User {
  id?: Maybe<number>
  username: string
  displayName?: Maybe<string>
  admin: boolean
}

export interface Experiment {
  id: number
  name: string
  state: string
  startTime: string
  endTime?: Maybe<string>
  username: string
  displayName?: Maybe<string>
  numTrials: number
  trialIds?: Maybe<number[]>
  progress?: Maybe<number>
  resourcePool?: Maybe<string>
  description?: Maybe<string>
  labels?: Maybe<string[]>
  searcherType?: Maybe<string>
  searcherMetric?: Maybe<string>
  bestTrialSearcherMetric?: Maybe<number>
  checkpointCount?: Maybe<number>
  checkpointSize?: Maybe<string>
  originalConfig: string
  config: Record<string, unknown>
  drover?: Maybe<{ stateReason?: string; waitReason?: string; slotsPerTrial?: number; cost?: ApiCost }>
}

interface Pagination {
  total?: Maybe<number>
}

export interface ExperimentsAnswer {
  experiments: Experiment[]
  pagination?: Maybe<Pagination>
}

export interface ExperimentAnswer {
  experiment: Experiment
  jobSummary?: Maybe<{ state: string; jobsAhead: number }>
  config?: Maybe<Record<string, unknown>>
}

export interface MetricsWorkload {
  metrics: { avgMetrics: Record<string, unknown> }
  totalBatches: number
  endTime?: Maybe<string>
}

export interface Trial {
  id: number
  experimentId: number
  state: string
  startTime: string
  endTime?: Maybe<string>
  hparams: Record<string, unknown>
  restarts: number
  totalBatchesProcessed: number
  taskId?: Maybe<string>
  runnerState?: Maybe<string>
  bestValidation?: Maybe<MetricsWorkload>
  latestValidation?: Maybe<MetricsWorkload>
  searcherMetricValue?: Maybe<number>
}

export interface TrialsAnswer {
  trials: Trial[]
}

/** Best trials first. */
export interface CurvesAnswer {
  metric: string
  group: string
  /** what else can be asked for */
  metrics: { group: string; metric: string }[]
  curves: { trialId: number; points: [number, number][] }[]
}

export interface TrialAnswer {
  trial: Trial
}

export interface Checkpoint {
  uuid: string
  state: string
  reportTime?: Maybe<string>
  allocationId?: Maybe<string>
  /** path -> bytes as text; a directory ends with a slash */
  resources: Record<string, string | number>
  metadata: Record<string, unknown>
  training: {
    trialId?: Maybe<number>
    validationMetrics?: Maybe<{ avgMetrics: Maybe<Record<string, unknown>> }>
    trainingMetrics?: Maybe<{ avgMetrics: Maybe<Record<string, unknown>> }>
    searcherMetric?: Maybe<number>
  }
  /** `url`: where the bytes are; `error`: why it failed, else empty */
  drover?: Maybe<{ steps?: number; url?: string; error?: string }>
}

export interface CheckpointsAnswer {
  checkpoints: Checkpoint[]
}

interface CheckpointFile {
  name: string
  size: number | string
}

export interface CheckpointFilesAnswer {
  files: CheckpointFile[]
}

interface Container {
  id: string
  /** the allocation it runs, `<task>.<epoch>` */
  parent?: Maybe<string>
  state: string
  drover?: Maybe<{ experimentId?: Maybe<number>; trialId?: Maybe<number> }>
}

export interface Slot {
  id?: Maybe<string>
  device?: Maybe<{ id?: Maybe<number>; brand?: Maybe<string>; uuid?: Maybe<string>; type?: Maybe<string> }>
  enabled?: Maybe<boolean>
  draining?: Maybe<boolean>
  container?: Maybe<Container>
  drover?: Maybe<{ index?: number; memoryMib?: number }>
}

export interface Agent {
  id: string
  registeredTime?: Maybe<string>
  slots?: Maybe<Record<string, Slot>>
  containers?: Maybe<Record<string, Container>>
  addresses?: Maybe<string[]>
  enabled?: Maybe<boolean>
  draining?: Maybe<boolean>
  resourcePools?: Maybe<string[]>
  version?: Maybe<string>
  drover?: Maybe<AgentHost>
}

export interface AgentHost {
  /** `new`: never heard of */
  status: 'ok' | 'suspect' | 'lost' | 'new'
  seenAt: string | null
  hostname?: string
  cpus?: number
  memoryMib?: number
  diskFreeMib?: number
  driver?: string | null
  instanceType?: string | null
  zone?: string | null
  market?: string | null
  notice?: string | null
  retiring?: string | null
}

export interface AgentsAnswer {
  agents: Agent[]
}

export interface EventsAnswer {
  events: LiveEvent[]
  cursor: number
}

/** Why an experiment is where it is, in words. */
export interface WhyAnswer {
  state: string
  stateReason: string
  /** one or two sentences */
  summary: string
  trials: { trialId: number; state: string; waitReason: string }[]
  pool?: Maybe<ApiWhy['pool']>
  starting?: Maybe<ApiWhy['starting']>
  launches?: Maybe<ApiWhy['launches']>
  cost?: Maybe<ApiCost>
  cure?: Maybe<string>
}

/** The parts of an OpenAPI document that are shown. */
export interface OpenApi {
  paths: Record<string, Record<string, {
    parameters?: { name: string; in: string; required?: boolean; schema?: unknown }[]
    requestBody?: { content?: Record<string, { schema?: unknown }> }
  }>>
}
