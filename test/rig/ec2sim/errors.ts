import { randomUUID } from 'node:crypto'

/** An answer of EC2 that is an error. */
export interface Ec2Error {
  code: string
  status: number
  message: string
}

/** What a text may name; '' where the call does not. */
export interface ErrorFacts {
  action: string
  type: string
  zone: string
  market: string
  subnet: string
}

type Text = string | ((facts: ErrorFacts) => string)

const LIMITS = 'Please visit http://aws.amazon.com/contact-us/ec2-request to request an adjustment to this limit.'

/** Status and words of EC2 itself, as people report them. */
const KNOWN: Readonly<Record<string, readonly [status: number, text: Text]>> = {
  InsufficientInstanceCapacity: [500, capacityText],
  VcpuLimitExceeded: [400, `You have requested more vCPU capacity than your current vCPU limit of 32 allows for the instance bucket that the specified instance type belongs to. ${LIMITS}`],
  InstanceLimitExceeded: [400, `You have requested more instances (1) than your current instance limit of 0 allows for the specified instance type. ${LIMITS}`],
  MaxSpotInstanceCountExceeded: [400, 'Max spot instance count exceeded'],
  SpotMaxPriceTooLow: [400, 'Your Spot request price of 0.001 is lower than the minimum required Spot request fulfillment price of 0.0374.'],
  RequestLimitExceeded: [503, 'Request limit exceeded.'],
  Unavailable: [503, 'The server is overloaded and cannot handle the request.'],
  InternalError: [500, 'An internal error has occurred'],
  UnauthorizedOperation: [403, ({ action }) => `You are not authorized to perform this operation. User: arn:aws:iam::123456789012:user/drover is not authorized to perform: ec2:${action} because no identity-based policy allows the ec2:${action} action. Encoded authorization failure message: 4GIOHlTkIaWHQD0Q0m6XSnuUMCm-abcdefghijklmn`],
  InvalidParameterValue: [400, ({ type }) => `Invalid value '${type}' for InstanceType.`],
  'InvalidAMIID.NotFound': [400, "The image id '[ami-0]' does not exist"],
  'InvalidSubnetID.NotFound': [400, ({ subnet }) => `The subnet ID '${subnet}' does not exist`],
  Unsupported: [400, ({ type, zone }) => `Your requested instance type (${type}) is not supported in your requested Availability Zone (${zone}). Please retry your request by not specifying an Availability Zone or choosing us-east-1b, us-east-1c, us-east-1d.`],
  IdempotentParameterMismatch: [400, 'Arguments on this idempotent request are inconsistent with arguments used in previous request(s).'],
  IdempotentInstanceTerminated: [400, 'The client token you have provided is associated with a terminated instance. Please use a different client token.'],
}

function capacityText({ type, zone, market }: ErrorFacts): string {
  if (market === 'spot') return 'There is no Spot capacity available that matches your request.'
  const where = zone ? `in the Availability Zone you requested (${zone})` : 'in the Region you requested'
  return `We currently do not have sufficient ${type} capacity ${where}. Our system will be working on provisioning additional capacity. You can currently get ${type} capacity by not specifying an Availability Zone in your request or choosing us-east-1b, us-east-1c.`
}

/** EC2's own status and words for the code, unless they are given. Throws where neither is known. */
export function ec2Error(code: string, facts: ErrorFacts, given: { status?: number | undefined; message?: string | undefined } = {}): Ec2Error {
  const known = KNOWN[code]
  const message = given.message ?? (typeof known?.[1] === 'function' ? known[1](facts) : known?.[1])
  const status = given.status ?? known?.[0]
  if (message === undefined || status === undefined) throw new Error(`ec2sim does not know EC2's words for ${code}: give the rule a status and a message`)
  return { code, status, message }
}

export function errorXml({ code, message }: Ec2Error): string {
  const text = message.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')
  return `<?xml version="1.0" encoding="UTF-8"?>\n<Response><Errors><Error><Code>${code}</Code><Message>${text}</Message></Error></Errors><RequestID>${randomUUID()}</RequestID></Response>`
}

/** Ends the handling of a call with EC2's error. */
export class Refusal extends Error {
  override readonly name = 'Refusal'
  readonly answer: Ec2Error
  constructor(answer: Ec2Error) {
    super(`${answer.code}: ${answer.message}`)
    this.answer = answer
  }
}

export function notFound(ids: readonly string[]): Refusal {
  const message = ids.length === 1 ? `The instance ID '${ids[0]}' does not exist` : `The instance IDs '${ids.join(', ')}' do not exist`
  return new Refusal({ code: 'InvalidInstanceID.NotFound', status: 400, message })
}
