import type { StackEvent } from './aws/door.ts'

/** What CloudFormation says, and what a person can do: first match wins. `where` names what failed. */
const CURES: readonly (readonly [RegExp, string])[] = [
  [/not authorized to perform: ?([\w:]+)/i, 'the credentials that you use may not do that: let an administrator grant it, then run up again'],
  [/(maximum number of addresses|AddressLimitExceeded)/i, 'no Elastic IP is left in this region: release one or raise the quota "EC2-VPC Elastic IPs"'],
  [/(maximum number of VPCs|VpcLimitExceeded)/i, 'no VPC is left in this region: name an existing one (network.vpc) or raise the quota "VPCs per Region"'],
  [/InternetGatewayLimitExceeded|maximum number of internet gateways/i, 'no internet gateway is left in this region: name an existing network (network.vpc) or raise its quota'],
  [/(VcpuLimitExceeded|more vCPU capacity)/i, 'the quota of vCPUs is used up: raise "Running On-Demand Standard instances", or take a smaller master.instance_type'],
  [/(InstanceQuotaExceeded|DBInstance quota|maximum number of DB)/i, 'no database is left in this account: raise the quota "DB instances", or use database.type external'],
  [/(Cannot find version|engine version)/i, 'this version of Postgres is not offered here: set database.version to one that `aws rds describe-db-engine-versions` lists'],
  [/(insufficient.*capacity|not supported in your requested Availability Zone|Unsupported)/i, 'this machine type is not to be had here: set another master.instance_type or database.instance_class, or another region'],
  [/(already exists|AlreadyExists|BucketAlreadyOwnedByYou)/i, 'something of that name is left from before: delete it, or take another name for the installation'],
  [/(InvalidAMIID|The image id|does not exist.*image|Unable to fetch parameters)/i, 'the machine image is not there: build it (images/README.md) or set master.image'],
  [/(ServiceLinkedRole|service linked role)/i, 'the account has never used this service: run up again in a minute, the role is made by the first try'],
  [/(Rate exceeded|Throttling)/i, 'AWS was asked too often: run up again'],
  [/DeletionProtection|Cannot delete protected/i, 'the database is protected against deletion: down takes the protection off first; or do so in the RDS console'],
]

export interface Failure {
  readonly resource: string
  readonly type: string
  readonly reason: string
  /** null: AWS's own words must do */
  readonly cure: string | null
}

/** The failures that were causes: what was only cancelled because of another is left out. Oldest first, each resource once. */
export function failuresOf(events: readonly StackEvent[]): Failure[] {
  const causes = events.filter((event) => event.status.endsWith('_FAILED') && !/cancelled|following resource\(s\) failed/i.test(event.reason))
  const first = new Map(causes.toReversed().map((event) => [event.resource, event]))
  return causes
    .filter((event) => first.get(event.resource) === event)
    .map(({ resource, type, reason }) => ({ resource, type, reason, cure: CURES.find(([pattern]) => pattern.test(reason))?.[1] ?? null }))
}

export type Ending = 'running' | 'done' | 'failed' | 'gone'

/** Whether a status of a stack is its last word. A rollback is an end that failed. */
export function endingOf(status: string | null): Ending {
  if (status === null || status === 'DELETE_COMPLETE') return 'gone'
  if (status.endsWith('_IN_PROGRESS')) return 'running'
  return status.includes('ROLLBACK') || status.endsWith('_FAILED') ? 'failed' : 'done'
}
