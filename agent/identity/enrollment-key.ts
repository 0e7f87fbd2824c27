import { join } from 'node:path'
import { createUser, fromSeed, type KeyPair } from '@nats-io/nkeys'
import { readWhole, saveWhole } from '../../protocol/kit/whole-file.ts'

/**
 * The key with which this agent enrols, in `<stateDir>/enrollment.nk`, mode 0600: made once and durable before the first
 * request. The master binds the agent's id to it, so a try whose reply was lost must come again with the same key.
 */
export async function loadEnrollmentKey(stateDir: string): Promise<KeyPair> {
  const path = join(stateDir, 'enrollment.nk')
  const stored = await readWhole(path)
  if (stored !== null) return fromStored(stored, path)
  const pair = createUser()
  await saveWhole(path, pair.getSeed())
  return pair
}

function fromStored(stored: Buffer, path: string): KeyPair {
  try {
    return fromSeed(new Uint8Array(stored))
  } catch (error) {
    throw new Error(`${path} is damaged: remove it; if the master then refuses this agent's id, give the agent another DROVER_AGENT_ID`, { cause: error })
  }
}
