import Type from 'typebox'
import { EXIT_KINDS } from '../words/failures.ts'
import { AllocationIdText, Digest, Millis, Text, Uuid } from './scalars.ts'

/**
 * The agent's outbox. Each entry carries a seq, contiguous from 1 within (agent, inc). The master applies
 * seq = last + 1 in one transaction with the cursor, and answers after the commit.
 */
const base = { seq: Type.Integer({ minimum: 1 }), t: Millis, alloc: AllocationIdText }

/** The allocation has come to this state. */
export const StateEvent = Type.Object({
  ...base,
  kind: Type.Literal('state'),
  state: Type.Enum(['PULLING', 'RESTORING', 'STARTING', 'RUNNING']),
  containerId: Type.Optional(Text(128)),
})

/** A line of the agent's own for the task log, e.g. pull progress or why a restore failed. */
export const NoteEvent = Type.Object({
  ...base,
  kind: Type.Literal('note'),
  level: Type.Enum(['INFO', 'WARNING', 'ERROR']),
  text: Text(8192),
})

/** Metric values are numbers or the strings NaN, Infinity, -Infinity, or any JSON below them. */
export const MetricsEvent = Type.Object({
  ...base,
  kind: Type.Literal('metrics'),
  reports: Type.Array(
    Type.Object({
      group: Text(128), steps: Type.Integer({ minimum: 0 }), t: Millis, values: Type.Record(Type.String(), Type.Unknown()),
      /** of each batch since the last report, where the script told them */
      batches: Type.Optional(Type.Array(Type.Record(Type.String(), Type.Unknown()))),
    }),
    { minItems: 1, maxItems: 512 },
  ),
})

/** One metrics report that no entry can hold, as JSON in parts that follow each other; it is applied with the last. */
export const MetricsPartEvent = Type.Object({
  ...base,
  kind: Type.Literal('metrics-part'),
  report: Uuid,
  part: Type.Integer({ minimum: 0, maximum: 255 }),
  of: Type.Integer({ minimum: 1, maximum: 256 }),
  text: Type.String({ maxLength: 262_144 }),
})

/** What the run says that it is doing, in a word for people. */
export const StatusEvent = Type.Object({ ...base, kind: Type.Literal('status'), state: Text(256) })


/** Share of the work done, 0 to 1. */
export const ProgressEvent = Type.Object({ ...base, kind: Type.Literal('progress'), progress: Type.Number({ minimum: 0, maximum: 1 }) })

/** A checkpoint directory was renamed to `step-<n>` (or reported): from here on the seal waits for it. */
export const CheckpointDeclaredEvent = Type.Object({
  ...base,
  kind: Type.Literal('checkpoint-declared'),
  uuid: Uuid,
  ordinal: Type.Integer({ minimum: 1 }),
  steps: Type.Integer({ minimum: 0 }),
  /** of one that was reported through the gateway. gang: every member sends its part. own: it lies in the user's own storage already */
  reported: Type.Optional(Type.Object({ how: Type.Enum(['alone', 'gang', 'own']), metadata: Type.Record(Type.String(), Type.Unknown()), resources: Type.Record(Type.String(), Type.Integer({ minimum: 0 })) })),
})

/** A member of a gang has sent its files of a reported checkpoint; their list lies in the bucket under `partKey`. */
export const CheckpointPartEvent = Type.Object({
  ...base,
  kind: Type.Literal('checkpoint-part'),
  uuid: Uuid,
  /** SHA-256 of the list */
  list: Digest,
})

/** All bytes and the manifest are in the bucket under the key that master and agent both derive. */
export const CheckpointUploadedEvent = Type.Object({
  ...base,
  kind: Type.Literal('checkpoint-uploaded'),
  uuid: Uuid,
  ordinal: Type.Integer({ minimum: 1 }),
  steps: Type.Integer({ minimum: 0 }),
  /** SHA-256 of manifest.json */
  manifest: Digest,
  files: Type.Integer({ minimum: 0 }),
  bytes: Type.Integer({ minimum: 0 }),
  metadata: Type.Record(Type.String(), Type.Unknown()),
})

