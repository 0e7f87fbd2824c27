import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest'
import { realClock } from '../../protocol/kit/clock.ts'
import { createLog } from '../../protocol/kit/log.ts'
import { testLaunch } from './contract.ts'
import { createCloud } from './create.ts'
import type { Cloud } from './door.ts'
import { giveError, giveXml, startStub, type Ec2Stub } from './stub-rig.ts'

const IMAGE = 'ami-0123456789abcdef0'
const PLACE = { subnet: 'subnet-0a', zone: 'us-west-2b' }
const BASE = testLaunch(PLACE, IMAGE)
const MADE = '<reservationId>r-1</reservationId><instancesSet><item><instanceId>i-1</instanceId><instanceState><code>0</code><name>pending</name></instanceState><instanceType>g5.xlarge</instanceType></item></instancesSet>'

let stub: Ec2Stub
beforeAll(async () => {
  stub = await startStub()
  for (const [name, value] of Object.entries({ AWS_ENDPOINT_URL: stub.url, AWS_ACCESS_KEY_ID: 'test', AWS_SECRET_ACCESS_KEY: 'test' })) vi.stubEnv(name, value)
})
afterAll(async () => {
  vi.unstubAllEnvs()
  await stub.close()
})
beforeEach(() => {
  stub.calls.length = 0
})

async function withDoor<T>(pass: (cloud: Cloud) => Promise<T>, options: { deadlineMs?: number; signal?: AbortSignal } = {}): Promise<T> {
  const cloud = createCloud({ region: 'us-west-2', clusterId: 'c-1', log: createLog({ name: 'test', level: 'error' }), clock: realClock, signal: new AbortController().signal, ...options })
  try {
    return await pass(cloud)
  } finally {
    cloud.close()
  }
}

/** An image is described, an instance is made. */
function serve(): void {
  stub.answer = (call, response) => {
    const action = call.get('Action') ?? ''
    if (action === 'DescribeImages') giveXml(response, action, `<imagesSet><item><imageId>${IMAGE}</imageId><rootDeviceType>ebs</rootDeviceType><rootDeviceName>/dev/xvda</rootDeviceName></item></imagesSet>`)
    else giveXml(response, action, MADE)
  }
}

/** Parameters of the one RunInstances, without what every request has. */
function ran(): Record<string, string> {
  const runs = stub.calls.filter((call) => call.get('Action') === 'RunInstances')
  expect(runs).toHaveLength(1)
  return Object.fromEntries([...(runs[0] ?? [])].filter(([key]) => key !== 'Action' && key !== 'Version'))
}

