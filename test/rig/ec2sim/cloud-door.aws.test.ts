import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, vi } from 'vitest'
import type { Cloud } from '../../../master/cloud/door.ts'
import { cloudContract } from '../../../master/cloud/contract.ts'
import { openClouds } from '../../../master/cloud/open.ts'
import { realClock } from '../../../protocol/kit/clock.ts'
import { createLog } from '../../../protocol/kit/log.ts'
import { IMAGE } from '../ec2-stack.ts'
import { missing, startMoto, type OwnMoto } from './contract.fixture.ts'
import type { Ec2Sim } from './door.ts'
import { startEc2Sim } from './ec2sim.ts'

if (missing) process.stderr.write(`EC2 simulator tests skipped: ${missing}\n`)

describe.skipIf(missing !== null)('the master\'s door to EC2, through ec2sim', () => {
  let moto: OwnMoto
  let sim: Ec2Sim
  beforeAll(async () => {
    moto = await startMoto()
    sim = await startEc2Sim({ moto: moto.url })
    Object.assign(sim.settings, { pendingMs: 50, shuttingDownMs: 50, pageSize: 2 })
    for (const type of ['g5.xlarge', 'g4dn.xlarge']) for (const zone of ['us-east-1a', 'us-east-1b']) sim.spotPrice({ type, zone, perHour: 0.41 })
    for (const [name, value] of Object.entries({ AWS_ENDPOINT_URL_EC2: sim.url, AWS_ACCESS_KEY_ID: 'test', AWS_SECRET_ACCESS_KEY: 'test' })) vi.stubEnv(name, value)
  })
  afterAll(async () => {
    vi.unstubAllEnvs()
    await sim?.close()
    await moto?.stop()
  })

  async function openOne(): Promise<Cloud> {
    const clouds = await openClouds(['us-east-1'], { clusterId: `test-${randomUUID()}`, log: createLog({ name: 'test', level: 'error' }), clock: realClock, signal: new AbortController().signal })
    const cloud = clouds.get('us-east-1')
    if (!cloud) throw new Error('no door for the region')
    return cloud
  }

  // nothing is lacking
  cloudContract('ec2sim', async () => ({ cloud: await openOne(), other: await openOne(), imageId: IMAGE }))
})
