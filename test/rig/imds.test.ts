import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { imdsContract } from './imds.contract.ts'
import { startImds, type FakeImds, type ImdsOptions } from './imds.ts'

const INSTANCE: ImdsOptions = { instanceId: 'i-0123456789abcdef0', instanceType: 'g5.xlarge', zone: 'eu-west-1b', region: 'eu-west-1', privateIp: '10.0.0.7', userData: '#drover\nDROVER_POOL=p\n', spot: true }

describe('the fake metadata service', () => {
  let quiet: FakeImds
  let noticed: FakeImds
  beforeAll(async () => {
    quiet = await startImds(INSTANCE)
    noticed = await startImds(INSTANCE)
    noticed.notice('spot')
    noticed.notice('rebalance')
  })
  afterAll(() => Promise.all([quiet.close(), noticed.close()]))
  imdsContract({ quiet: () => quiet.url, noticed: () => noticed.url, spot: () => true })
})

describe('what only the fake can do', () => {
  let imds: FakeImds
  let token: string
  beforeAll(async () => {
    imds = await startImds({ ...INSTANCE, userData: '' })
    token = await (await fetch(`${imds.url}/latest/api/token`, { method: 'PUT', headers: { 'x-aws-ec2-metadata-token-ttl-seconds': '60' } })).text()
  })
  afterAll(() => imds.close())
  const get = (path: string) => fetch(`${imds.url}/latest/${path}`, { headers: { 'x-aws-ec2-metadata-token': token }, signal: AbortSignal.timeout(300) })

  test('a notice comes and goes', async () => {
    imds.notice('spot', new Date('2030-01-02T03:04:05.678Z'), 'stop')
    expect(await (await get('meta-data/spot/instance-action')).json()).toEqual({ action: 'stop', time: '2030-01-02T03:04:05Z' })
    imds.clearNotice()
    expect((await get('meta-data/spot/instance-action')).status).toBe(404)
  })

  test('each fault, and health again', async () => {
    imds.fail('http500')
    expect((await get('meta-data/instance-id')).status).toBe(500)
    imds.fail('token401')
    expect((await get('meta-data/instance-id')).status).toBe(401)
    imds.fail('dead')
    await expect(get('meta-data/instance-id')).rejects.toThrow(/timeout/i)
    imds.fail('none')
    expect(await (await get('meta-data/instance-id')).text()).toBe(INSTANCE.instanceId)
  })

  test('no user data is 404', async () => expect((await get('user-data')).status).toBe(404))
})