export const CheckpointFailedEvent = Type.Object({ ...base, kind: Type.Literal('checkpoint-failed'), uuid: Uuid, error: Text(4096) })

/** The container is gone (or never came): slots are free, DRAINING begins. */
export const ExitEvent = Type.Object({
  ...base,
  kind: Type.Literal('exit'),
  exit: Type.Enum([...EXIT_KINDS]),
  /** absent when no container ever ran */
  code: Type.Optional(Type.Integer()),
  oomKilled: Type.Boolean(),
  startedAt: Type.Optional(Millis),
  endedAt: Millis,
  /** what happened and, where it is the user's to mend, the cure */
  text: Text(4096),
})

/** Logs are committed to their end and every declared checkpoint is uploaded or failed. */
export const DrainedEvent = Type.Object({ ...base, kind: Type.Literal('drained') })

/** A member of a gang has its place on the network; the master tells all of them when it knows all. */
export const RendezvousEvent = Type.Object({ ...base, kind: Type.Literal('rendezvous'), address: Text(256), port: Type.Integer({ minimum: 1, maximum: 65_535 }) })

/** EC2 is about to take the instance (spot), or may be (rebalance). About no allocation: about the agent. */
export const NoticeEvent = Type.Object({
  seq: base.seq,
  t: base.t,
  kind: Type.Literal('notice'),
  notice: Type.Enum(['spot', 'rebalance']),
  /** terminate, stop or hibernate; '' with rebalance */
  action: Text(32),
  /** when it goes, as EC2 says; null = not said */
  at: Type.Union([Millis, Type.Null()]),
})

/** The harness saw the preemption request. */
export const PreemptAckEvent = Type.Object({ ...base, kind: Type.Literal('preempt-ack') })

/** The script gave its trial up for good: other hyperparameters are needed. */
export const EarlyExitEvent = Type.Object({ ...base, kind: Type.Literal('early-exit'), reason: Type.Enum(['INVALID_HP', 'INIT_INVALID_HP']) })

export const AgentEvent = Type.Union([
  StateEvent, NoteEvent, MetricsEvent, ProgressEvent, CheckpointDeclaredEvent, CheckpointUploadedEvent,
  CheckpointFailedEvent, ExitEvent, DrainedEvent, PreemptAckEvent, RendezvousEvent, NoticeEvent, MetricsPartEvent, StatusEvent, EarlyExitEvent, CheckpointPartEvent,
])
export type AgentEvent = Type.Static<typeof AgentEvent>
export type AgentEventKind = AgentEvent['kind']
/** As handed to the outbox, before it gives the seq. */
export type NewAgentEvent = DistributiveOmit<AgentEvent, 'seq'>
type DistributiveOmit<T, K extends keyof never> = T extends unknown ? Omit<T, K> : never

/** Agent -> master on `.evt`: consecutive entries, at most 512 and 900 kB of JSON. */
export const EventBatch = Type.Object({
  v: Type.Literal(1),
  inc: Type.Integer({ minimum: 1 }),
  events: Type.Array(Type.Unknown(), { minItems: 1, maxItems: 512 }),
})
export type EventBatch = Type.Static<typeof EventBatch>

/** `applied`: highest seq committed for (agent, inc); the agent deletes up to it and goes on from it. */
export const EventReply = Type.Union([
  Type.Object({ v: Type.Literal(1), ok: Type.Literal(true), store: Text(64), applied: Type.Integer({ minimum: 0 }) }),
  /** transient: try again later, nothing was applied */
  Type.Object({ v: Type.Literal(1), ok: Type.Literal(false), store: Text(64), error: Text(1024) }),
])
export type EventReply = Type.Static<typeof EventReply>
