import Type from 'typebox'
import { CLOUD_FAILURES, INSTANCE_STATES, type CloudFailure, type InstanceState, type Market, type NoticeKind } from '../words/instances.ts'
import { ALLOCATION_STATES, type AllocationState } from '../words/states.ts'
import type { LiveLine} from './live.ts';
import { LiveEvent, LiveMetric } from './live.ts'

/**
 * What the people's HTTP API answers, for the CLI and the WebUI. Shapes and key names are Determined 0.38.1's; what is
 * Drover's own stands in an object `drover` beside them or under /api/v1/drover. Times are RFC 3339, 64-bit integers
 * strings where Determined has strings, enums carry their prefixes.
 */
const Nullable = <T extends Type.TSchema>(schema: T) => Type.Union([schema, Type.Null()])
const Json = Type.Record(Type.String(), Type.Unknown())
const Int = Type.Integer()
const OneOf = <T extends string>(words: readonly T[]) => Type.Unsafe<T>(Type.Union(words.map((word) => Type.Literal(word))))
const Time = Type.String()
const TimeOrNull = Nullable(Time)

export const ApiError = Type.Object({
  error: Type.Object({ code: Int, reason: Type.String(), error: Type.String() }),
  message: Type.String(),
  /** every mistake, where there may be several */
  details: Type.Optional(Type.Array(Type.Object({ path: Type.String(), message: Type.String() }))),
})
export type ApiError = Type.Static<typeof ApiError>

export const ApiPagination = Type.Object({ offset: Int, limit: Int, startIndex: Int, endIndex: Int, total: Int })
export type ApiPagination = Type.Static<typeof ApiPagination>

export const ApiUser = Type.Object({
  id: Int, username: Type.String(), displayName: Type.String(), admin: Type.Boolean(), active: Type.Boolean(), remote: Type.Boolean(), modifiedAt: Type.String(),
  agentUserGroup: Nullable(Type.Object({ agentUid: Int, agentUser: Type.String(), agentGid: Int, agentGroup: Type.String() })),
})
export type ApiUser = Type.Static<typeof ApiUser>

export const ApiLogin = Type.Object({ token: Type.String(), user: ApiUser })
export type ApiLogin = Type.Static<typeof ApiLogin>

export const ApiMaster = Type.Object({
  version: Type.String(), masterId: Type.String(), clusterId: Type.String(), clusterName: Type.String(), telemetryEnabled: Type.Boolean(),
  externalLoginUri: Type.String(), externalLogoutUri: Type.String(), branding: Type.String(), rbacEnabled: Type.Boolean(), product: Type.String(),
  featureSwitches: Type.Array(Type.String()), userManagementEnabled: Type.Boolean(), strictJobQueueControl: Type.Boolean(), hasCustomLogo: Type.Boolean(),
  ssoProviders: Type.Array(Type.Unknown()), drover: Type.Object({ version: Type.String() }),
})
export type ApiMaster = Type.Static<typeof ApiMaster>

/** `STATE_` and QUEUED, PULLING, STARTING, RUNNING (these four instead of ACTIVE), PAUSED, STOPPING_..., COMPLETED, CANCELED, ERROR, DELETED. */
export const ApiRunState = Type.String({ pattern: '^STATE_[A-Z_]+$' })

/** Dollars. null: the price of an instance is not known, so no sum can be true. */
const Dollars = Nullable(Type.Number())
/** useful: a run went on and its work was kept; boot: until the agent registered; idle: nothing ran; lost: work that was repeated. */
export const ApiCost = Type.Object({ total: Dollars, useful: Dollars, boot: Dollars, idle: Dollars, lost: Dollars })
export type ApiCost = Type.Static<typeof ApiCost>

