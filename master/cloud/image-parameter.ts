import { GetParameterCommand, SSMClient } from '@aws-sdk/client-ssm'
import type { Clock } from '../../protocol/kit/clock.ts'
import type { Caller } from './caller.ts'
import { CloudError } from './door.ts'

/** a new image is used by the next launches, not asked for by each */
const KNOWN_MS = 300_000
const IMAGE = /^ami-[0-9a-f]{8,17}$/

/** The image that `ssm:/name` stands for just now. CloudError where the parameter is not there or holds no image. */
export function createImageParameter({ region, caller, clock }: { region: string; caller: Caller; clock: Clock }): (name: string) => Promise<string> {
  const known = new Map<string, { image: string; until: number }>()
  const client = new SSMClient({ region, maxAttempts: 1 })

  return async (name) => {
    const seen = known.get(name)
    if (seen !== undefined && seen.until > clock.monotonicMs()) return seen.image
    const answer = await caller.call('GetParameter', (send) => send((options) => client.send(new GetParameterCommand({ Name: name }), options)))
    const image = answer.Parameter?.Value ?? ''
    if (!IMAGE.test(image)) throw new CloudError('parameters', 'InvalidAMIID.Malformed', `the SSM parameter ${name} holds no machine image: put the id of one there (images/README.md)`)
    known.set(name, { image, until: clock.monotonicMs() + KNOWN_MS })
    return image
  }
}
