import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, expect, test } from 'vitest'
import { startImds, type FakeImds } from '../../test/rig/imds.ts'
import { ImdsError, openImds } from './imds.ts'

const INSTANCE = { instanceId: 'i-0123456789abcdef0', instanceType: 'g5.xlarge', zone: 'eu-west-1b', region: 'eu-west-1', privateIp: '10.0.0.7', userData: '', spot: true }
const closing: (() => unknown)[] = []
afterEach(async () => {
  for (const close of closing.splice(0)) await close()
})

async function fake(): Promise<FakeImds> {
  const imds = await startImds(INSTANCE)
  closing.push(imds.close)
  return imds
}

/** A service that counts what it is asked, and a clock that is turned by hand. */
async function counting(answer: (path: string, count: number) => { status: number; body: string }) {
  const calls: string[] = []
  const server: Server = createServer((request, response) => {
    request.resume()
    calls.push(`${request.method} ${request.url} ${request.headers['x-aws-ec2-metadata-token'] ?? ''}`.trim())
    const { status, body } = request.method === 'PUT' ? { status: 200, body: `token-${calls.length}` } : answer(request.url ?? '', calls.length)
    response.writeHead(status).end(body)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  closing.push(() => server.close())
  const clock = { now: 0, wallMs: () => clock.now, monotonicMs: () => clock.now, sleep: async () => undefined }
  return { calls, clock, imds: openImds({ endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, clock }) }
}

const kindOf = (asked: Promise<unknown>) => asked.then(() => 'answered', (error: unknown) => (error instanceof ImdsError ? error.kind : error))
const open = (endpoint: string) => openImds({ endpoint, clock: { wallMs: () => 0, monotonicMs: () => performance.now(), sleep: async () => undefined } })

test('what is there, and null where nothing is', async () => {
  const service = await fake()
  const imds = open(service.url)
  expect([await imds.get('meta-data/instance-id'), await imds.get('meta-data/spot/instance-action'), await imds.get('user-data')]).toEqual([INSTANCE.instanceId, null, null])
  service.notice('spot')
  expect(await imds.get('meta-data/spot/instance-action')).toContain('"terminate"')
})

test('one token serves until near the end of its life', async () => {
  const { calls, clock, imds } = await counting(() => ({ status: 200, body: 'x' }))
  for (const now of [0, 1_000, 19_000_000, 20_000_000, 20_000_001]) {
    clock.now = now
    await imds.get('meta-data/a')
  }
  expect(calls.filter((call) => call.startsWith('PUT'))).toHaveLength(2)
  expect(calls.at(-1)).toBe('GET /latest/meta-data/a token-5')
})

test('a token that the service has forgotten is asked for anew, once', async () => {
  const forgotten = await counting((_path, count) => (count < 3 ? { status: 401, body: '' } : { status: 200, body: 'x' }))
  expect(await forgotten.imds.get('meta-data/a')).toBe('x')
  expect(forgotten.calls).toHaveLength(4)
  const never = await counting(() => ({ status: 401, body: '' }))
  expect(await kindOf(never.imds.get('meta-data/a'))).toBe('refused')
  expect(never.calls).toHaveLength(4)
})

test('faults are named', async () => {
  const service = await fake()
  const imds = open(service.url)
  service.fail('http500')
  expect(await kindOf(imds.get('meta-data/instance-id'))).toBe('refused')
  service.fail('token401')
  expect(await kindOf(imds.get('meta-data/instance-id'))).toBe('refused')
  service.fail('dead')
  const from = performance.now()
  expect(await kindOf(imds.get('meta-data/instance-id'))).toBe('timeout')
  expect(performance.now() - from).toBeLessThan(1_800)
  service.fail('none')
  expect(await imds.get('meta-data/instance-id')).toBe(INSTANCE.instanceId)
  expect(await kindOf(open('http://127.0.0.1:1').get('meta-data/instance-id'))).toBe('unreachable')
  const huge = await counting(() => ({ status: 200, body: 'x'.repeat(2 << 20) }))
  expect(await kindOf(huge.imds.get('user-data'))).toBe('broken')
})
