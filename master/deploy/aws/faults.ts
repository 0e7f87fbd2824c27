/** A refusal of AWS, or of the way to it, in words. */
export interface Fault {
  readonly text: string
  readonly cure: string
  readonly denied: boolean
}

const BY_NAME: Readonly<Record<string, Omit<Fault, 'text'>>> = {
  CredentialsProviderError: { cure: 'set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY; `aws sts get-caller-identity` shows whether they work', denied: true },
  ExpiredToken: { cure: 'log in to AWS again: the credentials have expired', denied: true },
  ExpiredTokenException: { cure: 'log in to AWS again: the credentials have expired', denied: true },
  InvalidClientTokenId: { cure: 'these credentials are not known to AWS: look at AWS_PROFILE and at the account', denied: true },
  UnrecognizedClientException: { cure: 'these credentials are not known to AWS: look at AWS_PROFILE and at the account', denied: true },
  SignatureDoesNotMatch: { cure: 'the secret key is not that of the access key, or the clock of this machine is wrong', denied: true },
  AccessDenied: { cure: 'the credentials may not do that: an administrator has to let them (master/deploy/README.md lists what is needed)', denied: true },
  AccessDeniedException: { cure: 'the credentials may not do that: an administrator has to let them (master/deploy/README.md lists what is needed)', denied: true },
  ValidationError: { cure: 'look at the stack in the CloudFormation console; `drover deploy aws status` says how it stands', denied: false },
  AlreadyExistsException: { cure: 'a stack of that name is there: take another --name', denied: false },
  InsufficientCapabilitiesException: { cure: 'the credentials may not make roles: an administrator has to let them', denied: true },
  LimitExceededException: { cure: 'the account has as many stacks as it may: delete one, or raise the quota', denied: false },
  Throttling: { cure: 'AWS was asked too often: run the command again in a minute', denied: false },
  TimeoutError: { cure: 'AWS did not answer: look at the network, a proxy and AWS_ENDPOINT_URL', denied: false },
}

/** Null where it is no fault of AWS's: then it is one of ours. */
export function faultOf(error: unknown): Fault | null {
  if (!(error instanceof Error)) return null
  const known = BY_NAME[error.name]
  if (known !== undefined) return { text: `${error.name}: ${error.message}`, ...known }
  if ('code' in error && typeof error.code === 'string' && /^(ECONN|ENOTFOUND|EAI_AGAIN|ETIMEDOUT|EHOST|ENET)/.test(error.code)) {
    return { text: `AWS cannot be reached: ${error.message}`, cure: 'look at the network, a proxy and AWS_ENDPOINT_URL', denied: false }
  }
  if ('$metadata' in error || error.message.startsWith('CloudFormation refused')) return { text: `${error.name}: ${error.message}`, cure: 'the words are those of AWS; `drover deploy aws status` says how the stack stands', denied: false }
  return null
}
