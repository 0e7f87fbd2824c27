import Type from 'typebox'
import { ALLOCATION_STATES, WANTS } from '../words/states.ts'
import { AllocationIdText, Digest, IdText, Text, Uuid } from './scalars.ts'

/** One GPU, one MIG device, or one CPU slot. Memory in MiB. */
export const Slot = Type.Object({
  id: IdText,
  kind: Type.Union([Type.Literal('cuda'), Type.Literal('mig'), Type.Literal('cpu')]),
  uuid: Text(128),
  brand: Text(256),
  memoryMib: Type.Integer({ minimum: 0 }),
  index: Type.Integer({ minimum: 0 }),
})
export type Slot = Type.Static<typeof Slot>

/** What the agent holds of one allocation, from its journal and Docker. */
export const Held = Type.Object({
  alloc: AllocationIdText,
  state: Type.Enum([...ALLOCATION_STATES]),
  containerId: Type.Optional(Text(128)),
})
export type Held = Type.Static<typeof Held>

export const Inventory = Type.Object({
  hostname: Text(256),
  version: Text(64),
  bootId: Text(64),
  kernel: Text(256),
  os: Text(256),
  cpus: Type.Integer({ minimum: 0 }),
  memoryMib: Type.Integer({ minimum: 0 }),
  diskFreeMib: Type.Integer({ minimum: 0 }),
  docker: Text(64),
  driver: Type.Union([Text(64), Type.Null()]),
  instanceId: Type.Union([Text(64), Type.Null()]),
  instanceType: Type.Union([Text(64), Type.Null()]),
  /** availability zone; null where there is none */
  zone: Type.Union([Text(64), Type.Null()]),
  slots: Type.Array(Slot, { maxItems: 256 }),
  held: Type.Array(Held, { maxItems: 1024 }),
})
export type Inventory = Type.Static<typeof Inventory>

/** Agent -> master, each 5 s and on a poke. `inventory` only when its hash changed or the master asked. */
export const Heartbeat = Type.Object({
  v: Type.Literal(1),
  /** Life number of the agent's journal: raised when the journal is made anew. */
  inc: Type.Integer({ minimum: 1 }),
  /** Store incarnation the agent last heard of; null at first. */
  store: Type.Union([Text(64), Type.Null()]),
  /** Generation of the desired state the agent holds; 0 = none. */
  have: Type.Integer({ minimum: 0 }),
  inventoryHash: Digest,
  inventory: Type.Optional(Inventory),
  outbox: Type.Integer({ minimum: 0 }),
  /** answer to `retire`: nothing is held, nothing waits in the outbox, nothing more is accepted */
  drained: Type.Optional(Type.Literal(true)),
})
export type Heartbeat = Type.Static<typeof Heartbeat>

/** Where one member of a gang is reached by the others. */
export const Peer = Type.Object({ rank: Type.Integer({ minimum: 0 }), address: Text(256), port: Type.Integer({ minimum: 1, maximum: 65_535 }) })
export type Peer = Type.Static<typeof Peer>

/** A checkpoint of a gang, and where its bytes go: under the ordinal that the reporting member gave it. */
export const Closing = Type.Object({ uuid: Uuid, ordinal: Type.Integer({ minimum: 1 }), steps: Type.Integer({ minimum: 0 }) })
export type Closing = Type.Static<typeof Closing>

/** One allocation as the master wants it on this agent; the spec is fetched once by digest. */
export const Desired = Type.Object({
  alloc: AllocationIdText,
  want: Type.Enum([...WANTS]),
  /** absent only with `discard` */
  spec: Type.Optional(Digest),
  /** why, for `preempt`, `stop`, `kill`, `discard`: shown in the task log */
  reason: Type.Optional(Text(512)),
  /** of a gang, in order of rank: present once every member has said where it is, and no container starts before */
  peers: Type.Optional(Type.Array(Peer, { maxItems: 1024 })),
  /** of a gang: reported checkpoints that wait for this member's part, also after its container is gone */
  close: Type.Optional(Type.Array(Closing, { maxItems: 256 })),
})
export type Desired = Type.Static<typeof Desired>

/** The whole desired state of the agent, never a change to it. Absence means nothing: see `discard`. */
export const HeartbeatReply = Type.Union([
  Type.Object({ v: Type.Literal(1), kind: Type.Literal('same'), store: Text(64), needInventory: Type.Boolean() }),
  Type.Object({
    v: Type.Literal(1),
    kind: Type.Literal('desired'),
    store: Text(64),
    needInventory: Type.Boolean(),
    generation: Type.Integer({ minimum: 1 }),
    desired: Type.Array(Desired, { maxItems: 2048 }),
    /** why the instance goes: accept nothing more, answer `drained` when nothing is held */
    retire: Type.Optional(Text(512)),
  }),
  Type.Object({ v: Type.Literal(1), kind: Type.Literal('refused'), store: Text(64), error: Text(1024) }),
])
export type HeartbeatReply = Type.Static<typeof HeartbeatReply>
