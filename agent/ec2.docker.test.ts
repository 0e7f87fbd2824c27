import { execFileSync, spawn, type ChildProcess } from 'node:child_process'
import { createHash, X509Certificate } from 'node:crypto'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createServer as createHttpsServer, type Server } from 'node:https'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { createUser } from '@nats-io/nkeys'
import { generate } from 'selfsigned'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { freePort } from '../images/local/processes.ts'
import { createLog } from '../protocol/kit/log.ts'
import { openLink, type Link } from '../protocol/link.ts'
import type { EventBatch } from '../protocol/wire/events.ts'
import type { Heartbeat, HeartbeatReply } from '../protocol/wire/heartbeat.ts'
import { EVENTS, HEARTBEATS } from '../protocol/wire/subjects.ts'
import { startImds, type FakeImds } from '../test/rig/imds.ts'
import { until } from '../test/rig/processes.ts'

const binary = process.env['DROVER_TEST_NATS_SERVER'] ?? ''
const dockerHost = process.env['DROVER_TEST_DOCKER'] ?? ''
const image = process.env['DROVER_TEST_IMAGE'] ?? ''
if (binary === '' || dockerHost === '') console.warn('ec2.docker.test.ts skipped: DROVER_TEST_NATS_SERVER or DROVER_TEST_DOCKER is not set')
else if (image === '') console.warn('ec2.docker.test.ts, live container: skipped, DROVER_TEST_IMAGE is not set')

const INSTANCE_ID = `i-${createHash('sha256').update(`${process.pid} ${Date.now()}`).digest('hex').slice(0, 17)}`
let nats: ChildProcess
let natsUrl: string
let link: Link
let https: Server
let masterUrl: string
let fingerprint: string
/** what the stub of a master was told, and what it answers to heartbeats */
const heard = { enrolments: [] as Record<string, unknown>[], beats: [] as Heartbeat[], events: [] as Record<string, unknown>[] }
let answer: (beat: Heartbeat) => HeartbeatReply
let dir: string
let imds: FakeImds
const agents: ChildProcess[] = []

/** A master of three answers: it enrols whoever asks, answers heartbeats as a test wants, takes every event. */
async function startMaster(): Promise<void> {
  const port = await freePort()
  nats = spawn(binary, ['-a', '127.0.0.1', '-p', String(port)], { stdio: 'ignore' })
  natsUrl = `nats://127.0.0.1:${port}`
  link = await openLink({ urls: [natsUrl], name: 'master', inboxPrefix: '_INBOX_master', credentials: () => ({ jwt: 'none', seed: new TextDecoder().decode(createUser().getSeed()) }), log: createLog({ name: 'test', level: 'error' }) })
  link.subscribe(HEARTBEATS, { callback: (_error, message) => {
    const beat = message.json<Heartbeat>()
    heard.beats.push(beat)
    message.respond(JSON.stringify(answer(beat)))
  } })
  link.subscribe(EVENTS, { callback: (_error, message) => {
    const { events } = message.json<EventBatch>()
    heard.events.push(...(events as Record<string, unknown>[]))
    message.respond(JSON.stringify({ v: 1, ok: true, store: 's', applied: (events.at(-1) as { seq: number }).seq }))
  } })
  const authority = await generate([{ name: 'commonName', value: 'test CA' }], { algorithm: 'sha256', keySize: 2048, extensions: [{ name: 'basicConstraints', cA: true }, { name: 'subjectAltName', altNames: [{ type: 7, ip: '127.0.0.1' }] }] })
  fingerprint = createHash('sha256').update(new X509Certificate(authority.cert).raw).digest('hex')
  https = createHttpsServer({ key: authority.private, cert: authority.cert }, (request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk)).on('end', () => {
      if (request.url === '/agent/v1/ca') return response.end(authority.cert)
      const body = JSON.parse(Buffer.concat(chunks).toString()) as Record<string, unknown>
      if (request.url === '/agent/v1/enroll') heard.enrolments.push(body)
      const life = Buffer.from(JSON.stringify({ iat: Date.now() / 1_000, exp: Date.now() / 1_000 + 86_400 })).toString('base64url')
      return response.end(JSON.stringify({ v: 1, agentId: body['agentId'], clusterId: 'ec2-test', jwt: `e30.${life}.x`, natsUrls: [natsUrl], agentToken: 't' }))
    })
  })
  await new Promise<void>((done) => https.listen(0, '127.0.0.1', done))
  masterUrl = `https://127.0.0.1:${(https.address() as AddressInfo).port}`
}

