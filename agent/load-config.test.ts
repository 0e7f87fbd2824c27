import { afterEach, beforeEach, expect, test } from 'vitest'
import { startImds, type FakeImds } from '../test/rig/imds.ts'
import { ConfigError } from './config.ts'
import { loadConfig } from './load-config.ts'

let imds: FakeImds
const said: string[] = []
beforeEach(async () => {
  said.length = 0
  imds = await startImds({ instanceId: 'i-0123456789abcdef0', instanceType: 'g5.xlarge', zone: 'eu-west-1b', region: 'eu-west-1', privateIp: '10.0.0.7', userData: '#drover\nDROVER_MASTER_URL=https://10.0.0.5:8443\n', spot: true })
})
afterEach(() => imds.close())

/** A clock whose sleeps take no time; `onSleep` sees each. */
const load = (change: Record<string, string> = {}, onSleep: (ms: number) => void = () => undefined, signal = new AbortController().signal) =>
  loadConfig({ DROVER_CLOUD: 'ec2', AWS_EC2_METADATA_SERVICE_ENDPOINT: `${imds.url}/`, ...change }, {
    hostname: 'h', random: () => 1, say: (line) => void said.push(line), signal,
    clock: { wallMs: () => 0, monotonicMs: () => 0, sleep: async (ms) => onSleep(ms) },
  })

test('on EC2 the metadata service is asked', async () => {
  expect(await load()).toMatchObject({ agentId: 'i-0123456789abcdef0', masterUrl: 'https://10.0.0.5:8443', ec2: { instanceType: 'g5.xlarge', zone: 'eu-west-1b', region: 'eu-west-1', metadataUrl: imds.url } })
  expect(said).toEqual([])
})

test('without DROVER_CLOUD it is never asked', async () => {
  imds.fail('dead')
  expect(await load({ DROVER_CLOUD: '', DROVER_MASTER_URL: 'https://m' })).toMatchObject({ agentId: 'h', ec2: null })
})

test('a service that comes up late is waited for', async () => {
  imds.fail('http500')
  let sleeps = 0
  const config = await load({}, () => {
    if ((sleeps += 1) === 3) imds.fail('none')
  })
  expect([config?.agentId, sleeps, said.length]).toEqual(['i-0123456789abcdef0', 3, 1])
})

test('one that never does ends in an error that says the cure, after about a minute', async () => {
  imds.fail('http500')
  let slept = 0
  const error = await load({}, (ms) => void (slept += ms)).catch((caught: unknown) => caught)
  expect(error).toBeInstanceOf(ConfigError)
  expect(String(error)).toMatch(/HTTP 500 \(tried 20 times\): DROVER_CLOUD=ec2 needs .* HttpTokens=required/)
  expect(slept).toBeGreaterThan(30_000)
  expect(slept).toBeLessThan(120_000)
})

test('a stop ends the waiting', async () => {
  imds.fail('http500')
  const stop = new AbortController()
  expect(await load({}, () => stop.abort(), stop.signal)).toBeNull()
})

test('an endpoint that is none is named', async () => {
  await expect(load({ AWS_EC2_METADATA_SERVICE_ENDPOINT: 'ftp://x' })).rejects.toThrow(/AWS_EC2_METADATA_SERVICE_ENDPOINT "ftp:\/\/x" is no http/)
})
