import { CreateTagsCommand, DescribeInstancesCommand, DescribeSubnetsCommand, DescribeSpotPriceHistoryCommand, GetConsoleOutputCommand, RunInstancesCommand, type DescribeSpotPriceHistoryCommandInput } from '@aws-sdk/client-ec2'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { until } from '../processes.ts'
import type { Notice } from './door.ts'
import { errorOf, idsOf, IMAGE, list, missing, openBench, run, runOne, startMoto, stateOf, terminate, type Bench, type OwnMoto } from './contract.fixture.ts'

if (missing) process.stderr.write(`EC2 simulator tests skipped: ${missing}\n`)

describe.skipIf(missing !== null)('the life of instances in ec2sim', () => {
  let moto: OwnMoto
  let bench: Bench
  beforeAll(async () => void (moto = await startMoto()))
  afterAll(() => moto?.stop())
  beforeEach(async () => void (bench = await openBench(moto)))
  afterEach(() => bench.close())

  test('pending, running, shutting-down, terminated; filters see the same states', async () => {
    const { ec2, sim, clock } = bench
    Object.assign(sim.settings, { pendingMs: 500, shuttingDownMs: 500 })
    const id = await runOne(ec2)
    const having = async (state: string): Promise<string[]> => idsOf(await list(ec2, { Filters: [{ Name: 'instance-state-name', Values: [state] }] }))
    expect(await stateOf(ec2, id)).toBe('pending')
    expect([await having('pending'), await having('running')]).toEqual([[id], []])
    clock.pass(499)
    expect(await stateOf(ec2, id)).toBe('pending')
    clock.pass(1)
    expect([await having('pending'), await having('runn*')]).toEqual([[], [id]])
    expect(await terminate(ec2, id)).toMatchObject([{ InstanceId: id, PreviousState: { Name: 'running', Code: 16 }, CurrentState: { Name: 'shutting-down', Code: 32 } }])
    expect(await stateOf(ec2, id)).toBe('shutting-down')
    clock.pass(499)
    expect(await terminate(ec2, id)).toMatchObject([{ PreviousState: { Name: 'shutting-down' }, CurrentState: { Name: 'shutting-down' } }])
    clock.pass(1)
    expect(await terminate(ec2, id)).toMatchObject([{ PreviousState: { Name: 'terminated' }, CurrentState: { Name: 'terminated' } }])
    const [gone] = await list(ec2)
    expect(gone).toMatchObject({ InstanceId: id, State: { Code: 48 }, StateReason: { Code: 'Client.UserInitiatedShutdown' } })
    expect(gone?.StateTransitionReason).toMatch(/^User initiated \(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d GMT\)$/)
    expect([gone?.PrivateIpAddress, gone?.SubnetId]).toEqual([undefined, undefined])
  })

  test('ended instances may be ended again, with a network interface and beside others', async () => {
    const { ec2 } = bench
    const { Subnets } = await ec2.send(new DescribeSubnetsCommand({}))
    const card = { NetworkInterfaces: [{ DeviceIndex: 0, SubnetId: Subnets?.[0]?.SubnetId, DeleteOnTermination: true }] }
    const [one, two] = [await runOne(ec2, card), await runOne(ec2, card)]
    await terminate(ec2, one)
    const states = (await terminate(ec2, one, two)).map((change) => [change.InstanceId, change.PreviousState?.Name, change.CurrentState?.Name])
    expect(states.toSorted()).toEqual([[one, 'terminated', 'terminated'], [two, 'running', 'shutting-down']].toSorted())
    expect(await terminate(ec2, two)).toMatchObject([{ InstanceId: two, CurrentState: { Name: 'terminated', Code: 48 } }])
  })

  test('one unknown id, and TerminateInstances ends nothing', async () => {
    const id = await runOne(bench.ec2)
    expect(await errorOf(terminate(bench.ec2, id, 'i-0123456789abcdef0'))).toMatchObject({ code: 'InvalidInstanceID.NotFound', status: 400 })
    expect(await stateOf(bench.ec2, id)).toBe('running')
  })

  test('a terminated instance is forgotten after a while, if told so', async () => {
    const { ec2, sim, clock } = bench
    sim.settings.forgetAfterMs = 200
    const [id, other] = [await runOne(ec2), await runOne(ec2)]
    await terminate(ec2, id)
    expect(await stateOf(ec2, id)).toBe('terminated')
    clock.pass(199)
    expect(idsOf(await list(ec2))).toEqual([id, other])
    clock.pass(1)
    expect(idsOf(await list(ec2))).toEqual([other])
    expect(await errorOf(stateOf(ec2, id))).toEqual({ code: 'InvalidInstanceID.NotFound', status: 400, message: `The instance ID '${id}' does not exist` })
    expect((await errorOf(terminate(ec2, id))).code).toBe('InvalidInstanceID.NotFound')
  })

  test('what is done behind its back shows up as moto says', async () => {
    const { ec2, behind, sim } = bench
    Object.assign(sim.settings, { pendingMs: 60_000, shuttingDownMs: 60_000 })
    const stranger = await runOne(behind)
    expect(await stateOf(ec2, stranger)).toBe('running')
    const ours = await runOne(ec2)
    expect(await stateOf(ec2, ours)).toBe('pending')
    await terminate(behind, ours)
    expect(await stateOf(ec2, ours)).toBe('terminated')
    await terminate(ec2, stranger)
    expect(await stateOf(ec2, stranger)).toBe('shutting-down')
  })

  test('without an edit the answer is moto\'s, byte for byte', async () => {
    await run(bench.behind, { MaxCount: 2, TagSpecifications: [{ ResourceType: 'instance', Tags: [{ Key: 'k', Value: '<"&\'>' }] }] })
    const body = new URLSearchParams({ Action: 'DescribeInstances', Version: '2016-11-15' })
    const headers = { authorization: 'AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/ec2/aws4_request, SignedHeaders=host, Signature=0' }
    const [through, direct] = await Promise.all([bench.sim.url, moto.url].map(async (url) => (await fetch(url, { method: 'POST', body, headers })).text()))
    expect(through).toBe(direct)
    expect(through).toContain('<instancesSet><item>')
  })

  test('new instances are hidden from lists and from calls by id', async () => {
    const { ec2, sim, clock } = bench
    sim.settings.hideNewMs = 700
    const id = await runOne(ec2)
    expect(await list(ec2)).toEqual([])
    expect(await errorOf(stateOf(ec2, id))).toMatchObject({ code: 'InvalidInstanceID.NotFound', status: 400 })
    expect((await errorOf(terminate(ec2, id))).code).toBe('InvalidInstanceID.NotFound')
    expect((await errorOf(ec2.send(new CreateTagsCommand({ Resources: [id], Tags: [{ Key: 'a', Value: 'b' }] })))).code).toBe('InvalidInstanceID.NotFound')
    expect((await sim.instances()).map((one) => [one.id, one.state])).toEqual([[id, 'running']])
    clock.pass(700)
    expect(await stateOf(ec2, id)).toBe('running')
    expect(idsOf(await list(ec2))).toEqual([id])
  })

  test('an old snapshot: lists alone, or calls by id too; then empty pages', async () => {
    const { ec2, sim } = bench
    const old = await runOne(ec2, { TagSpecifications: [{ ResourceType: 'instance', Tags: [{ Key: 'ours', Value: 'yes' }] }] })
    await sim.freezeLists()
    const fresh = await runOne(ec2, { TagSpecifications: [{ ResourceType: 'instance', Tags: [{ Key: 'ours', Value: 'yes' }] }] })
    await terminate(ec2, old)
    const ours = async (...states: string[]): Promise<string[]> => idsOf(await list(ec2, { Filters: [{ Name: 'tag:ours', Values: ['yes'] }, { Name: 'instance-state-name', Values: states }] }))
    expect(await ours('running')).toEqual([old])
    expect(await ours('terminated')).toEqual([])
    expect(await stateOf(ec2, fresh)).toBe('running')
    expect(await stateOf(ec2, old)).toBe('terminated')
    sim.thawLists()
    expect([await ours('running'), await ours('terminated')]).toEqual([[fresh], [old]])
    await sim.freezeLists(true)
    const newest = await runOne(ec2)
    expect((await errorOf(stateOf(ec2, newest))).code).toBe('InvalidInstanceID.NotFound')
    await terminate(ec2, fresh)
    expect(await stateOf(ec2, fresh)).toBe('running')
    sim.thawLists()
    sim.emptyLists(2)
    expect([await list(ec2), await list(ec2), (await list(ec2)).length]).toEqual([[], [], 3])
  })

  test('pages by NextToken, asked for or not, each instance once', async () => {
    const { ec2, sim } = bench
    const ids: string[] = []
    for (let i = 0; i < 7; i += 1) ids.push(await runOne(ec2))
    sim.settings.pageSize = 3
    const seen: string[][] = []
    for (let token: string | undefined; ; ) {
      const answer = await ec2.send(new DescribeInstancesCommand(token ? { NextToken: token } : {}))
      seen.push(idsOf((answer.Reservations ?? []).flatMap((one) => one.Instances ?? [])))
      if (seen.length === 1) await terminate(ec2, ids[6] ?? '')
      token = answer.NextToken
      if (!token) break
    }
    expect(seen.map((one) => one.length)).toEqual([3, 3, 1])
    expect(seen.flat()).toEqual(ids)
    sim.settings.pageSize = null
    expect(idsOf(await list(ec2, { MaxResults: 5 }))).toEqual(ids.slice(0, 5))
    expect(await errorOf(list(ec2, { MaxResults: 4 }))).toMatchObject({ code: 'InvalidParameterValue', message: 'Value ( 4 ) for parameter maxResults is invalid. Expecting a value between 5 and 1000.' })
    expect((await errorOf(list(ec2, { MaxResults: 5, InstanceIds: ids }))).code).toBe('InvalidParameterCombination')
    expect((await errorOf(list(ec2, { NextToken: 'stale' }))).code).toBe('InvalidParameterValue')
  })

  test('filters that moto does not know', async () => {
    const { ec2 } = bench
    const plain = await runOne(ec2, { ClientToken: 'a-1' })
    const spot = await runOne(ec2, { ClientToken: 'b-1', InstanceMarketOptions: { MarketType: 'spot' } })
    const by = async (Name: string, ...Values: string[]): Promise<string[]> => idsOf(await list(ec2, { Filters: [{ Name, Values }] }))
    expect([await by('instance-lifecycle', 'spot'), await by('client-token', 'a-?'), await by('client-token', 'x', 'b-1')]).toEqual([[spot], [plain], [spot]])
    expect(await by('instance-state-code', '16')).toEqual([plain, spot])
  })

  test('spot interruption: notice, then taken; a recommendation is only a notice', async () => {
    const { ec2, sim, clock } = bench
    const id = await runOne(ec2, { InstanceMarketOptions: { MarketType: 'spot' } })
    const heard: Notice[] = []
    const forget = sim.onNotice((notice) => heard.push(notice))
    sim.rebalance(id)
    sim.interrupt(id, { noticeMs: 120_000 })
    expect(heard.map((notice) => [notice.instance, notice.kind])).toEqual([[id, 'rebalance'], [id, 'spot']])
    expect(heard[1]?.at.getTime()).toBeGreaterThan(Date.now() + 60_000)
    clock.pass(119_999)
    expect(await stateOf(ec2, id)).toBe('running')
    clock.pass(1)
    await until('it is taken', 10_000, async () => (await stateOf(ec2, id)) === 'terminated')
    expect((await list(ec2))[0]?.StateReason).toEqual({ Code: 'Server.SpotInstanceTermination', Message: 'Server.SpotInstanceTermination: Instance terminated due to Spot interruption' })
    forget()
    sim.rebalance(id)
    expect([heard.length, sim.notices().length]).toEqual([2, 3])
  })

  test('power off from inside ends the instance only where its launch said so', async () => {
    const { ec2, sim } = bench
    const [ends, stops] = [await runOne(ec2, { InstanceInitiatedShutdownBehavior: 'terminate' }), await runOne(ec2)]
    await sim.powerOff(ends)
    await sim.powerOff(stops)
    expect([await stateOf(ec2, ends), await stateOf(ec2, stops)]).toEqual(['terminated', 'stopped'])
    expect((await list(ec2, { InstanceIds: [ends] }))[0]?.StateReason?.Code).toBe('Client.InstanceInitiatedShutdown')
  })

  test('the history of spot prices', async () => {
    const { ec2, sim } = bench
    const at = (minutes: number): Date => new Date(Date.now() - minutes * 60_000)
    sim.spotPrice({ type: 'g5.xlarge', zone: 'us-east-1a', perHour: 0.41, at: at(90) })
    sim.spotPrice({ type: 'g5.xlarge', zone: 'us-east-1a', perHour: 0.45, at: at(30) })
    sim.spotPrice({ type: 'g5.xlarge', zone: 'us-east-1b', perHour: 0.39, at: at(60) })
    sim.spotPrice({ type: 'g5.xlarge', zone: 'us-east-1b', perHour: 0.9, at: at(10), product: 'Windows' })
    sim.spotPrice({ type: 'c5.large', zone: 'us-east-1a', perHour: 0.0374, at: at(5) })
    const ask = async (input: DescribeSpotPriceHistoryCommandInput): Promise<unknown[]> =>
      ((await ec2.send(new DescribeSpotPriceHistoryCommand(input))).SpotPriceHistory ?? []).map((one) => [one.AvailabilityZone, one.SpotPrice])
    const g5 = { InstanceTypes: ['g5.xlarge' as const], ProductDescriptions: ['Linux/UNIX'] }
    expect(await ask({ ...g5, StartTime: new Date() })).toEqual([['us-east-1a', '0.450000'], ['us-east-1b', '0.390000']])
    expect(await ask(g5)).toEqual([['us-east-1a', '0.450000'], ['us-east-1b', '0.390000'], ['us-east-1a', '0.410000']])
    expect(await ask({ ...g5, StartTime: at(70), EndTime: at(40) })).toEqual([['us-east-1b', '0.390000'], ['us-east-1a', '0.410000']])
    expect(await ask({ AvailabilityZone: 'us-east-1a', Filters: [{ Name: 'instance-type', Values: ['c5.*'] }] })).toEqual([['us-east-1a', '0.037400']])
    const first = await ec2.send(new DescribeSpotPriceHistoryCommand({ ...g5, MaxResults: 2 }))
    const second = await ec2.send(new DescribeSpotPriceHistoryCommand({ ...g5, MaxResults: 2, NextToken: first.NextToken }))
    expect([first.SpotPriceHistory?.length, second.SpotPriceHistory?.length, second.NextToken]).toEqual([2, 1, ''])
  })

  test('console output', async () => {
    const { ec2, sim } = bench
    const id = await runOne(ec2)
    expect((await ec2.send(new GetConsoleOutputCommand({ InstanceId: id }))).Output).toBeUndefined()
    sim.console(id, `${'x'.repeat(70_000)}\ndrover-agent: cannot reach the master ✗\n`)
    const { Output, InstanceId } = await ec2.send(new GetConsoleOutputCommand({ InstanceId: id, Latest: true }))
    const text = Buffer.from(Output ?? '', 'base64')
    expect([InstanceId, text.length]).toEqual([id, 64 << 10])
    expect(text.toString()).toMatch(/x\ndrover-agent: cannot reach the master ✗\n$/)
    expect((await errorOf(ec2.send(new GetConsoleOutputCommand({ InstanceId: 'i-0123456789abcdef0' })))).code).toBe('InvalidInstanceID.NotFound')
  })

  test('a dry run has no effect', async () => {
    expect((await errorOf(bench.ec2.send(new RunInstancesCommand({ ImageId: IMAGE, MinCount: 1, MaxCount: 1, DryRun: true })))).code).toBe('DryRunOperation')
    expect(await list(bench.behind)).toEqual([])
  })
})