describe('RunInstances on the wire', () => {
  test('on-demand, all settings', async () => {
    serve()
    const settings = {
      ...BASE.settings, instanceProfile: 'arn:aws:iam::123456789012:instance-profile/drover', securityGroups: ['sg-1', 'sg-2'], publicIp: false, keyName: 'ops', rootVolumeThroughput: 1000,
      tags: [{ key: 'team', value: 'vision' }],
    }
    const [made] = await withDoor((cloud) => cloud.launch({ ...BASE, token: 'token-1', min: 2, max: 4, userData: 'grüße', settings }))
    expect(made).toMatchObject({ id: 'i-1', launch: 'token-1', pool: 'gpu', state: 'pending', market: 'on-demand' })
    const pairs = [['drover:cluster', 'c-1'], ['drover:pool', 'gpu'], ['drover:launch', 'token-1'], ['Name', 'drover-gpu'], ['team', 'vision']] as const
    const tags = (n: number): Record<string, string> => Object.fromEntries(
      pairs.flatMap(([key, value], index) => [
        [`TagSpecification.${n}.Tag.${index + 1}.Key`, key], [`TagSpecification.${n}.Tag.${index + 1}.Value`, value],
      ]))
    expect(ran()).toEqual({
      ClientToken: 'token-1', ImageId: IMAGE, InstanceType: 'g5.xlarge', MinCount: '2', MaxCount: '4', KeyName: 'ops',
      UserData: Buffer.from('grüße').toString('base64'), InstanceInitiatedShutdownBehavior: 'terminate',
      'IamInstanceProfile.Arn': 'arn:aws:iam::123456789012:instance-profile/drover',
      'Placement.AvailabilityZone': 'us-west-2b',
      'NetworkInterface.1.DeviceIndex': '0', 'NetworkInterface.1.SubnetId': 'subnet-0a', 'NetworkInterface.1.AssociatePublicIpAddress': 'false', 'NetworkInterface.1.DeleteOnTermination': 'true',
      'NetworkInterface.1.SecurityGroupId.1': 'sg-1', 'NetworkInterface.1.SecurityGroupId.2': 'sg-2',
      'MetadataOptions.HttpTokens': 'required', 'MetadataOptions.HttpPutResponseHopLimit': '1', 'MetadataOptions.HttpEndpoint': 'enabled', 'MetadataOptions.InstanceMetadataTags': 'disabled',
      'BlockDeviceMapping.1.DeviceName': '/dev/xvda', 'BlockDeviceMapping.1.Ebs.VolumeType': 'gp3', 'BlockDeviceMapping.1.Ebs.VolumeSize': '100', 'BlockDeviceMapping.1.Ebs.Throughput': '1000',
      'BlockDeviceMapping.1.Ebs.Iops': '4000', 'BlockDeviceMapping.1.Ebs.Encrypted': 'true', 'BlockDeviceMapping.1.Ebs.DeleteOnTermination': 'true',
      'TagSpecification.1.ResourceType': 'instance', ...tags(1), 'TagSpecification.2.ResourceType': 'volume', ...tags(2),
    })
  })

  test('spot is one-time and ends for good, with the bid only where there is one', async () => {
    serve()
    await withDoor((cloud) => cloud.launch({ ...BASE, market: 'spot', spotMaxPrice: 0.25 }))
    const spot = { 'InstanceMarketOptions.MarketType': 'spot', 'InstanceMarketOptions.SpotOptions.SpotInstanceType': 'one-time', 'InstanceMarketOptions.SpotOptions.InstanceInterruptionBehavior': 'terminate' }
    expect(ran()).toMatchObject({ ...spot, 'InstanceMarketOptions.SpotOptions.MaxPrice': '0.25' })
    stub.calls.length = 0
    await withDoor((cloud) => cloud.launch({ ...BASE, market: 'spot' }))
    expect(ran()).toMatchObject(spot)
    expect(ran()).not.toHaveProperty('InstanceMarketOptions.SpotOptions.MaxPrice')
  })

  test('without a subnet groups stand at the instance; a profile may be a name; nothing else is made up', async () => {
    serve()
    await withDoor((cloud) => cloud.launch({ ...BASE, place: { subnet: null, zone: 'us-west-2c' }, settings: { ...BASE.settings, instanceProfile: 'drover', securityGroups: ['sg-1'] } }))
    const call = ran()
    expect(call).toMatchObject({ 'Placement.AvailabilityZone': 'us-west-2c', 'SecurityGroupId.1': 'sg-1', 'IamInstanceProfile.Name': 'drover', 'BlockDeviceMapping.1.Ebs.Iops': '3000' })
    expect(Object.keys(call).filter((key) => /^(NetworkInterface|KeyName|InstanceMarketOptions|SubnetId)/.test(key))).toEqual([])
  })

  test('a fabric adapter on every card, in a placement group; what EC2 would refuse there is left out', async () => {
    serve()
    const plain = stub.answer
    stub.answer = (call, response) => {
      const action = call.get('Action') ?? ''
      if (action !== 'DescribeInstanceTypes') plain(call, response)
      else giveXml(response, action, `<instanceTypeSet><item><instanceType>p5.48xlarge</instanceType><networkInfo><efaSupported>true</efaSupported><efaInfo><maximumEfaInterfaces>2</maximumEfaInterfaces></efaInfo></networkInfo></item></instanceTypeSet>`)
    }
    await withDoor((cloud) => cloud.launch({ ...BASE, type: 'p5.48xlarge', settings: { ...BASE.settings, efa: true, placementGroup: 'group-1', securityGroups: ['sg-1'] } }))
    const call = ran()
    expect(call).toMatchObject({
      'Placement.GroupName': 'group-1',
      'NetworkInterface.1.InterfaceType': 'efa', 'NetworkInterface.1.NetworkCardIndex': '0', 'NetworkInterface.1.DeviceIndex': '0', 'NetworkInterface.1.SecurityGroupId.1': 'sg-1',
      'NetworkInterface.2.InterfaceType': 'efa', 'NetworkInterface.2.NetworkCardIndex': '1', 'NetworkInterface.2.DeviceIndex': '1', 'NetworkInterface.2.SubnetId': 'subnet-0a',
    })
    expect(Object.keys(call).filter((key) => key.includes('AssociatePublicIpAddress'))).toEqual([])
  })

  test('a type without fabric adapters is told as such', async () => {
    serve()
    const plain = stub.answer
    stub.answer = (call, response) => {
      const action = call.get('Action') ?? ''
      if (action !== 'DescribeInstanceTypes') plain(call, response)
      else giveXml(response, action, '<instanceTypeSet><item><instanceType>g5.xlarge</instanceType><networkInfo><efaSupported>false</efaSupported></networkInfo></item></instanceTypeSet>')
    }
    await expect(withDoor((cloud) => cloud.launch({ ...BASE, settings: { ...BASE.settings, efa: true } }))).rejects.toThrow('takes no EFA')
    expect(stub.calls.map((call) => call.get('Action'))).not.toContain('RunInstances')
  })

  test('the image is described once', async () => {
    serve()
    await withDoor(async (cloud) => {
      await cloud.launch(BASE)
      await cloud.launch(BASE)
    })
    expect(stub.calls.map((call) => call.get('Action'))).toEqual(['DescribeImages', 'RunInstances', 'RunInstances'])
  })
})

