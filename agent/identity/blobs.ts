import { createHash } from 'node:crypto'
import { BlobError, type Blobs } from '../steps/context.ts'
import { MasterRefused, type MasterHttp } from './https.ts'

/** Blobs over `GET /agent/v1/blobs/<digest>`; what does not have the digest it was asked by is not taken. */
export function masterBlobs(http: MasterHttp, token: () => string): Blobs {
  return {
    fetch: async (digest, maxBytes, signal) => {
      const bytes = await fetchBytes(http, digest, token(), maxBytes, signal)
      const found = createHash('sha256').update(bytes).digest('hex')
      if (found !== digest) throw new BlobError(`the master sent bytes of SHA-256 ${found} for ${digest}`)
      return bytes
    },
  }
}

async function fetchBytes(http: MasterHttp, digest: string, token: string, maxBytes: number, signal: AbortSignal): Promise<Buffer> {
  try {
    return await http.bytes(`/agent/v1/blobs/${digest}`, token, maxBytes, signal)
  } catch (error) {
    // any other refusal (a token that is being renewed, an overload) may pass
    if (error instanceof MasterRefused && (error.status === 404 || error.status === 410)) throw new BlobError(`the master does not have blob ${digest}: ${error.message}`, { cause: error })
    throw error
  }
}
