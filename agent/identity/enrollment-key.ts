import { mkdir, open, readFile, rename } from 'node:fs/promises'
import { join } from 'node:path'
import { createUser, fromSeed, type KeyPair } from '@nats-io/nkeys'

/**
 * The key with which this agent enrols, in `<stateDir>/enrollment.nk`, mode 0600: made once and durable before the first
 * request. The master binds the agent's id to it, so a try whose reply was lost must come again with the same key.
 */
export async function loadEnrollmentKey(stateDir: string): Promise<KeyPair> {
  const path = join(stateDir, 'enrollment.nk')
  const stored = await readFile(path).catch((error: unknown) => {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return null
    throw error
  })
  if (stored !== null) return fromStored(stored, path)
  const pair = createUser()
  await mkdir(stateDir, { recursive: true, mode: 0o700 })
  const file = await open(`${path}.new`, 'w', 0o600)
  try {
    await file.writeFile(pair.getSeed())
    await file.sync()
  } finally {
    await file.close()
  }
  await rename(`${path}.new`, path)
  return pair
}

function fromStored(stored: Buffer, path: string): KeyPair {
  try {
    return fromSeed(new Uint8Array(stored))
  } catch (error) {
    throw new Error(`${path} is damaged: remove it; if the master then refuses this agent's id, give the agent another DROVER_AGENT_ID`, { cause: error })
  }
}