export const ApiExperiment = Type.Object({
  id: Int, jobId: Type.String(), name: Type.String(), description: Type.String(), notes: Type.String(), labels: Type.Array(Type.String()),
  state: ApiRunState, startTime: Type.String(), endTime: Nullable(Type.String()), duration: Int, archived: Type.Boolean(), parentArchived: Type.Boolean(),
  numTrials: Int, trialIds: Type.Array(Int), bestTrialId: Nullable(Int), bestTrialSearcherMetric: Nullable(Type.Number()), progress: Type.Number(),
  userId: Int, username: Type.String(), displayName: Type.String(), resourcePool: Type.String(), searcherType: Type.String(), searcherMetric: Type.String(),
  hyperparameters: Json, forkedFrom: Nullable(Int), checkpointCount: Int, checkpointSize: Type.String(), modelDefinitionSize: Int,
  projectId: Int, projectName: Type.String(), projectOwnerId: Int, workspaceId: Int, workspaceName: Type.String(), unmanaged: Type.Boolean(),
  config: Json, originalConfig: Type.String(),
  drover: Type.Object({
    /** `waitReason` of one experiment tells of EC2 too; in lists it is the scheduler's */
    stateReason: Type.String(), waitReason: Type.String(), priority: Int, slotsPerTrial: Int, maxRestarts: Int, allocationState: Nullable(OneOf<AllocationState>(ALLOCATION_STATES)),
    /** of one experiment; lists leave it out */
    cost: Type.Optional(ApiCost),
  }),
})
export type ApiExperiment = Type.Static<typeof ApiExperiment>

export const ApiExperiments = Type.Object({ experiments: Type.Array(ApiExperiment), pagination: ApiPagination })
export type ApiExperiments = Type.Static<typeof ApiExperiments>

export const ApiCreateExperiment = Type.Object({
  /** YAML or JSON */
  config: Type.String({ minLength: 1, maxLength: 1_048_576 }),
  /** Determined's form: [{path, type 48 file | 53 directory, content base64, mtime, mode, uid, gid}] */
  modelDefinition: Type.Optional(Type.Unknown()),
  /** Drover's form: base64 of a gzipped tar */
  contextTgz: Type.Optional(Type.String()),
  activate: Type.Optional(Type.Boolean()),
  validateOnly: Type.Optional(Type.Boolean()),
  parentId: Type.Optional(Type.Integer({ minimum: 0, maximum: 2_147_483_647 })),
  projectId: Type.Optional(Type.Integer({ minimum: 0, maximum: 2_147_483_647 })),
  template: Type.Optional(Type.String({ maxLength: 256 })),
  unmanaged: Type.Optional(Type.Boolean()),
})
export type ApiCreateExperiment = Type.Static<typeof ApiCreateExperiment>

const LaunchWarning = Type.String()
const Mistakes = Type.Array(Type.Object({ path: Type.String(), message: Type.String() }))
/** `warnings` holds Determined's enum; `drover.warnings` the words. */
export const ApiCreatedExperiment = Type.Object({ experiment: ApiExperiment, config: Json, warnings: Type.Array(LaunchWarning), drover: Type.Object({ trialId: Nullable(Int), warnings: Mistakes }) })
export type ApiCreatedExperiment = Type.Static<typeof ApiCreatedExperiment>

export const ApiMetrics = Type.Object({ avgMetrics: Json, batchMetrics: Type.Array(Json) })
export const ApiMetricsWorkload = Type.Object({ endTime: Type.String(), metrics: ApiMetrics, numInputs: Int, totalBatches: Int })
export type ApiMetricsWorkload = Type.Static<typeof ApiMetricsWorkload>
export const ApiCheckpointWorkload = Type.Object({ uuid: Type.String(), endTime: Nullable(Type.String()), state: Type.String(), resources: Type.Record(Type.String(), Type.String()), totalBatches: Int, metadata: Json })
export type ApiCheckpointWorkload = Type.Static<typeof ApiCheckpointWorkload>
export const ApiWorkload = Type.Object({ training: Type.Optional(ApiMetricsWorkload), validation: Type.Optional(ApiMetricsWorkload), checkpoint: Type.Optional(ApiCheckpointWorkload) })
export type ApiWorkload = Type.Static<typeof ApiWorkload>

