import Type from 'typebox'
import { ID_PATTERN } from '../words/ids.ts'

/** Scalars every family shares. All text is bounded and free of NUL: Postgres cannot hold one. */
export const Text = (maxLength: number) => Type.String({ maxLength, pattern: '^[^\\u0000]*$' })
export const IdText = Type.String({ pattern: ID_PATTERN })
export const AllocationIdText = Type.String({ pattern: '^[A-Za-z0-9_-]{1,64}\\.[1-9][0-9]{0,8}$', maxLength: 80 })
export const UUID_PATTERN = '^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$'
export const Uuid = Type.String({ pattern: UUID_PATTERN })
/** SHA-256, lower-case hex. */
export const Digest = Type.String({ pattern: '^[0-9a-f]{64}$' })
/** Unix time in milliseconds, of the sender; for display and never for ordering. */
export const Millis = Type.Number({ minimum: 0, maximum: 4102444800000 })
