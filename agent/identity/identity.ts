import { join } from 'node:path'
import Type from 'typebox'
import { Check } from 'typebox/value'
import { readWhole, saveWhole } from '../../protocol/kit/whole-file.ts'

/** Who this agent is, kept in `<stateDir>/identity.json`, mode 0600. The seed never leaves the host. */
export const Identity = Type.Object({
  masterUrl: Type.String(),
  agentId: Type.String(),
  clusterId: Type.String(),
  /** of the NATS user key */
  seed: Type.String(),
  jwt: Type.String(),
  natsUrls: Type.Array(Type.String()),
  /** bearer for the /agent/v1 routes */
  agentToken: Type.String(),
  /** PEM of the master's CA */
  ca: Type.String(),
})
export type Identity = Type.Static<typeof Identity>

/** Null before the first enrolment. Throws where the file is there and cannot be used. */
export async function readIdentity(stateDir: string): Promise<Identity | null> {
  const path = join(stateDir, 'identity.json')
  const stored = await readWhole(path)
  if (stored === null) return null
  const identity = parse(stored.toString('utf8'))
  if (Check(Identity, identity)) return identity
  throw new Error(`${path} is damaged: remove it and start the agent with DROVER_JOIN_TOKEN to enrol again`)
}

export function saveIdentity(stateDir: string, identity: Identity): Promise<void> {
  return saveWhole(join(stateDir, 'identity.json'), JSON.stringify(identity))
}

/** Times of a NATS JWT, Unix milliseconds; null where it names none. It is read, not verified: the server does that. */
export function lifeOf(jwt: string): { issuedMs: number; expiresMs: number } | null {
  const claims = parse(Buffer.from(jwt.split('.')[1] ?? '', 'base64url').toString('utf8'))
  if (typeof claims !== 'object' || claims === null || !('iat' in claims) || !('exp' in claims)) return null
  const { iat, exp } = claims
  return typeof iat === 'number' && typeof exp === 'number' ? { issuedMs: iat * 1000, expiresMs: exp * 1000 } : null
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return null // the callers say what a text that is no JSON means to them
  }
}