describe('answers that are none', () => {
  test.each([
    [500, 'InsufficientInstanceCapacity', 'capacity'], [400, 'VcpuLimitExceeded', 'quota'], [503, 'RequestLimitExceeded', 'throttled'], [400, 'SpotMaxPriceTooLow', 'price'],
    [403, 'UnauthorizedOperation', 'permission'], [500, 'InternalError', 'unavailable'], [400, 'IdempotentParameterMismatch', 'parameters'],
  ])('status %i, %s: one request, named `%s`, with the words of EC2', async (status, code, kind) => {
    serve()
    const { answer } = stub
    stub.answer = (call, response) => (call.get('Action') === 'RunInstances' ? giveError(response, status, code, 'words of EC2') : answer(call, response))
    await expect(withDoor((cloud) => cloud.launch(BASE))).rejects.toMatchObject({ name: 'CloudError', kind, code, message: 'words of EC2' })
    expect(stub.calls.filter((call) => call.get('Action') === 'RunInstances')).toHaveLength(1)
  })

  test('a dropped connection', async () => {
    stub.answer = (_call, response) => void response.socket?.destroy()
    await expect(withDoor((cloud) => cloud.terminate(['i-1']))).rejects.toMatchObject({ kind: 'unavailable', code: 'ECONNRESET', message: expect.stringContaining('TerminateInstances in us-west-2 got no answer') })
    expect(stub.calls).toHaveLength(1)
  })

  test('an answer cut off in the middle, and a page of HTML', async () => {
    stub.answer = (_call, response) => {
      response.writeHead(200, { 'content-type': 'text/xml', 'content-length': '1000' })
      response.write('<RunInstances', () => response.socket?.destroy())
    }
    await expect(withDoor((cloud) => cloud.list())).rejects.toMatchObject({ name: 'CloudError', kind: 'unavailable' })
    stub.answer = (_call, response) => void response.writeHead(502, { 'content-type': 'text/html' }).end('<html><body>Bad gateway</body></html>')
    await expect(withDoor((cloud) => cloud.list())).rejects.toMatchObject({ name: 'CloudError', kind: 'unavailable' })
    for (const page of ['<html><body>Log in', '<html><body>Log in</body></html>', '']) {
      stub.answer = (_call, response) => void response.writeHead(200, { 'content-type': 'text/html' }).end(page)
      await expect(withDoor((cloud) => cloud.list())).rejects.toMatchObject({ name: 'CloudError', kind: 'unavailable' })
      await expect(withDoor((cloud) => cloud.describe(['i-1']))).rejects.toMatchObject({ name: 'CloudError', kind: 'unavailable' })
    }
  })

  test('silence ends at the deadline, and at once when the master stops', async () => {
    stub.answer = () => undefined
    const begun = performance.now()
    await expect(withDoor((cloud) => cloud.list(), { deadlineMs: 200 })).rejects.toMatchObject({ kind: 'unavailable', code: 'Deadline', message: 'DescribeInstances in us-west-2 got no answer: 0.2 s are over' })
    const stop = new AbortController()
    setTimeout(() => stop.abort(), 50)
    await expect(withDoor((cloud) => cloud.list(), { signal: stop.signal })).rejects.toMatchObject({ kind: 'unavailable', code: 'Stopped' })
    expect(performance.now() - begun).toBeLessThan(5_000)
  })

  test('nobody there', async () => {
    const none = await startStub()
    await none.close()
    vi.stubEnv('AWS_ENDPOINT_URL_EC2', none.url)
    await expect(withDoor((cloud) => cloud.list())).rejects.toMatchObject({ kind: 'unavailable', code: 'ECONNREFUSED' })
    vi.stubEnv('AWS_ENDPOINT_URL_EC2', '')
  })
})

