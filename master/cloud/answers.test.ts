import { expect, test } from 'vitest'
import { endOf } from './console.ts'
import { CloudError } from './door.ts'
import { gpusOf } from './instance-types.ts'
import { askKnown } from './known-ids.ts'
import { allPages } from './pages.ts'
import { readInstances } from './read-instance.ts'
import { newestPrices } from './spot-prices.ts'

test('GPUs are summed; a part of one is one, those of other makers are none', () => {
  expect(gpusOf(undefined)).toBe(0)
  expect(gpusOf({ Gpus: [{ Manufacturer: 'NVIDIA', Count: 8 }, { Manufacturer: 'NVIDIA', Count: 1 }] })).toBe(9)
  expect(gpusOf({ Gpus: [{ Manufacturer: 'NVIDIA', Count: 0, LogicalGpuCount: 1 }] })).toBe(1)
  expect(gpusOf({ Gpus: [{ Manufacturer: 'AMD', Count: 4 }] })).toBe(0)
  expect(gpusOf({ Gpus: [{ Count: 2 }] })).toBe(2)
})

test('the newest price of each type and zone, ordered, without what is no price', () => {
  const at = (second: number): Date => new Date(second * 1000)
  expect(newestPrices([
    { InstanceType: 'g5.xlarge', AvailabilityZone: 'us-east-1b', SpotPrice: '0.4', Timestamp: at(1) },
    { InstanceType: 'g5.xlarge', AvailabilityZone: 'us-east-1a', SpotPrice: '0.31', Timestamp: at(5) },
    { InstanceType: 'g5.xlarge', AvailabilityZone: 'us-east-1a', SpotPrice: '0.9', Timestamp: at(4) },
    { InstanceType: 'g4dn.xlarge', AvailabilityZone: 'us-east-1a', SpotPrice: 'free', Timestamp: at(1) },
    { InstanceType: 'g4dn.xlarge', SpotPrice: '1', Timestamp: at(1) },
  ])).toEqual([{ type: 'g5.xlarge', zone: 'us-east-1a', perHour: 0.31 }, { type: 'g5.xlarge', zone: 'us-east-1b', perHour: 0.4 }])
})

test('the end of a long console begins with a whole character', () => {
  const text = `${'x'.repeat(70_000)}${'ü'.repeat(10)}`
  expect(endOf(Buffer.from(text)).endsWith('xü'.padEnd(11, 'ü'))).toBe(true)
  const odd = endOf(Buffer.from(`y${'ü'.repeat(40_000)}`))
  expect(odd).toBe('ü'.repeat(32_768))
  expect(endOf(Buffer.from(`yy${'ü'.repeat(32_767)}z`))).toBe(`y${'ü'.repeat(32_767)}z`)
  expect(endOf(Buffer.from(`${'ü'.repeat(32_768)}z`))).toBe(`${'ü'.repeat(32_767)}z`)
  expect(endOf(Buffer.alloc(0))).toBe('')
})

test('an instance is read with what is there; without id or a known state it is none', () => {
  const launched = new Date(5)
  expect(readInstances([{ Instances: [
    { InstanceId: 'i-1', State: { Name: 'running' }, InstanceLifecycle: 'spot', InstanceType: 'g5.xlarge', Placement: { AvailabilityZone: 'us-east-1a' }, LaunchTime: launched, PrivateIpAddress: '10.0.0.1',
      Tags: [{ Key: 'drover:launch', Value: 'l' }, { Key: 'drover:pool', Value: 'gpu' }], StateReason: { Code: 'Server.SpotInstanceTermination', Message: 'Server.SpotInstanceTermination: Spot instance termination' } },
    { InstanceId: 'i-2', State: { Name: 'terminated' } },
    { State: { Name: 'running' } }, { InstanceId: 'i-3' },
  ] }, {}])).toEqual([
    { id: 'i-1', state: 'running', market: 'spot', type: 'g5.xlarge', zone: 'us-east-1a', launchedAt: launched, privateIp: '10.0.0.1', launch: 'l', pool: 'gpu', stateReason: 'Server.SpotInstanceTermination: Spot instance termination' },
    { id: 'i-2', state: 'terminated', market: 'on-demand', type: '', zone: '', launchedAt: new Date(0), privateIp: null, launch: null, pool: null, stateReason: '' },
  ])
  expect(readInstances(undefined)).toEqual([])
})

test('unknown ids are left out, named by EC2 or not, until each known one is answered for', async () => {
  const ids = Array.from({ length: 450 }, (_, n) => `i-${n}`)
  const known = new Set(ids.filter((_, n) => n % 7 !== 0))
  for (const names of [true, false]) {
    let asked = 0
    const answers = await askKnown(ids, async (some) => {
      asked += 1
      expect(some.length).toBeLessThanOrEqual(200)
      const missing = some.filter((id) => !known.has(id))
      if (missing.length > 0) throw new CloudError('not-found', 'InvalidInstanceID.NotFound', names ? `The instance IDs '${missing.join(', ')}' do not exist` : 'some do not exist')
      return [...some]
    })
    expect(new Set(answers)).toEqual(known)
    expect(answers).toHaveLength(known.size)
    if (names) expect(asked).toBe(6)
  }
  await expect(askKnown(['i-1'], () => Promise.reject(new CloudError('throttled', 'RequestLimitExceeded', 'slow')))).rejects.toMatchObject({ kind: 'throttled' })
})

test('pages that never end are an error, not a wait', async () => {
  let asked = 0
  await expect(allPages(async () => ({ items: [(asked += 1)], next: 'more' }))).rejects.toMatchObject({ code: 'EndlessPages' })
  expect(asked).toBe(500)
  expect(await allPages(async (token) => ({ items: [token], next: token === undefined ? 'b' : '' }))).toEqual([undefined, 'b'])
})
