import { GetConsoleOutputCommand, type EC2Client } from '@aws-sdk/client-ec2'
import type { Caller } from './caller.ts'
import { CloudError } from './door.ts'

const BYTES_MAX = 64 * 1024

/** The end of the serial console. Only Nitro instances tell the latest; of others it is what EC2 kept last. */
export async function readConsole(client: EC2Client, caller: Caller, id: string): Promise<string> {
  try {
    return await ask({ Latest: true }).catch((error: unknown) => {
      if (error instanceof CloudError && (error.kind === 'unsupported' || error.kind === 'parameters')) return ask({})
      throw error
    })
  } catch (error) {
    if (error instanceof CloudError && error.kind === 'not-found') return ''
    throw error
  }

  async function ask(how: { Latest?: boolean }): Promise<string> {
    const answer = await caller.call('GetConsoleOutput', (send) => send((options) => client.send(new GetConsoleOutputCommand({ InstanceId: id, ...how }), options)))
    return endOf(Buffer.from(answer.Output ?? '', 'base64'))
  }
}

/** Whole characters only. */
export function endOf(bytes: Buffer): string {
  let from = Math.max(0, bytes.length - BYTES_MAX)
  if (from > 0) while (((bytes[from] ?? 0) & 0xc0) === 0x80) from += 1
  return bytes.subarray(from).toString('utf8')
}