export const ApiTrial = Type.Object({
  id: Int, experimentId: Int, state: ApiRunState, startTime: Type.String(), endTime: Nullable(Type.String()), hparams: Json, restarts: Int, totalBatchesProcessed: Int,
  bestValidation: Nullable(ApiMetricsWorkload), latestValidation: Nullable(ApiMetricsWorkload), bestCheckpoint: Nullable(ApiCheckpointWorkload),
  runnerState: Type.String(), wallClockTime: Type.Number(), warmStartCheckpointUuid: Type.String(), taskId: Type.String(), taskIds: Type.Array(Type.String()),
  checkpointCount: Int, totalCheckpointSize: Type.String(), searcherMetricValue: Nullable(Type.Number()),
  drover: Type.Object({
    stateReason: Type.String(), progress: Type.Number(), seed: Int, latestTraining: Nullable(ApiMetricsWorkload),
    allocation: Nullable(Type.Object({ id: Type.String(), state: Type.String(), want: Type.String(), wantReason: Type.String(), waitReason: Type.String(), agents: Type.Array(Type.String()), containerId: Nullable(Type.String()), exitKind: Nullable(Type.String()), exitCode: Nullable(Int), exitText: Type.String() })),
  }),
})
export type ApiTrial = Type.Static<typeof ApiTrial>

export const ApiCheckpoint = Type.Object({
  uuid: Type.String(), taskId: Type.String(), allocationId: Type.String(), reportTime: Type.String(), state: Type.String(),
  /** file -> size in bytes */
  resources: Type.Record(Type.String(), Type.String()),
  metadata: Json,
  training: Type.Object({
    trialId: Nullable(Int), experimentId: Nullable(Int), experimentConfig: Json, hparams: Json, trainingMetrics: ApiMetrics, validationMetrics: ApiMetrics, searcherMetric: Nullable(Type.Number()),
  }),
  /** `allocationId` in Drover's form, `url` is where the bytes are, `error` why it failed */
  drover: Type.Object({ allocationId: Type.String(), steps: Int, epoch: Int, ordinal: Int, bytes: Type.String(), url: Type.String(), error: Type.String(), declaredAt: Type.String() }),
})
export type ApiCheckpoint = Type.Static<typeof ApiCheckpoint>

const Device = Type.Object({ id: Int, brand: Type.String(), uuid: Type.String(), type: Type.String() })
const Container = Type.Object({ id: Type.String(), parent: Type.String(), state: Type.String(), devices: Type.Array(Device), permissionDenied: Type.Boolean(), drover: Type.Object({ allocationId: Type.String(), experimentId: Nullable(Int), trialId: Nullable(Int) }) })
export const ApiSlot = Type.Object({ id: Type.String(), device: Device, enabled: Type.Boolean(), draining: Type.Boolean(), container: Nullable(Container), drover: Type.Object({ index: Int, memoryMib: Int }) })
export type ApiSlot = Type.Static<typeof ApiSlot>
const DeviceStats = Type.Object({ total: Int, disabled: Int, draining: Int, states: Type.Record(Type.String(), Int) })
export const ApiAgent = Type.Object({
  id: Type.String(), registeredTime: Type.String(), version: Type.String(), enabled: Type.Boolean(), draining: Type.Boolean(), addresses: Type.Array(Type.String()), resourcePools: Type.Array(Type.String()),
  slots: Type.Record(Type.String(), ApiSlot), containers: Type.Record(Type.String(), Container),
  slotStats: Type.Object({ typeStats: Type.Record(Type.String(), DeviceStats), brandStats: Type.Record(Type.String(), DeviceStats) }),
  drover: Type.Object({
    /** ok: heard of within 30 s; suspect: not; lost: given up, its work goes on elsewhere; new: never heard of */
    status: Type.Union([Type.Literal('ok'), Type.Literal('suspect'), Type.Literal('lost'), Type.Literal('new')]),
    seenAt: Nullable(Type.String()), hostname: Type.String(), cpus: Int, memoryMib: Int, diskFreeMib: Int, docker: Type.String(), driver: Nullable(Type.String()),
    instanceId: Nullable(Type.String()), instanceType: Nullable(Type.String()), zone: Nullable(Type.String()), market: Nullable(Type.String()), outbox: Int,
    /** what EC2 said before it takes the machine; no new work begins there */
    notice: Nullable(Type.String()),
    /** why its instance goes; null: it stays */
    retiring: Nullable(Type.String()),
    lostAt: TimeOrNull,
  }),
})
export type ApiAgent = Type.Static<typeof ApiAgent>

export const ApiTaskLog = Type.Object({
  /** line number within the task, from 1 */
  id: Type.String(), taskId: Type.String(), allocationId: Type.String(), agentId: Type.String(), containerId: Type.String(), rankId: Int, timestamp: Type.String(),
  level: Type.String(), message: Type.String(), log: Type.String(), source: Type.String(), stdtype: Type.String(),
})
export type ApiTaskLog = Type.Static<typeof ApiTaskLog>
export type ApiTrialLog = Omit<ApiTaskLog, 'taskId' | 'allocationId'> & { trialId: number }

