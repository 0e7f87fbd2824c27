import Type from 'typebox'
import { Digest, Text, Uuid } from '../wire/scalars.ts'

/** manifest.json: create-only and last; a checkpoint without it does not exist. Sizes in bytes. */
export const Manifest = Type.Object({
  format: Type.Literal('drover-manifest/1'),
  uuid: Uuid,
  alloc: Text(80),
  epoch: Type.Integer({ minimum: 1 }),
  ordinal: Type.Integer({ minimum: 1 }),
  steps: Type.Integer({ minimum: 0 }),
  /** uuid of the checkpoint this one follows, if any */
  parent: Type.Union([Uuid, Type.Null()]),
  createdAt: Text(40),
  metadata: Type.Record(Type.String(), Type.Unknown()),
  /** sorted by name; names are relative, `/`-separated, without `.` or `..` segments */
  files: Type.Array(Type.Object({ name: Text(1024), size: Type.Integer({ minimum: 0 }), sha256: Digest, mode: Type.Integer({ minimum: 0, maximum: 0o777 }) })),
})
export type Manifest = Type.Static<typeof Manifest>

/** Pointer object, by the master after the commit; enough to rebuild the checkpoint table. */
export const Pointer = Type.Object({
  format: Type.Literal('drover-checkpoint/1'),
  uuid: Uuid,
  state: Type.Union([Type.Literal('COMPLETED'), Type.Literal('DELETED')]),
  clusterId: Text(64),
  experimentId: Type.Integer(),
  trialId: Type.Integer(),
  taskId: Text(80),
  allocationId: Text(80),
  epoch: Type.Integer(),
  ordinal: Type.Integer(),
  steps: Type.Integer(),
  reportTime: Text(40),
  /** key prefix of the bytes, relative to the bucket */
  prefix: Text(1024),
  manifest: Digest,
  bytes: Type.Integer(),
  resources: Type.Record(Type.String(), Type.Integer()),
  metadata: Type.Record(Type.String(), Type.Unknown()),
  metrics: Type.Record(Type.String(), Type.Unknown()),
})
export type Pointer = Type.Static<typeof Pointer>
