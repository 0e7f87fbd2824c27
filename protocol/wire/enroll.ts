import Type from 'typebox'
import { IdText, Text } from './scalars.ts'

/** POST /agent/v1/enroll over HTTPS; the join token is `<secret>.<SHA-256 of the master's CA, hex>`, the agent sends the secret. */
export const EnrollRequest = Type.Object({
  v: Type.Literal(1),
  joinToken: Text(256),
  agentId: IdText,
  /** user nkey of the agent; the seed never leaves its host */
  publicKey: Type.String({ pattern: '^U[A-Z2-7]{55}$' }),
  pool: Text(64),
  hostname: Text(256),
  version: Text(64),
})
export type EnrollRequest = Type.Static<typeof EnrollRequest>

export const EnrollReply = Type.Object({
  v: Type.Literal(1),
  agentId: IdText,
  clusterId: IdText,
  /** NATS user JWT with `agentGrant(agentId)` only, 24 h; renewed by POST /agent/v1/renew */
  jwt: Type.String(),
  natsUrls: Type.Array(Text(512)),
  /** bearer for the /agent/v1 routes */
  agentToken: Text(256),
})
export type EnrollReply = Type.Static<typeof EnrollReply>
export const RenewReply = Type.Object({ v: Type.Literal(1), jwt: Type.String(), natsUrls: Type.Array(Text(512)) })
export type RenewReply = Type.Static<typeof RenewReply>
