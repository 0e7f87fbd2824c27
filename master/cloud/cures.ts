import type { CloudFailure } from '../../protocol/words/instances.ts'

const BY_KIND: Readonly<Record<CloudFailure, string>> = {
  capacity: 'nothing needs to be done: other offers are tried, and this one again later; more instance types or zones in the pool make it likelier',
  quota: 'ask AWS for more in Service Quotas, Amazon EC2, or lower max_instances of the pool',
  price: 'raise spot_max_price of the pool or leave it out (the on-demand price is the limit then), or set market to spot-then-on-demand',
  throttled: 'nothing needs to be done: it is asked again more slowly; if it lasts, see what else calls EC2 in this account',
  permission: "give the master's role the permission that EC2 names, then resume the pool",
  parameters: "correct what EC2 names in the pool's provider in master.yaml, then start the master anew",
  unsupported: 'name other instance types or zones in the pool: this type is not to be had there',
  'not-found': 'nothing needs to be done: EC2 does not know the instance any more',
  unavailable: 'nothing needs to be done: it is asked again; if it lasts, see whether the master reaches EC2 (network, AWS_ENDPOINT_URL, health of AWS)',
}

/** Where the code alone says more than its kind. */
const BY_CODE: Readonly<Record<string, string>> = {
  VcpuLimitExceeded:
    'ask AWS for more vCPUs: Service Quotas, Amazon EC2, "Running On-Demand ... instances" of the family (for g5 and g6: "Running On-Demand G and VT instances"; for p4 and p5: "Running On-Demand P instances")',
  InstanceLimitExceeded: 'ask AWS for more of this type in Service Quotas, Amazon EC2, or lower max_instances of the pool',
  MaxSpotInstanceCountExceeded:
    'ask AWS for more spot vCPUs: Service Quotas, Amazon EC2, "All ... Spot Instance Requests" of the family (for g5 and g6: "All G and VT Spot Instance Requests"), or set market to spot-then-on-demand',
  InsufficientFreeAddressesInSubnet: 'add a larger subnet of that zone to the pool, or free addresses in this one; until then other zones are tried',
  CredentialsProviderError: 'give the master credentials: an instance profile or task role, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE',
  ExpiredToken: "renew the master's session credentials; with a role they renew themselves",
  RequestExpired: "set the clock of the master's host right (NTP): EC2 refuses requests that are five minutes off",
  SignatureDoesNotMatch: "correct AWS_SECRET_ACCESS_KEY, or the clock of the master's host",
  InvalidClientTokenId: 'correct AWS_ACCESS_KEY_ID: EC2 does not know it',
  AuthFailure: "correct the master's credentials and see that the region is enabled for the account",
  'AuthFailure.ServiceLinkedRoleCreationNotPermitted': 'make the role AWSServiceRoleForEC2Spot once (aws iam create-service-linked-role --aws-service-name spot.amazonaws.com), then resume the pool',
  OptInRequired: 'enable the region, or subscribe to the machine image in AWS Marketplace, then resume the pool',
  PendingVerification: 'wait until AWS has verified the account (it sends a mail), then resume the pool',
  OperationNotPermitted: 'switch termination protection of the instance off: Drover cannot end it',
  'InvalidAMIID.NotFound': "correct image_id of the pool: images belong to one region, and the master's account must be allowed to use them",
  'InvalidSubnetID.NotFound': 'correct subnets of the pool: they belong to one region and one account',
  'InvalidGroup.NotFound': 'correct security_groups of the pool: they must be in the same VPC as the subnets',
  'InvalidKeyPair.NotFound': 'correct ssh_key_name of the pool, or leave it out: key pairs belong to one region',
  InvalidBlockDeviceMapping: "raise root_volume_size of the pool to at least the size of the image's own volume",
  IdempotentParameterMismatch: "the pool's settings changed while this launch was under way: resume the pool, the next launch has the new ones",
}

/** One sentence for people: what makes it go on. */
export function cureOf(kind: CloudFailure, code: string): string {
  return (Object.hasOwn(BY_CODE, code) ? BY_CODE[code] : undefined) ?? BY_KIND[kind]
}