/** The program itself, as a machine image would start it: everything else comes from the metadata service. */
function startAgent(env: Record<string, string> = {}): { child: ChildProcess; output: () => string; ended: Promise<number | null> } {
  let output = ''
  const child = spawn(process.execPath, ['agent/main.ts'], {
    cwd: resolve(import.meta.dirname, '..'), stdio: ['ignore', 'pipe', 'pipe'],
    env: {
      PATH: process.env['PATH'], DROVER_CLOUD: 'ec2', AWS_EC2_METADATA_SERVICE_ENDPOINT: imds.url, DROVER_STATE_DIR: join(dir, 'state'), DOCKER_HOST: dockerHost,
      DROVER_POWEROFF_COMMAND: `echo gone >>${dir}/off`, ...env,
    },
  })
  agents.push(child)
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (text: string) => (output += text))
  return { child, output: () => output, ended: new Promise((done) => child.once('exit', (code) => done(code))) }
}

async function startInstance(lines: string[]): Promise<void> {
  imds = await startImds({ instanceId: INSTANCE_ID, instanceType: 'g5.xlarge', zone: 'eu-west-1b', region: 'eu-west-1', privateIp: '10.0.0.7', userData: ['#drover', ...lines, ''].join('\n'), spot: true })
}
const enrolling = () => [`DROVER_MASTER_URL=${masterUrl}`, `DROVER_JOIN_TOKEN=secret.${fingerprint}`]
const script = (text: string) => `DROVER_STARTUP_SCRIPT=${Buffer.from(text).toString('base64')}`
const same = (): HeartbeatReply => ({ v: 1, kind: 'same', store: 's', needInventory: false })
const refused = (): HeartbeatReply => ({ v: 1, kind: 'refused', store: 's', error: 'the agent is retired' })
const docker = (...args: string[]) => execFileSync('docker', args, { env: { PATH: process.env['PATH'], DOCKER_HOST: dockerHost }, encoding: 'utf8' }).trim()
const file = (name: string) => (existsSync(join(dir, name)) ? readFileSync(join(dir, name), 'utf8') : '')