describe('questions on the wire', () => {
  test('instances are asked for by the tag of the cluster; none is a true answer', async () => {
    stub.answer = (call, response) => giveXml(response, call.get('Action') ?? '', '<reservationSet/>')
    expect(await withDoor((cloud) => cloud.list())).toEqual([])
    expect(Object.fromEntries(stub.calls[0] ?? [])).toMatchObject({ 'Filter.1.Name': 'tag:drover:cluster', 'Filter.1.Value.1': 'c-1' })
    expect(stub.calls[0]?.has('Filter.2.Name')).toBe(false)
  })

  test('types are asked by filter and once a day', async () => {
    stub.answer = (call, response) => giveXml(response, call.get('Action') ?? '', '<instanceTypeSet><item><instanceType>g5.xlarge</instanceType><vCpuInfo><defaultVCpus>4</defaultVCpus></vCpuInfo><gpuInfo><gpus><item><manufacturer>NVIDIA</manufacturer><count>1</count></item></gpus></gpuInfo></item></instanceTypeSet>')
    await withDoor(async (cloud) => {
      for (let n = 0; n < 3; n += 1) expect(await cloud.types(['no.such', 'g5.xlarge'])).toEqual([{ type: 'g5.xlarge', gpus: 1, vcpus: 4 }])
    })
    expect(stub.calls).toHaveLength(1)
    expect(Object.fromEntries(stub.calls[0] ?? [])).toMatchObject({ 'Filter.1.Name': 'instance-type', 'Filter.1.Value.1': 'no.such', 'Filter.1.Value.2': 'g5.xlarge' })
  })

  test('spot prices of now, for Linux', async () => {
    stub.answer = (call, response) => giveXml(response, call.get('Action') ?? '', '<spotPriceHistorySet/>')
    expect(await withDoor((cloud) => cloud.spotPrices(['g5.xlarge']))).toEqual([])
    const asked = Object.fromEntries(stub.calls[0] ?? [])
    expect(asked).toMatchObject({ Action: 'DescribeSpotPriceHistory', 'ProductDescription.1': 'Linux/UNIX' })
    expect(Math.abs(Date.parse(asked['StartTime'] ?? '') - Date.now())).toBeLessThan(60_000)
  })

  test('the latest console, and where the type has none, the one that EC2 kept', async () => {
    stub.answer = (call, response) => {
      if (call.has('Latest')) giveError(response, 400, 'UnsupportedOperation', 'This instance type does not support retrieving the latest console logs.')
      else giveXml(response, 'GetConsoleOutput', `<instanceId>i-1</instanceId><output>${Buffer.from('login:').toString('base64')}</output>`)
    }
    expect(await withDoor((cloud) => cloud.console('i-1'))).toBe('login:')
  })
})
