import type { Json, Resources, StackConfig } from '../words.ts'
import { arn, attribute, joined, policy, ref, resource, tags } from './make.ts'

const UNFINISHED_DAYS = 7

export const bucketName = (config: StackConfig): Json => config.bucket.name ?? ref('Bucket')
export const bucketArn = (config: StackConfig): Json => (config.bucket.name === null ? attribute('Bucket', 'Arn') : arn(`s3:::${config.bucket.name}`))

/** Objects below the installation's prefix. `below` may end in `*`. */
export function objectsArn(config: StackConfig, below: string): Json {
  const prefix = config.bucket.prefix === '' ? '' : `${config.bucket.prefix}/`
  return joined([bucketArn(config), `/${prefix}${below}`])
}

/**
 * The bucket outlives the stack: checkpoints are why people came. Encrypted, reached over TLS only, closed to the public; uploads that
 * nobody finished are not paid for longer than a week. A bucket that was named is left as it is.
 */
export function bucketResources(config: StackConfig): Resources {
  if (config.bucket.name !== null) return {}
  return {
    Bucket: resource('AWS::S3::Bucket', {
      BucketEncryption: { ServerSideEncryptionConfiguration: [{ ServerSideEncryptionByDefault: { SSEAlgorithm: 'AES256' } }] },
      PublicAccessBlockConfiguration: { BlockPublicAcls: true, BlockPublicPolicy: true, IgnorePublicAcls: true, RestrictPublicBuckets: true },
      OwnershipControls: { Rules: [{ ObjectOwnership: 'BucketOwnerEnforced' }] },
      LifecycleConfiguration: { Rules: [{ Id: 'unfinished-uploads', Status: 'Enabled', AbortIncompleteMultipartUpload: { DaysAfterInitiation: UNFINISHED_DAYS } }] },
      Tags: tags(config),
    }, { DeletionPolicy: 'Retain', UpdateReplacePolicy: 'Retain' }),
    BucketPolicy: resource('AWS::S3::BucketPolicy', {
      Bucket: ref('Bucket'),
      PolicyDocument: policy([{ Sid: 'OnlyOverTls', Effect: 'Deny', Principal: '*', Action: 's3:*', Resource: [attribute('Bucket', 'Arn'), joined([attribute('Bucket', 'Arn'), '/*'])], Condition: { Bool: { 'aws:SecureTransport': 'false' } } }]),
    }, { DeletionPolicy: 'Retain', UpdateReplacePolicy: 'Retain' }),
  }
}
