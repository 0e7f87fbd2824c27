import { DeleteBucketCommand, DeleteObjectsCommand, ListObjectsV2Command, S3Client } from '@aws-sdk/client-s3'

/**
 * Deletes every object of an S3 bucket, then the bucket; gives how many objects there were. For taking an installation away, never in
 * the course of work. Throws what the SDK throws, or an Error that names the first object that S3 did not delete.
 */
export async function removeS3Bucket({ name, region, signal, tell }: { name: string; region: string; signal: AbortSignal; tell: (removed: number) => void }): Promise<number> {
  const client = new S3Client({ region })
  const options = { abortSignal: signal }
  let removed = 0
  try {
    for (;;) {
      const { Contents = [] } = await client.send(new ListObjectsV2Command({ Bucket: name }), options)
      if (Contents.length === 0) break
      const reply = await client.send(new DeleteObjectsCommand({ Bucket: name, Delete: { Objects: Contents.map(({ Key }) => ({ Key })), Quiet: true } }), options)
      const first = reply.Errors?.[0]
      if (first !== undefined) throw new Error(`S3 did not delete ${first.Key ?? 'an object'}: ${first.Code ?? ''} ${first.Message ?? ''}`)
      removed += Contents.length
      tell(removed)
    }
    await client.send(new DeleteBucketCommand({ Bucket: name }), options)
    return removed
  } finally {
    client.destroy()
  }
}
