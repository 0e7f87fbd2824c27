import Type from 'typebox'
import { IdText, Text } from './scalars.ts'

/**
 * Live feed over WebSocket at /api/v1/drover/live. A client subscribes with the cursor it holds and gets all that
 * came after it, pushed; after a reconnect it sends the newest cursor again, so nothing is lost or doubled.
 */
export const LiveSubscribe = Type.Object({
  kind: Type.Literal('subscribe'),
  /** chosen by the client, echoed in each answer */
  id: Type.Integer({ minimum: 0 }),
  topic: Type.Union([
    /** what happens to everything, or to one experiment, instance or pool, or of one kind */
    Type.Object({
      name: Type.Literal('events'), after: Type.Integer({ minimum: 0 }), experimentId: Type.Optional(Type.Integer()), instanceId: Type.Optional(IdText), pool: Type.Optional(IdText), kind: Type.Optional(Text(64)),
    }),
    /** lines of a task; the cursor is the line number */
    Type.Object({ name: Type.Literal('logs'), taskId: Type.String({ pattern: '^[A-Za-z0-9_.-]{1,64}$' }), after: Type.Integer({ minimum: 0 }) }),
    /** metric reports of a trial; the cursor is the report id */
    Type.Object({ name: Type.Literal('metrics'), trialId: Type.Integer(), after: Type.Integer({ minimum: 0 }) }),
  ]),
})
export const LiveUnsubscribe = Type.Object({ kind: Type.Literal('unsubscribe'), id: Type.Integer({ minimum: 0 }) })
export const LiveRequest = Type.Union([LiveSubscribe, LiveUnsubscribe])
export type LiveRequest = Type.Static<typeof LiveRequest>

export const LiveEvent = Type.Object({
  id: Type.Integer(), time: Text(40), kind: Text(64), experimentId: Type.Union([Type.Integer(), Type.Null()]), trialId: Type.Union([Type.Integer(), Type.Null()]),
  allocationId: Type.Union([Text(80), Type.Null()]), agentId: Type.Union([Text(64), Type.Null()]), instanceId: Type.Union([Text(64), Type.Null()]), pool: Type.Union([Text(64), Type.Null()]), text: Type.String(), data: Type.Record(Type.String(), Type.Unknown()),
})
export type LiveEvent = Type.Static<typeof LiveEvent>
export const LiveLine = Type.Object({
  id: Type.Integer(), time: Text(40), level: Text(16), std: Text(8), rank: Type.Integer(), agentId: Text(64), containerId: Text(128), source: Text(64), log: Type.String(),
})
export type LiveLine = Type.Static<typeof LiveLine>
export const LiveMetric = Type.Object({ id: Type.Integer(), time: Text(40), group: Text(128), steps: Type.Integer(), values: Type.Record(Type.String(), Type.Unknown()) })
export type LiveMetric = Type.Static<typeof LiveMetric>

/** `end`: a terminal task has no more lines or metrics; the subscription is over. */
export type LiveMessage =
  | { kind: 'events'; id: number; cursor: number; items: LiveEvent[] }
  | { kind: 'logs'; id: number; cursor: number; items: LiveLine[] }
  | { kind: 'metrics'; id: number; cursor: number; items: LiveMetric[] }
  | { kind: 'end'; id: number; cursor: number }
  | { kind: 'error'; id: number | null; message: string }
