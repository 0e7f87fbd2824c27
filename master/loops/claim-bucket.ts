import { BucketError, type Bucket } from '../../protocol/bucket/door.ts'
import { clusterKey } from '../../protocol/bucket/layout.ts'

const CLAIM_MAX_BYTES = 64 * 1024

/** The prefix belongs to another cluster, or what lies there is no claim: the master must not start. */
export class PrefixTaken extends Error {
  override readonly name = 'PrefixTaken'
}

export interface Claim {
  bucket: Bucket
  prefix: string
  clusterId: string
  clusterName: string
  createdAt: string
}

/** Puts `cluster.json` once; where one is there already it must be this cluster's. Throws BucketError or PrefixTaken. */
export async function claimBucket(claim: Claim, signal: AbortSignal): Promise<void> {
  const key = clusterKey(claim.prefix, claim.clusterId)
  const body = { format: 'drover-cluster/1', clusterId: claim.clusterId, clusterName: claim.clusterName, createdAt: claim.createdAt }
  try {
    await claim.bucket.putBytes(key, Buffer.from(`${JSON.stringify(body, null, 2)}\n`), { signal, create: true, contentType: 'application/json' })
  } catch (error) {
    if (!(error instanceof BucketError) || error.kind !== 'exists') throw error
    const found = clusterIdIn(await claim.bucket.getBytes(key, { signal, maxBytes: CLAIM_MAX_BYTES }))
    if (found === claim.clusterId) return
    throw new PrefixTaken(`${claim.bucket.url}/${key} belongs to ${found === null ? 'something that is no Drover cluster' : `cluster ${found}`}, this is cluster ${claim.clusterId}: give this cluster another prefix in checkpoint_storage`)
  }
}

function clusterIdIn(bytes: Uint8Array): string | null {
  try {
    const value: unknown = JSON.parse(Buffer.from(bytes).toString('utf8'))
    return typeof value === 'object' && value !== null && 'clusterId' in value && typeof value.clusterId === 'string' ? value.clusterId : null
  } catch {
    return null
  }
}