export const ApiCheckpointFiles = Type.Object({ uuid: Type.String(), url: Type.String(), bytes: Type.String(), files: Type.Array(Type.Object({ name: Type.String(), size: Int })) })
export type ApiCheckpointFiles = Type.Static<typeof ApiCheckpointFiles>
const MarketWord = OneOf<Market>(['on-demand', 'spot'])
const AllocationOn = Type.Object({ id: Type.String(), state: OneOf<AllocationState>(ALLOCATION_STATES), slots: Int, experimentId: Nullable(Int), trialId: Nullable(Int) })
export const ApiInstance = Type.Object({
  id: Type.String(), launch: Type.String(), pool: Type.String(), type: Type.String(), zone: Type.String(), market: MarketWord, slots: Int,
  state: OneOf<InstanceState>(INSTANCE_STATES), stateReason: Type.String(), perHour: Dollars, privateIp: Nullable(Type.String()),
  launchedAt: Time, registeredAt: TimeOrNull, retiringAt: TimeOrNull, terminatingAt: TimeOrNull, goneAt: TimeOrNull,
  /** since when nothing holds it; null while something does, before it registered and after its end */
  idleSince: TimeOrNull,
  /** `until`: when EC2 will take it, as it said */
  notice: Nullable(Type.Object({ kind: OneOf<NoticeKind>(['spot', 'rebalance']), at: TimeOrNull, until: TimeOrNull })),
  agent: Nullable(Type.Object({ status: Type.String(), seenAt: TimeOrNull, drained: Type.Boolean() })),
  /** live ones on it */
  allocations: Type.Array(AllocationOn),
  cost: ApiCost,
})
export type ApiInstance = Type.Static<typeof ApiInstance>
export const ApiInstances = Type.Object({ instances: Type.Array(ApiInstance), pagination: ApiPagination })
export type ApiInstances = Type.Static<typeof ApiInstances>

/** What EC2 said, and what a person can do about it. */
const Refusal = Type.Object({ kind: OneOf<CloudFailure>(CLOUD_FAILURES), code: Type.String(), text: Type.String(), cure: Type.String() })
export const ApiLaunch = Type.Object({
  id: Type.String(), pool: Type.String(), type: Type.String(), zone: Type.String(), market: MarketWord, gang: Type.Boolean(), count: Int, slots: Int, perHour: Dollars,
  /** those it was decided for, and why */
  allocations: Type.Array(Type.String()), reason: Type.String(),
  state: OneOf<'LAUNCHING' | 'DONE' | 'FAILED'>(['LAUNCHING', 'DONE', 'FAILED']), error: Nullable(Refusal),
  decidedAt: Time, calledAt: TimeOrNull, settledAt: TimeOrNull,
  instances: Type.Array(Type.String()),
  /** the next launch of its pool for the same allocations; null: none yet */
  followedBy: Nullable(Type.Object({ id: Type.String(), type: Type.String(), zone: Type.String(), market: MarketWord, state: Type.String() })),
})
export type ApiLaunch = Type.Static<typeof ApiLaunch>
export const ApiLaunches = Type.Object({ launches: Type.Array(ApiLaunch), pagination: ApiPagination })
export type ApiLaunches = Type.Static<typeof ApiLaunches>
/** `zone` empty: every zone */
export const ApiDryMark = Type.Object({ type: Type.String(), zone: Type.String(), market: MarketWord, until: Time, ...Refusal.properties })
export type ApiDryMark = Type.Static<typeof ApiDryMark>