describe.skipIf(binary === '' || dockerHost === '')('the agent on an EC2 instance', () => {
  beforeAll(startMaster)
  afterAll(async () => {
    await link.close()
    nats.kill('SIGKILL')
    https.closeAllConnections()
    https.close()
  })
  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), 'drover-ec2-'))
    answer = same
    for (const list of Object.values(heard)) list.length = 0
  })
  afterEach(async () => {
    for (const agent of agents.splice(0)) if (agent.exitCode === null && agent.signalCode === null) {
      agent.kill('SIGKILL')
      await new Promise((done) => agent.once('exit', done))
    }
    // one that is killed leaves its spare sandbox to a next life, which none of these has
    const spare = docker('ps', '-aq', '--filter', `label=drover.sandbox=${INSTANCE_ID}`)
    if (spare !== '') docker('rm', '-f', ...spare.split('\n'))
    await imds.close()
    rmSync(dir, { recursive: true })
  })

  test('lives by its user data, tells a notice once, goes when it is asked to', async () => {
    await startInstance([...enrolling(), 'DROVER_POOL=gpu', 'DROVER_CPU_SLOTS=2', script(`echo "set up" >>${dir}/script`)])
    const first = startAgent({ DROVER_DEADMAN_MINUTES: '1' })
    await until('the first heartbeat', 20_000, async () => heard.beats.length > 0)
    expect(heard.enrolments).toEqual([expect.objectContaining({ agentId: INSTANCE_ID, pool: 'gpu', joinToken: 'secret' })])
    expect(heard.beats[0]?.inventory).toMatchObject({ instanceId: INSTANCE_ID, instanceType: 'g5.xlarge', zone: 'eu-west-1b' })
    expect(file('script')).toBe('set up\n')

    imds.notice('spot', new Date('2030-01-01T00:00:00Z'))
    const from = performance.now()
    await until('the notice is heard', 10_000, async () => heard.events.length > 0)
    expect(performance.now() - from).toBeLessThan(5_500)
    expect(heard.events).toEqual([expect.objectContaining({ seq: 1, kind: 'notice', notice: 'spot', action: 'terminate', at: Date.UTC(2030, 0, 1) })])

    first.child.kill('SIGKILL')
    await first.ended
    answer = (beat) => (beat.have === 7 ? same() : { v: 1, kind: 'desired', store: 's', needInventory: false, generation: 7, desired: [], retire: 'spot notice' })
    heard.beats.length = 0
    startAgent({ DROVER_DEADMAN_MINUTES: '1' })
    await until('it says that it is drained', 20_000, async () => heard.beats.some((beat) => beat.drained === true))
    expect(heard.beats[0]?.drained).toBeUndefined()
    // the kill may have come before the acknowledgement was on disk: then the same entry comes again, never another
    expect([[...new Set(heard.events.map((event) => event['seq']))], file('script'), file('off')]).toEqual([[1], 'set up\n', ''])
  })

  test('a master that only refuses is no master: the dead-man switch works, and says why', async () => {
    await startInstance(enrolling())
    answer = refused
    const agent = startAgent({ DROVER_DEADMAN_MINUTES: '0.05' })
    await until('the machine is off', 20_000, async () => file('off') !== '')
    expect(heard.beats.length).toBeGreaterThan(0)
    expect(agent.output()).toMatch(/"reason":"no master has answered and no container has lived for [^"]*nothing is left to deliver".*the dead-man switch powers this machine off/)
  })

  test.skipIf(image === '')('a live container keeps the machine for as long as it lives', async () => {
    await startInstance(enrolling())
    answer = refused
    const container = docker('run', '-d', '--label', `drover.agent=${INSTANCE_ID}`, '--entrypoint', 'sleep', image, '60')
    try {
      startAgent({ DROVER_DEADMAN_MINUTES: '0.03' })
      await until('three periods have passed', 20_000, async () => heard.beats.length > 0)
      await sleep(5_400)
      expect(file('off')).toBe('')
    } finally {
      docker('rm', '-f', container)
    }
    await until('the machine is off', 10_000, async () => file('off') !== '')
  })

  test('a machine that cannot even enrol goes too, over restarts of its agent', async () => {
    await startInstance(['DROVER_MASTER_URL=https://127.0.0.1:1', `DROVER_JOIN_TOKEN=secret.${fingerprint}`])
    const first = startAgent({ DROVER_DEADMAN_MINUTES: '0.15' })
    await until('it waits for its master', 10_000, async () => first.output().includes('cannot be reached for enrolment'))
    first.child.kill('SIGTERM')
    expect([await first.ended, file('off')]).toEqual([0, ''])
    startAgent({ DROVER_DEADMAN_MINUTES: '0.15' })
    await until('the machine is off', 25_000, async () => file('off') !== '')
  })

  test('a failing startup script: exit 1, and no enrolment', async () => {
    await startInstance([...enrolling(), script('echo no driver for this kernel; exit 3')])
    const agent = startAgent()
    expect(await agent.ended).toBe(1)
    expect(agent.output()).toContain('"line":"no driver for this kernel"')
    expect(agent.output()).toMatch(/drover-agent: the startup script ended with exit code 3, .* correct the pool's startup_script/)
    expect(heard.enrolments).toEqual([])
  })

  test('user data that is wrong: exit 1, everything named', async () => {
    await startInstance(['DROVER_MASTER_URL=http://10.0.0.5', 'DROVER_STATE_DIR=/elsewhere'])
    const agent = startAgent()
    expect(await agent.ended).toBe(1)
    expect(agent.output()).toMatch(/line 3 of the user data sets DROVER_STATE_DIR[^]*DROVER_MASTER_URL "http:\/\/10\.0\.0\.5" is not https/)
  })
})
