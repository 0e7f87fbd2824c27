import { randomBytes } from 'node:crypto'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

/** The instance that the service speaks for. `userData` '' = none was given at the launch. */
export interface ImdsOptions {
  instanceId: string
  instanceType: string
  zone: string
  region: string
  privateIp: string
  userData: string
  spot: boolean
}

/** none: healthy. http500: every answer is 500. token401: tokens are given and never accepted. dead: connections are taken, nothing is answered. */
export type ImdsFault = 'none' | 'http500' | 'token401' | 'dead'

export interface FakeImds {
  /** for AWS_EC2_METADATA_SERVICE_ENDPOINT */
  url: string
  /** From now on EC2 takes the instance (`at`: default in two minutes; `action`: default terminate), or may. */
  notice(kind: 'spot' | 'rebalance', at?: Date, action?: 'terminate' | 'stop' | 'hibernate'): void
  clearNotice(): void
  fail(mode: ImdsFault): void
  close(): Promise<void>
}

interface State {
  facts: Map<string, { type: string; body: string }>
  /** token -> end of its life */
  tokens: Map<string, number>
  fault: ImdsFault
}

export const IMDS_ROLE = 'drover-agent'
const TTL_MAX_S = 21_600
const TTL_HEADER = 'x-aws-ec2-metadata-token-ttl-seconds'

/** An instance metadata service for one instance on loopback: version 2 only, like the machines that Drover launches. */
export async function startImds(options: ImdsOptions): Promise<FakeImds> {
  const state: State = { facts: factsOf(options), tokens: new Map(), fault: 'none' }
  const server = createServer((request, response) => answer(state, request, response))
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(0, '127.0.0.1', resolve)
  })
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    notice: (kind, at = new Date(Date.now() + (kind === 'spot' ? 120_000 : 0)), action = 'terminate') => {
      if (kind === 'spot') state.facts.set(SPOT, json({ action, time: seconds(at) }))
      else state.facts.set(REBALANCE, json({ noticeTime: seconds(at) }))
    },
    clearNotice: () => {
      state.facts.delete(SPOT)
      state.facts.delete(REBALANCE)
    },
    fail: (mode) => void (state.fault = mode),
    close: () => new Promise((resolve) => {
      server.close(() => resolve())
      server.closeAllConnections()
    }),
  }
}

const META = '/latest/meta-data/'
const SPOT = `${META}spot/instance-action`
const REBALANCE = `${META}events/recommendations/rebalance`

function factsOf(options: ImdsOptions): State['facts'] {
  const { instanceId, instanceType, zone, region, privateIp } = options
  const now = Date.now()
  const identity = {
    accountId: '123456789012', architecture: 'x86_64', availabilityZone: zone, billingProducts: null, devpayProductCodes: null, imageId: 'ami-0123456789abcdef0', instanceId, instanceType,
    kernelId: null, marketplaceProductCodes: null, pendingTime: seconds(new Date(now)), privateIp, ramdiskId: null, region, version: '2017-09-30',
  }
  const credentials = {
    Code: 'Success', LastUpdated: seconds(new Date(now)), Type: 'AWS-HMAC', AccessKeyId: 'ASIAIOSFODNN7EXAMPLE', SecretAccessKey: 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY',
    Token: `session-of-${instanceId}`, Expiration: seconds(new Date(now + 6 * 3_600_000)),
  }
  return new Map([
    [`${META}instance-id`, text(instanceId)],
    [`${META}instance-type`, text(instanceType)],
    [`${META}placement/availability-zone`, text(zone)],
    [`${META}placement/region`, text(region)],
    [`${META}local-ipv4`, text(privateIp)],
    [`${META}instance-life-cycle`, text(options.spot ? 'spot' : 'on-demand')],
    [`${META}iam/security-credentials/`, text(IMDS_ROLE)],
    [`${META}iam/security-credentials/${IMDS_ROLE}`, json(credentials)],
    ['/latest/dynamic/instance-identity/document', json(identity)],
    ...(options.userData === '' ? [] : [['/latest/user-data', { type: 'application/octet-stream', body: options.userData }] as const]),
  ])
}

function answer(state: State, request: IncomingMessage, response: ServerResponse): void {
  request.resume()
  if (state.fault === 'dead') return
  if (state.fault === 'http500') return refuse(response, 500)
  const path = request.url ?? ''
  if (request.method === 'PUT' && path === '/latest/api/token') return giveToken(state, request, response)
  const token = request.headers['x-aws-ec2-metadata-token']
  const known = typeof token === 'string' && (state.tokens.get(token) ?? 0) > performance.now()
  if (!known || state.fault === 'token401') return refuse(response, 401)
  if (request.method !== 'GET') return refuse(response, 405)
  const fact = state.facts.get(path)
  if (fact === undefined) return refuse(response, 404)
  response.writeHead(200, { 'content-type': fact.type }).end(fact.body)
}

function giveToken(state: State, request: IncomingMessage, response: ServerResponse): void {
  const ttl = Number(request.headers[TTL_HEADER])
  if (!Number.isInteger(ttl) || ttl < 1 || ttl > TTL_MAX_S) return refuse(response, 400)
  const token = randomBytes(32).toString('base64')
  state.tokens.set(token, performance.now() + ttl * 1_000)
  response.writeHead(200, { 'content-type': 'text/plain', [TTL_HEADER]: String(ttl) }).end(token)
}

function refuse(response: ServerResponse, status: number): void {
  response.writeHead(status, { 'content-type': 'text/plain; charset=utf-8' }).end(`${status}\n`)
}

function text(body: string): { type: string; body: string } {
  return { type: 'text/plain', body }
}

function json(value: object): { type: string; body: string } {
  return { type: 'application/json', body: JSON.stringify(value, null, 2) }
}

/** As EC2 writes a time: to the second. */
function seconds(time: Date): string {
  return time.toISOString().replace(/\.\d+Z$/, 'Z')
}
