import { mkdir, open, readFile, rename } from 'node:fs/promises'
import { join } from 'node:path'
import Type from 'typebox'
import { Check } from 'typebox/value'

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
  let text: string
  try {
    text = await readFile(path, 'utf8')
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return null
    throw error
  }
  const identity = parse(text)
  if (Check(Identity, identity)) return identity
  throw new Error(`${path} is damaged: remove it and start the agent with DROVER_JOIN_TOKEN to enrol again`)
}

/** Whole or not at all, durable when it resolves. */
export async function saveIdentity(stateDir: string, identity: Identity): Promise<void> {
  await mkdir(stateDir, { recursive: true, mode: 0o700 })
  const path = join(stateDir, 'identity.json')
  const file = await open(`${path}.new`, 'w', 0o600)
  try {
    await file.writeFile(JSON.stringify(identity))
    await file.sync()
  } finally {
    await file.close()
  }
  await rename(`${path}.new`, path)
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
