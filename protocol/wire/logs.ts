import Type from 'typebox'
import { Millis, Text } from './scalars.ts'

/**
 * Logs of one container, read from Docker's json-file by byte offset. The cursor of truth stands in Postgres:
 * a batch is applied only where `from` equals it; otherwise the reply says where to go on. So neither a lost
 * reply nor a killed agent loses or doubles a line (I11). An empty batch asks for the cursor.
 */
export const LogLine = Type.Object({
  t: Millis,
  std: Type.Union([Type.Literal('stdout'), Type.Literal('stderr')]),
  text: Type.String({ maxLength: 65600 }),
})
export type LogLine = Type.Static<typeof LogLine>

/** The allocation is in the subject. JSON of at most 512 KiB, one in flight per allocation. */
export const LogBatch = Type.Object({
  v: Type.Literal(1),
  rank: Type.Integer({ minimum: 0 }),
  containerId: Text(128),
  /** byte offset in the json-file before and after these lines */
  from: Type.Integer({ minimum: 0 }),
  to: Type.Integer({ minimum: 0 }),
  lines: Type.Array(LogLine, { maxItems: 8192 }),
})
export type LogBatch = Type.Static<typeof LogBatch>

export const LogReply = Type.Union([
  /** committed up to `cursor`; go on from there */
  Type.Object({ v: Type.Literal(1), ok: Type.Literal(true), cursor: Type.Integer({ minimum: 0 }) }),
  /** `final`: this allocation takes no more lines (sealed or foreign) */
  Type.Object({ v: Type.Literal(1), ok: Type.Literal(false), final: Type.Boolean(), error: Text(1024) }),
])
export type LogReply = Type.Static<typeof LogReply>