export const ApiPool = Type.Object({
  name: Type.String(), description: Type.String(),
  /** null: no instances are made for it, agents join by themselves */
  policy: Nullable(Type.Object({
    region: Type.String(), instanceTypes: Type.Array(Type.String()), market: Type.String(), spotMaxPrice: Dollars, maxPricePerHour: Dollars, minInstances: Int, maxInstances: Int, maxStartingSeconds: Type.Number(), maxIdleSeconds: Type.Number(),
  })),
  /** the one sentence; empty: nothing waits for EC2 */
  note: Type.String(),
  /** it launches nothing until a person resumes it */
  paused: Nullable(Type.Object({ reason: Type.String(), since: TimeOrNull })),
  /** boots in a row that never registered */
  strikes: Int,
  dry: Type.Array(ApiDryMark),
  /** open launches and instances that may cost money, by state */
  instances: Type.Record(Type.String(), Int),
  /** sum of the last; what counts against maxInstances */
  count: Int,
  /** dollars an hour of the instances with a known price; `unpriced` are those without */
  perHour: Type.Number(), unpriced: Int,
  waiting: Type.Array(Type.Object({ allocation: Type.String(), experimentId: Nullable(Int), trialId: Nullable(Int), slots: Int, since: Time, reason: Type.String() })),
  /** calls of EC2 without an answer yet */
  launches: Type.Array(ApiLaunch),
  lastCallAt: TimeOrNull,
  /** what a person can do; empty: nothing */
  cure: Type.String(),
})
export type ApiPool = Type.Static<typeof ApiPool>
export const ApiPools = Type.Object({ pools: Type.Array(ApiPool) })
export type ApiPools = Type.Static<typeof ApiPools>

export const ApiAlarm = Type.Object({ key: Type.String(), text: Type.String(), since: Time, cure: Type.String() })
export type ApiAlarm = Type.Static<typeof ApiAlarm>
export const ApiAlarms = Type.Object({ alarms: Type.Array(ApiAlarm) })
export type ApiAlarms = Type.Static<typeof ApiAlarms>

export const ApiEvents = Type.Object({ events: Type.Array(LiveEvent), cursor: Int })
export type ApiEvents = Type.Static<typeof ApiEvents>
export const ApiMetricRows = Type.Object({ metrics: Type.Array(LiveMetric), cursor: Int })
export type ApiMetricRows = Type.Static<typeof ApiMetricRows>
export type ApiLogLine = LiveLine
/** Single use, 30 s: ws at /api/v1/drover/live?ticket=... */
export const ApiTicket = Type.Object({ ticket: Type.String(), expiresInSeconds: Int })
export type ApiTicket = Type.Static<typeof ApiTicket>
export const ApiWhy = Type.Object({
  experimentId: Int, state: Type.String(), stateReason: Type.String(),
  /** one or two sentences */
  summary: Type.String(),
  trials: Type.Array(Type.Object({ trialId: Int, state: Type.String(), stateReason: Type.String(), allocationId: Nullable(Type.String()), allocationState: Nullable(Type.String()), waitReason: Type.String(), want: Type.String(), wantReason: Type.String(), exitKind: Nullable(Type.String()), exitText: Type.String() })),
  /** its pool, while something of it waits; null: nothing does */
  pool: Nullable(Type.Object({ name: Type.String(), note: Type.String(), paused: Nullable(Type.String()), dry: Type.Array(ApiDryMark) })),
  /** instances that EC2 was asked for, or made, for it and that hold nothing yet; `id` null: EC2 has not answered */
  starting: Type.Array(Type.Object({ id: Nullable(Type.String()), launch: Type.String(), state: OneOf<InstanceState>(INSTANCE_STATES), type: Type.String(), zone: Type.String(), market: MarketWord, perHour: Dollars, ageSeconds: Type.Number() })),
  /** what EC2 was asked for it, what it said, what followed; newest first, at most ten */
  launches: Type.Array(ApiLaunch),
  cost: ApiCost,
  /** what a person can do; empty: nothing */
  cure: Type.String(),
  /** newest first */
  events: Type.Array(LiveEvent),
})
export type ApiWhy = Type.Static<typeof ApiWhy>

export const ApiInstanceDetails = Type.Object({ instance: ApiInstance, launch: ApiLaunch, console: Type.String(), events: Type.Array(LiveEvent) })
export type ApiInstanceDetails = Type.Static<typeof ApiInstanceDetails>
export const ApiWhyInstance = Type.Object({
  instanceId: Type.String(), state: OneOf<InstanceState>(INSTANCE_STATES), stateReason: Type.String(),
  /** why it runs or idles, when it goes, why it went */
  summary: Type.String(), cure: Type.String(), cost: ApiCost, events: Type.Array(LiveEvent),
})
export type ApiWhyInstance = Type.Static<typeof ApiWhyInstance>
