import { DescribeVolumesCommand, RunInstancesCommand } from '@aws-sdk/client-ec2'
import { CreateBucketCommand, GetObjectCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { until } from '../processes.ts'
import { errorOf, IMAGE, list, missing, openBench, run, startMoto, type Bench, type OwnMoto } from './contract.fixture.ts'

if (missing) process.stderr.write(`EC2 simulator tests skipped: ${missing}\n`)

const WORDS: [code: string, status: number, words: RegExp][] = [
  ['InsufficientInstanceCapacity', 500, /sufficient c5\.large capacity/],
  ['VcpuLimitExceeded', 400, /^You have requested more vCPU capacity than your current vCPU limit/],
  ['InstanceLimitExceeded', 400, /^You have requested more instances/],
  ['MaxSpotInstanceCountExceeded', 400, /^Max spot instance count exceeded$/],
  ['SpotMaxPriceTooLow', 400, /^Your Spot request price of/],
  ['RequestLimitExceeded', 503, /^Request limit exceeded\.$/],
  ['UnauthorizedOperation', 403, /not authorized to perform: ec2:RunInstances/],
  ['InvalidParameterValue', 400, /c5\.large/],
  ['InvalidSubnetID.NotFound', 400, /^The subnet ID/],
  ['Unsupported', 400, /^Your requested instance type \(c5\.large\) is not supported/],
  ['InternalError', 500, /internal error/],
  ['Unavailable', 503, /overloaded/],
]

describe.skipIf(missing !== null)('faults of ec2sim', () => {
  let moto: OwnMoto
  let bench: Bench
  beforeAll(async () => void (moto = await startMoto()))
  afterAll(() => moto?.stop())
  beforeEach(async () => void (bench = await openBench(moto)))
  afterEach(() => bench.close())

  test.each(WORDS)('%s as EC2 says it', async (code, status, words) => {
    bench.sim.rule({ when: { action: 'RunInstances' }, error: code })
    const error = await errorOf(run(bench.ec2))
    expect(error).toMatchObject({ code, status })
    expect(error.message).toMatch(words)
    expect(await list(bench.behind)).toEqual([])
    expect(bench.sim.calls('RunInstances')).toMatchObject([{ outcome: code, status, lost: null, instances: [] }])
  })

  test('own words, and a code that nobody knows needs them', async () => {
    bench.sim.rule({ error: 'NewFault', status: 418, message: 'a <new> one & more' })
    expect(await errorOf(run(bench.ec2))).toEqual({ code: 'NewFault', status: 418, message: 'a <new> one & more' })
    expect(() => bench.sim.rule({ error: 'NewFault' })).toThrow('does not know EC2\'s words for NewFault')
    expect(() => bench.sim.rule({ when: { type: 'c5.large' } })).toThrow('needs one of error, delayMs and drop')
  })

  test('a rule acts on what it names, after so many and so often', async () => {
    const rule = bench.sim.rule({ when: { type: 'c5.large', market: 'on-demand', count: 2 }, after: 1, times: 2, error: 'VcpuLimitExceeded' })
    const two = async (): Promise<string> => (await run(bench.ec2, { MaxCount: 2 }).then(() => 'ok', (error: Error) => error.name))
    expect([await two(), await two(), await two(), await two()]).toEqual(['ok', 'VcpuLimitExceeded', 'VcpuLimitExceeded', 'ok'])
    await run(bench.ec2)
    await run(bench.ec2, { MaxCount: 2, InstanceType: 'c5.xlarge' })
    await run(bench.ec2, { MaxCount: 2, InstanceMarketOptions: { MarketType: 'spot' } })
    expect(bench.sim.rules()).toMatchObject([{ id: rule.id, matched: 4, acted: 2 }])
    expect(bench.sim.removeRule(rule.id)).toBe(true)
    expect(bench.sim.rules()).toEqual([])
  })

  test('throttling by chance is the same for the same seed', async () => {
    const outcomes = async (seed: number): Promise<string> => {
      bench.sim.clearRules()
      bench.sim.clearCalls()
      bench.sim.rule({ when: { action: 'DescribeInstances' }, probability: 0.5, seed, error: 'RequestLimitExceeded' })
      for (let i = 0; i < 16; i += 1) await list(bench.ec2).catch((error: Error) => expect(error.name).toBe('RequestLimitExceeded'))
      return bench.sim.calls().map((call) => (call.outcome === 'ok' ? '.' : 'x')).join('')
    }
    const [one, two, three] = [await outcomes(7), await outcomes(7), await outcomes(8)]
    expect(one).toBe(two)
    expect(one).not.toBe(three)
    expect(one).toMatch(/x.*\..*x|\..*x.*\./)
  })

  test('a delay holds the call up and then lets it through', async () => {
    bench.sim.rule({ when: { action: 'RunInstances' }, delayMs: 300 })
    bench.sim.rule({ when: { action: 'RunInstances' }, delayMs: 200, times: 1, error: 'InternalError' })
    const first = errorOf(run(bench.ec2))
    await held(500)
    expect((await first).code).toBe('InternalError')
    const second = run(bench.ec2)
    await held(300)
    expect((await second).Instances).toHaveLength(1)
  })

  /** The only call waits so long, not a millisecond less. */
  async function held(ms: number): Promise<void> {
    const { clock, sim } = bench
    await until('the call is held up', 10_000, async () => clock.sleepers() === 1)
    clock.pass(ms - 1)
    expect([clock.sleepers(), sim.calls().at(-1)?.outcome]).toEqual([1, 'open'])
    clock.pass(1)
  }

  test('the recorder keeps every call with its parameters', async () => {
    const { ec2, sim } = bench
    const before = Date.now()
    await ec2.send(new RunInstancesCommand({
      ImageId: IMAGE, InstanceType: 'c5.large', MinCount: 1, MaxCount: 1, ClientToken: 'told', UserData: Buffer.from('#!/bin/sh').toString('base64'),
      MetadataOptions: { HttpTokens: 'required', HttpPutResponseHopLimit: 1 }, TagSpecifications: [{ ResourceType: 'instance', Tags: [{ Key: 'a', Value: 'b&c' }] }],
    }))
    await ec2.send(new DescribeVolumesCommand({}))
    expect(sim.calls().map((call) => call.action)).toEqual(['RunInstances', 'DescribeVolumes'])
    const [call] = sim.calls('RunInstances')
    expect(call).toMatchObject({ region: 'us-east-1', type: 'c5.large', market: 'on-demand', outcome: 'ok', status: 200, params: { ClientToken: 'told', 'MetadataOptions.HttpTokens': 'required', 'TagSpecification.1.Tag.1.Value': 'b&c' } })
    expect(call?.at).toBeGreaterThanOrEqual(before)
    const [instance] = await sim.instances()
    expect(instance).toMatchObject({ id: call?.instances[0], tags: { a: 'b&c' }, clientToken: 'told', state: 'running', market: 'on-demand' })
    expect(await sim.userData(instance?.id ?? '')).toBe('#!/bin/sh')
  })

  test('S3 goes through untouched, and no EC2 rule touches it', async () => {
    bench.sim.rule({ error: 'InternalError' })
    const s3 = new S3Client({ endpoint: bench.sim.url, forcePathStyle: true, region: 'us-east-1', credentials: { accessKeyId: 'test', secretAccessKey: 'test' } })
    const Body = Buffer.alloc(3 << 20, 'drover')
    await s3.send(new CreateBucketCommand({ Bucket: 'through' }))
    await s3.send(new PutObjectCommand({ Bucket: 'through', Key: 'a/b c', Body }))
    const got = await s3.send(new GetObjectCommand({ Bucket: 'through', Key: 'a/b c' }))
    expect(Buffer.from((await got.Body?.transformToByteArray()) ?? []).equals(Body)).toBe(true)
    expect(await errorOf(s3.send(new PutObjectCommand({ Bucket: 'through', Key: 'a/b c', Body, IfNoneMatch: '*' })))).toMatchObject({ code: 'PreconditionFailed', status: 412 })
    expect(bench.sim.calls()).toEqual([])
    s3.destroy()
  })
})
