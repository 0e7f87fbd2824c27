import { request } from 'node:http'
import { expect, test } from 'vitest'

/** What a caller of a metadata service can rely on; run against the fake and against a server of AWS's own making. */
export interface ImdsContract {
  /** a service without a notice */
  quiet: () => string
  /** one that has both notices */
  noticed: () => string
  spot: () => boolean
}

interface Answer {
  status: number
  body: string
  headers: Record<string, string | string[] | undefined>
}

export function imdsContract({ quiet, noticed, spot }: ImdsContract): void {
  test('a token is given for a life of 1 to 21600 seconds, which it says', async () => {
    const { status, body, headers } = await put(quiet(), '60')
    expect([status, headers['x-aws-ec2-metadata-token-ttl-seconds']]).toEqual([200, '60'])
    expect(body).toMatch(/^[A-Za-z0-9+/=_-]{20,}$/)
    for (const ttl of [null, '0', '21601', 'long']) expect((await put(quiet(), ttl)).status, `ttl ${ttl}`).toBe(400)
  })

  test('without a token, with a wrong one and with one that has ended: 401', async () => {
    expect((await get(quiet(), 'meta-data/instance-id', null)).status).toBe(401)
    expect((await get(quiet(), 'meta-data/instance-id', 'wrong')).status).toBe(401)
    const { body } = await put(quiet(), '1')
    expect((await get(quiet(), 'meta-data/instance-id', body)).status).toBe(200)
    await new Promise((resolve) => setTimeout(resolve, 1_200))
    expect((await get(quiet(), 'meta-data/instance-id', body)).status).toBe(401)
  })

  test('one token serves many calls', async () => {
    const token = await tokenOf(quiet())
    for (let i = 0; i < 5; i += 1) expect((await get(quiet(), 'meta-data/instance-id', token)).status).toBe(200)
  })

  test.each([
    ['instance-id', /^i-[0-9a-f]{17}$/],
    ['instance-type', /^[a-z0-9-]+\.[a-z0-9-]+$/],
    ['placement/availability-zone', /^[a-z]+-[a-z]+-\d[a-z]$/],
    ['placement/region', /^[a-z]+-[a-z]+-\d$/],
    ['local-ipv4', /^\d+\.\d+\.\d+\.\d+$/],
    ['instance-life-cycle', /^(spot|on-demand)$/],
  ])('meta-data/%s', async (path, shape) => {
    const { status, body } = await fetchFrom(quiet(), `meta-data/${path}`)
    expect(status).toBe(200)
    expect(body.trim()).toMatch(shape)
    if (path === 'instance-life-cycle') expect(body.trim() === 'spot').toBe(spot())
  })

  test('user data comes as it is', async () => {
    const { status, body } = await fetchFrom(quiet(), 'user-data')
    expect([status, body.length > 0]).toEqual([200, true])
  })

  test('the identity document speaks of the same instance', async () => {
    const document = JSON.parse((await fetchFrom(quiet(), 'dynamic/instance-identity/document')).body) as Record<string, unknown>
    expect(document).toMatchObject({ version: '2017-09-30', instanceId: (await fetchFrom(quiet(), 'meta-data/instance-id')).body.trim(), region: (await fetchFrom(quiet(), 'meta-data/placement/region')).body.trim() })
    expect(typeof document['pendingTime']).toBe('string')
  })

  test('credentials of the role, in the shape that the SDKs read', async () => {
    const role = (await fetchFrom(quiet(), 'meta-data/iam/security-credentials/')).body.trim()
    const credentials = JSON.parse((await fetchFrom(quiet(), `meta-data/iam/security-credentials/${role}`)).body) as Record<string, unknown>
    expect(credentials).toMatchObject({ Code: 'Success', Type: 'AWS-HMAC' })
    for (const key of ['AccessKeyId', 'SecretAccessKey', 'Token', 'Expiration', 'LastUpdated']) expect(typeof credentials[key], key).toBe('string')
  })

  test('404 where there is nothing, notices included', async () => {
    for (const path of ['meta-data/nonsense', 'meta-data/spot/instance-action', 'meta-data/events/recommendations/rebalance']) expect((await fetchFrom(quiet(), path)).status, path).toBe(404)
  })

  test('notices name the action and their times, to the second', async () => {
    const spotNotice = JSON.parse((await fetchFrom(noticed(), 'meta-data/spot/instance-action')).body) as Record<string, string>
    expect(['terminate', 'stop', 'hibernate']).toContain(spotNotice['action'])
    expect(spotNotice['time']).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/)
    const rebalance = JSON.parse((await fetchFrom(noticed(), 'meta-data/events/recommendations/rebalance')).body) as Record<string, string>
    expect(rebalance['noticeTime']).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/)
  })
}

async function tokenOf(url: string): Promise<string> {
  return (await put(url, '60')).body
}

async function fetchFrom(url: string, path: string): Promise<Answer> {
  return get(url, path, await tokenOf(url))
}

function put(url: string, ttl: string | null): Promise<Answer> {
  return call('PUT', `${url}/latest/api/token`, ttl === null ? {} : { 'x-aws-ec2-metadata-token-ttl-seconds': ttl })
}

function get(url: string, path: string, token: string | null): Promise<Answer> {
  return call('GET', `${url}/latest/${path}`, token === null ? {} : { 'x-aws-ec2-metadata-token': token })
}

function call(method: string, url: string, headers: Record<string, string>): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const sent = request(url, { method, headers, agent: false }, (response) => {
      let body = ''
      response.setEncoding('utf8').on('data', (chunk: string) => (body += chunk)).on('end', () => resolve({ status: response.statusCode ?? 0, body, headers: response.headers }))
    })
    sent.on('error', reject).end()
  })
}
