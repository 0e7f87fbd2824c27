import { randomUUID } from 'node:crypto'
import { createServer, request, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { DescribeImagesCommand, DescribeInstancesCommand, DescribeVolumesCommand, EC2Client } from '@aws-sdk/client-ec2'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { realClock } from '../../protocol/kit/clock.ts'
import { createLog } from '../../protocol/kit/log.ts'
import { cloudContract, testLaunch } from './contract.ts'
import type { Cloud } from './door.ts'
import { openClouds } from './open.ts'

const endpoint = process.env['DROVER_TEST_AWS_ENDPOINT'] ?? ''
if (endpoint === '') console.warn('cloud.aws.test.ts skipped: DROVER_TEST_AWS_ENDPOINT is not set')
const PAGE = 2

describe.skipIf(endpoint === '')('EC2 by moto', () => {
  let pager: Server
  let pages = 0
  let imageId = ''
  const admin = new EC2Client({ endpoint, region: 'us-east-1' })

  beforeAll(async () => {
    pager = await startPager(() => (pages += 1))
    vi.stubEnv('AWS_ENDPOINT_URL_EC2', `http://127.0.0.1:${(pager.address() as AddressInfo).port}`)
    const images = (await admin.send(new DescribeImagesCommand({ Owners: ['amazon'] }))).Images ?? []
    imageId = images.find((image) => image.RootDeviceType === 'ebs')?.ImageId ?? ''
  })
  afterAll(() => {
    vi.unstubAllEnvs()
    admin.destroy()
    pager.closeAllConnections()
    pager.close()
  })

  async function openOne(): Promise<Cloud> {
    const clouds = await openClouds(['us-east-1', 'us-east-1'], {
      clusterId: `test-${randomUUID()}`, log: createLog({ name: 'test', level: 'error' }), clock: realClock, signal: new AbortController().signal,
    })
    const cloud = clouds.get('us-east-1')
    if (!cloud || clouds.size !== 1) throw new Error('one door for one region was expected')
    return cloud
  }

  // moto keeps a ClientToken without looking at it, and stumbles over the network interface of an instance that ended before
  cloudContract('moto', async () => ({ cloud: await openOne(), other: await openOne(), imageId }), ['one token, one launch', 'ending twice'])

  test('a list goes through all pages', async () => {
    const cloud = await openOne()
    const [place] = await cloud.places([])
    if (!place) throw new Error('moto has no default subnet')
    const made = new Set<string>()
    for (let n = 0; n < 2 * PAGE + 1; n += 1) for (const { id } of await cloud.launch(testLaunch(place, imageId))) made.add(id)
    pages = 0
    const listed = await cloud.list()
    expect(pages).toBe(3)
    expect(new Set(listed.map(({ id }) => id))).toEqual(made)
    await cloud.terminate([...made])
    cloud.close()
  })

  test('what EC2 keeps: tags on instance and volume, user data, the root volume under the name of the image', async () => {
    const cloud = await openOne()
    const [, , place] = await cloud.places([])
    if (!place) throw new Error('moto has too few zones')
    const launch = testLaunch(place, imageId)
    const [made] = await cloud.launch({ ...launch, settings: { ...launch.settings, tags: [{ key: 'team', value: 'vision' }] } })
    const told = await admin.send(new DescribeInstancesCommand({ InstanceIds: [made?.id ?? ''] }))
    const instance = told.Reservations?.[0]?.Instances?.[0]
    const tags = Object.fromEntries((instance?.Tags ?? []).map(({ Key, Value }) => [Key, Value]))
    expect(tags).toMatchObject({ 'drover:pool': 'gpu', 'drover:launch': launch.token, Name: 'drover-gpu', team: 'vision', 'drover:cluster': expect.stringMatching(/^test-/) })
    expect(instance).toMatchObject({ SubnetId: place.subnet, Placement: { AvailabilityZone: place.zone }, MetadataOptions: { HttpTokens: 'required', HttpPutResponseHopLimit: 1 } })
    const volumeId = instance?.BlockDeviceMappings?.find((device) => device.DeviceName === instance.RootDeviceName)?.Ebs?.VolumeId
    const [volume] = (await admin.send(new DescribeVolumesCommand({ VolumeIds: [volumeId ?? ''] }))).Volumes ?? []
    expect(volume).toMatchObject({ Size: 100, VolumeType: 'gp3', Encrypted: true })
    expect(volume?.Tags).toEqual(expect.arrayContaining([{ Key: 'drover:launch', Value: launch.token }]))
    await cloud.terminate([made?.id ?? ''])
    cloud.close()
  })

  test('no region, no door', async () => {
    expect((await openClouds([], { clusterId: 'c', log: createLog({ name: 'test', level: 'error' }), clock: realClock, signal: new AbortController().signal })).size).toBe(0)
  })
})

/** Passes everything on, but asks for small pages. */
async function startPager(onPage: () => void): Promise<Server> {
  const server = createServer((incoming, outgoing) => {
    void text(incoming).then((body) => {
      const small = body.replace(/MaxResults=\d+/, `MaxResults=${PAGE}`)
      if (small !== body && body.includes('Action=DescribeInstances&')) onPage()
      const headers = { ...incoming.headers, 'content-length': String(Buffer.byteLength(small)) }
      const upstream = request(new URL(incoming.url ?? '/', endpoint), { method: incoming.method ?? 'POST', headers }, (answer) => {
        outgoing.writeHead(answer.statusCode ?? 500, answer.headers)
        answer.pipe(outgoing)
      })
      upstream.on('error', () => outgoing.destroy())
      upstream.end(small)
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return server
}
