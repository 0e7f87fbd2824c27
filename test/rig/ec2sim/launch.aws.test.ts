import { randomUUID } from 'node:crypto'
import { DescribeSubnetsCommand, type RunInstancesCommandInput } from '@aws-sdk/client-ec2'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { errorOf, idsOf, list, missing, openBench, run, runOne, startMoto, terminate, type Bench, type OwnMoto } from './contract.fixture.ts'

if (missing) process.stderr.write(`EC2 simulator tests skipped: ${missing}\n`)

const spot = (MaxPrice?: string): Partial<RunInstancesCommandInput> => ({ InstanceMarketOptions: { MarketType: 'spot', ...(MaxPrice ? { SpotOptions: { MaxPrice } } : {}) } })
const inZone = (AvailabilityZone: string): Partial<RunInstancesCommandInput> => ({ Placement: { AvailabilityZone } })

describe.skipIf(missing !== null)('RunInstances through ec2sim', () => {
  let moto: OwnMoto
  let bench: Bench
  beforeAll(async () => void (moto = await startMoto()))
  afterAll(() => moto?.stop())
  beforeEach(async () => void (bench = await openBench(moto)))
  afterEach(() => bench.close())

  test('the same token and parameters give the same reservation, its states as they are now', async () => {
    const { ec2, sim, behind, clock } = bench
    sim.settings.pendingMs = 200
    const ask = { ClientToken: 'once', MaxCount: 2, MinCount: 2 }
    const first = await run(ec2, ask)
    expect(first.Instances?.map((one) => one.State?.Name)).toEqual(['pending', 'pending'])
    clock.pass(200)
    const second = await run(ec2, ask)
    expect(second.ReservationId).toBe(first.ReservationId)
    expect(idsOf(second.Instances)).toEqual(idsOf(first.Instances))
    expect(second.Instances?.map((one) => one.State?.Name)).toEqual(['running', 'running'])
    expect(await list(behind)).toHaveLength(2)
  })

  test('two calls at once with one token make one launch', async () => {
    const ask = { ClientToken: randomUUID() }
    const [one, two] = await Promise.all([run(bench.ec2, ask), run(bench.ec2, ask)])
    expect(idsOf(one.Instances)).toEqual(idsOf(two.Instances))
    expect(await list(bench.behind)).toHaveLength(1)
  })

  test('a lost answer: the next call with the token tells of the instance that is already there', async () => {
    bench.sim.rule({ when: { action: 'RunInstances' }, times: 1, drop: 'after' })
    await expect(run(bench.ec2, { ClientToken: 'lost' })).rejects.toThrow(/socket|ECONNRESET|hang up/i)
    const made = idsOf(await list(bench.behind))
    expect(made).toHaveLength(1)
    expect(idsOf((await run(bench.ec2, { ClientToken: 'lost' })).Instances)).toEqual(made)
    expect(bench.sim.calls('RunInstances').map((call) => [call.lost, call.outcome, call.instances])).toEqual([['after', 'ok', made], [null, 'ok', made]])
  })

  test('a call that is lost on its way has no effect', async () => {
    bench.sim.rule({ when: { action: 'RunInstances' }, times: 1, drop: 'before' })
    await expect(run(bench.ec2, { ClientToken: 'away' })).rejects.toThrow(/socket|ECONNRESET|hang up/i)
    expect(await list(bench.behind)).toEqual([])
    expect(bench.sim.calls('RunInstances')).toMatchObject([{ lost: 'before', instances: [] }])
    expect((await run(bench.ec2, { ClientToken: 'away' })).Instances).toHaveLength(1)
  })

  test('the same token with other parameters is refused; in another zone it is another launch', async () => {
    await run(bench.ec2, { ClientToken: 'token', ...inZone('us-east-1a') })
    expect(await errorOf(run(bench.ec2, { ClientToken: 'token', ...inZone('us-east-1a'), UserData: 'eA==' }))).toMatchObject({
      code: 'IdempotentParameterMismatch', status: 400, message: 'Arguments on this idempotent request are inconsistent with arguments used in previous request(s).',
    })
    await run(bench.ec2, { ClientToken: 'token', ...inZone('us-east-1b') })
    expect((await list(bench.behind)).map((one) => one.Placement?.AvailabilityZone)).toEqual(['us-east-1a', 'us-east-1b'])
  })

  test('a refused launch leaves its token free, the token of terminated instances is spent', async () => {
    bench.sim.rule({ when: { action: 'RunInstances' }, times: 1, error: 'InsufficientInstanceCapacity' })
    await errorOf(run(bench.ec2, { ClientToken: 'token' }))
    const id = await runOne(bench.ec2, { ClientToken: 'token' })
    await terminate(bench.ec2, id)
    expect(await errorOf(run(bench.ec2, { ClientToken: 'token' }))).toMatchObject({ code: 'IdempotentInstanceTerminated', status: 400 })
  })

  test('without capacity rules a launch gets MaxCount', async () => {
    expect((await run(bench.ec2, { MinCount: 1, MaxCount: 4 })).Instances).toHaveLength(4)
    expect(await errorOf(run(bench.ec2, { MinCount: 3, MaxCount: 2 }))).toMatchObject({ code: 'InvalidParameterValue', status: 400 })
    expect(await list(bench.behind)).toHaveLength(4)
  })

  test('capacity: between min and max, all or nothing below min, given back by a termination', async () => {
    const { ec2, sim } = bench
    sim.capacity('c5.large', 'us-east-1a', 'on-demand', 3)
    const first = idsOf((await run(ec2, { ...inZone('us-east-1a'), MinCount: 1, MaxCount: 2 })).Instances)
    expect(first).toHaveLength(2)
    const error = await errorOf(run(ec2, { ...inZone('us-east-1a'), MinCount: 2, MaxCount: 2 }))
    expect(error).toMatchObject({ code: 'InsufficientInstanceCapacity', status: 500 })
    expect(error.message).toMatch(/^We currently do not have sufficient c5\.large capacity in the Availability Zone you requested \(us-east-1a\)\. /)
    expect((await run(ec2, { ...inZone('us-east-1a'), MinCount: 1, MaxCount: 2 })).Instances).toHaveLength(1)
    expect((await errorOf(run(ec2, inZone('us-east-1a')))).code).toBe('InsufficientInstanceCapacity')
    expect((await run(ec2, inZone('us-east-1b'))).Instances).toHaveLength(1)
    expect((await run(ec2, { ...inZone('us-east-1a'), ...spot() })).Instances).toHaveLength(1)
    await terminate(ec2, ...first)
    expect((await run(ec2, { ...inZone('us-east-1a'), MinCount: 2, MaxCount: 9 })).Instances).toHaveLength(2)
  })

  test('capacity where the call names no zone: EC2 takes one that has it', async () => {
    const { ec2, sim } = bench
    for (const zone of ['a', 'b', 'c', 'd', 'e', 'f']) sim.capacity('g5.xlarge', `us-east-1${zone}`, 'spot', zone === 'c' ? 1 : 0)
    const made = await run(ec2, { InstanceType: 'g5.xlarge', ...spot() })
    expect(made.Instances?.[0]).toMatchObject({ Placement: { AvailabilityZone: 'us-east-1c' }, InstanceLifecycle: 'spot' })
    expect(await errorOf(run(ec2, { InstanceType: 'g5.xlarge', ...spot() }))).toMatchObject({ code: 'InsufficientInstanceCapacity', message: 'There is no Spot capacity available that matches your request.' })
  })

  test('a subnet says the zone: to rules, to capacity and to the instance, also in a network interface', async () => {
    const { ec2, sim } = bench
    const { Subnets } = await ec2.send(new DescribeSubnetsCommand({ Filters: [{ Name: 'availability-zone', Values: ['us-east-1b'] }] }))
    const subnet = Subnets?.[0]?.SubnetId ?? ''
    const made = await run(ec2, { NetworkInterfaces: [{ DeviceIndex: 0, SubnetId: subnet, AssociatePublicIpAddress: true }] })
    expect(made.Instances?.[0]).toMatchObject({ Placement: { AvailabilityZone: 'us-east-1b' }, SubnetId: subnet })
    sim.capacity('c5.large', 'us-east-1b', 'on-demand', 1)
    expect((await errorOf(run(ec2, { SubnetId: subnet }))).message).toContain('(us-east-1b)')
    sim.rule({ when: { zone: 'us-east-1b' }, error: 'Unsupported' })
    expect(await errorOf(run(ec2, { SubnetId: subnet }))).toMatchObject({ code: 'Unsupported', status: 400 })
    expect(sim.calls('RunInstances').map((call) => call.zone)).toEqual(['us-east-1b', 'us-east-1b', 'us-east-1b'])
    expect(await errorOf(run(ec2, { SubnetId: 'subnet-0123456789abcdef0' }))).toMatchObject({ code: 'InvalidSubnetID.NotFound', status: 400 })
  })

  test('a bid below the price is refused, one at the price or without a limit is not', async () => {
    const { ec2, sim } = bench
    sim.spotPrice({ type: 'c5.large', zone: 'us-east-1a', perHour: 0.0374 })
    sim.spotPrice({ type: 'c5.large', zone: 'us-east-1b', perHour: 0.05 })
    expect(await errorOf(run(ec2, { ...spot('0.001'), ...inZone('us-east-1a') }))).toEqual({
      code: 'SpotMaxPriceTooLow', status: 400, message: 'Your Spot request price of 0.001 is lower than the minimum required Spot request fulfillment price of 0.0374.',
    })
    expect((await errorOf(run(ec2, { ...spot('0.04'), ...inZone('us-east-1b') }))).code).toBe('SpotMaxPriceTooLow')
    expect((await run(ec2, spot('0.04'))).Instances).toHaveLength(1)
    expect((await run(ec2, { ...spot('0.0374'), ...inZone('us-east-1a') })).Instances).toHaveLength(1)
    expect((await run(ec2, { ...spot(), ...inZone('us-east-1a') })).Instances).toHaveLength(1)
    expect((await run(ec2, inZone('us-east-1a'))).Instances).toHaveLength(1)
  })
})
