import Type from 'typebox'
import { AllocationIdText, Digest, IdText, Text, Uuid } from './scalars.ts'

/**
 * What the agent needs to run one member of an allocation. Immutable; fetched by the SHA-256 of its canonical
 * JSON over `GET /agent/v1/blobs/<digest>`, as is the model definition (a gzipped tar).
 */
export const Storage = Type.Union([
  Type.Object({ type: Type.Literal('s3'), bucket: Text(255), prefix: Text(512), endpoint: Type.Union([Text(512), Type.Null()]), region: Type.Union([Text(64), Type.Null()]) }),
  Type.Object({ type: Type.Literal('directory'), path: Text(1024) }),
])
export type Storage = Type.Static<typeof Storage>

export const BindMount = Type.Object({
  hostPath: Text(4096),
  containerPath: Text(4096),
  readOnly: Type.Boolean(),
  propagation: Text(16),
})

export const AllocationSpec = Type.Object({
  v: Type.Literal(1),
  alloc: AllocationIdText,
  clusterId: IdText,
  /** absent: a trial. A command has neither experiment nor trial: their ids are 0. */
  taskType: Type.Optional(Type.Literal('COMMAND')),
  experimentId: Type.Integer(),
  trialId: Type.Integer(),
  rank: Type.Integer({ minimum: 0 }),
  worldSize: Type.Integer({ minimum: 1 }),
  slots: Type.Array(IdText, { maxItems: 256 }),
  image: Text(1024),
  forcePull: Type.Boolean(),
  /** argv; a single string of the user's has become `sh -c <string>` */
  entrypoint: Type.Array(Text(65536), { minItems: 1, maxItems: 1024 }),
  /** user's variables, then Drover's own over them */
  env: Type.Record(Type.String(), Text(131072)),
  workDir: Text(1024),
  user: Type.Object({ name: Text(64), uid: Type.Integer({ minimum: 0 }), group: Text(64), gid: Type.Integer({ minimum: 0 }) }),
  shmBytes: Type.Integer({ minimum: 0 }),
  binds: Type.Array(BindMount, { maxItems: 256 }),
  /** digest of the model definition; null when the user sent none */
  context: Type.Union([Digest, Type.Null()]),
  hparams: Type.Record(Type.String(), Type.Unknown()),
  seed: Type.Integer(),
  /** where checkpoints go; `root` is `<prefix>/<cluster>/experiments/<id>-<slug>/trials/<id>` inside it */
  storage: Storage,
  root: Text(1024),
  restore: Type.Union([
    Type.Object({ uuid: Uuid, prefix: Text(1024), steps: Type.Integer({ minimum: 0 }), ordinal: Type.Integer({ minimum: 1 }), manifest: Digest }),
    Type.Null(),
  ]),
  /** token for the routes a container may call through its gateway; dies at the seal */
  token: Text(256),
  /** SIGTERM to SIGKILL, and the time a preempted container has to save, seconds */
  stopGraceSeconds: Type.Integer({ minimum: 0 }),
  preemptSeconds: Type.Integer({ minimum: 0 }),
  /** what the `determined` package asks for beyond that */
  harness: Type.Optional(
    Type.Object({
      /** the experiment's configuration, complete, in Determined's keys */
      config: Type.Record(Type.String(), Type.Unknown()),
      /** cluster: reported checkpoints are written to a directory and streamed by the agent; own: the run writes to the user's storage itself */
      storage: Type.Enum(['cluster', 'own']),
      /** name of the experiment's owner, and the id */
      owner: Type.Object({ id: Type.Integer(), name: Text(256) }),
      /** the newest checkpoint in the user's own storage, where the agent restores nothing */
      latest: Type.Union([Type.Object({ uuid: Uuid, steps: Type.Integer({ minimum: 0 }) }), Type.Null()]),
      /** slots of every member, in order of rank */
      slotsByRank: Type.Array(Type.Integer({ minimum: 0 }), { maxItems: 1024 }),
    }),
  ),
})
export type AllocationSpec = Type.Static<typeof AllocationSpec>
