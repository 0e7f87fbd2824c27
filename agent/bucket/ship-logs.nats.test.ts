import { spawn, type ChildProcess } from 'node:child_process'
import { appendFile, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer, type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createUser } from '@nats-io/nkeys'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { realClock } from '../../protocol/kit/clock.ts'
import { createLog } from '../../protocol/kit/log.ts'
import { openLink, type Link } from '../../protocol/link.ts'
import type { LogBatch, LogReply } from '../../protocol/wire/logs.ts'
import { logSubject } from '../../protocol/wire/subjects.ts'
import { shipLogs, type LogShipper } from './ship-logs.ts'

const binary = process.env['DROVER_TEST_NATS_SERVER'] ?? ''
if (binary === '') console.warn('ship-logs.nats.test.ts skipped: DROVER_TEST_NATS_SERVER is not set')
const log = createLog({ name: 'test', level: 'error' })
const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))
const record = (text: string, stream = 'stdout'): string => `${JSON.stringify({ log: text, stream, time: '2026-11-23T21:20:07.123456789Z' })}\n`

/** A master that commits as the real one does, and may lose replies or refuse. */
interface Intake {
  lines: string[]
  cursor: number
  batches: number
  largest: number
  fault: (batch: LogBatch) => 'none' | 'lose-request' | 'lose-reply' | 'transient' | 'final'
}

describe.skipIf(binary === '')('log shipping over NATS', () => {
  let server: ChildProcess
  let port: number
  let agent: Link
  let master: Link
  let directory: string
  let count = 0

  const link = (name: string): Promise<Link> =>
    openLink({ urls: [`nats://127.0.0.1:${port}`], name, inboxPrefix: `_INBOX_${name}`, credentials: () => ({ jwt: 'none', seed: new TextDecoder().decode(createUser().getSeed()) }), log })

  beforeAll(async () => {
    port = await freePort()
    server = spawn(binary, ['-a', '127.0.0.1', '-p', String(port)], { stdio: 'ignore' })
    ;[agent, master] = await Promise.all([link('agent'), link('master')])
    directory = await mkdtemp(join(tmpdir(), 'drover-logs-'))
  })
  afterAll(async () => {
    await Promise.all([agent.close(), master.close()])
    server.kill()
    await rm(directory, { recursive: true })
  })

  function intake(fault: Intake['fault'] = () => 'none'): { intake: Intake; alloc: string; subject: string } {
    const alloc = `trial-${(count += 1)}.1`
    const state: Intake = { lines: [], cursor: 0, batches: 0, largest: 0, fault }
    master.subscribe(logSubject('a1', alloc), {
      callback: (error, message) => {
        if (error) throw error
        const batch = message.json() as LogBatch
        state.largest = Math.max(state.largest, message.data.length)
        const kind = state.fault(batch)
        const reply = (body: LogReply): void => void message.respond(JSON.stringify(body))
        if (kind === 'lose-request') return
        if (kind === 'transient') return reply({ v: 1, ok: false, final: false, error: 'later' })
        if (kind === 'final') return reply({ v: 1, ok: false, final: true, error: 'sealed' })
        if (batch.lines.length > 0 && batch.from === state.cursor) {
          state.lines.push(...batch.lines.map((line) => line.text))
          state.cursor = batch.to
          state.batches += 1
        }
        if (kind !== 'lose-reply') reply({ v: 1, ok: true, cursor: state.cursor })
      },
    })
    return { intake: state, alloc, subject: logSubject('a1', alloc) }
  }

  /** Short waits for a lost reply, so that faults cost milliseconds. */
  function ship(subject: string, path: string, stop: AbortController): LogShipper {
    const quick: Pick<Link, 'request'> = { request: (to, payload, options) => agent.request(to, payload, { ...options, timeout: 150 }) }
    return shipLogs({ link: Object.assign(Object.create(agent) as Link, quick), subject, rank: 0, containerId: 'c1', path, signal: stop.signal, clock: realClock, random: () => 0.1, log: createLog({ name: 'test', level: 'error' }) })
  }

  test('lines arrive while they are written, within a moment', async () => {
    const { intake: state, subject } = intake()
    const path = join(directory, 'live')
    await writeFile(path, '')
    const stop = new AbortController()
    const shipper = ship(subject, path, stop)
    await sleep(100)
    const waits: number[] = []
    for (let i = 0; i < 20; i += 1) {
      const from = performance.now()
      await appendFile(path, record(`line ${i}\n`))
      while (state.lines.length <= i) await sleep(1)
      waits.push(performance.now() - from)
    }
    waits.sort((a, b) => a - b)
    expect(waits[10]).toBeLessThan(100)
    await shipper.finish()
    stop.abort()
    await shipper.ended
    expect(state.lines).toEqual(Array.from({ length: 20 }, (_, i) => `line ${i}`))
  })

  test('through lost requests, lost replies and restarts at random points no line is lost or doubled', { timeout: 60_000 }, async () => {
    let calls = 0
    const { intake: state, subject } = intake(() => (['none', 'lose-reply', 'none', 'transient', 'none', 'lose-request', 'none'] as const)[(calls += 1) % 7] ?? 'none')
    const path = join(directory, 'faults')
    await writeFile(path, '')
    const expected: string[] = []
    let stop = new AbortController()
    let shipper = ship(subject, path, stop)
    for (let round = 0; round < 60; round += 1) {
      let chunk = ''
      for (let i = 0; i < 200; i += 1) {
        const text = `round ${round} line ${i} ${'x'.repeat((i * 37) % 300)}`
        expected.push(text)
        chunk += record(`${text}\n`)
      }
      const cut = (round * 977) % chunk.length
      await appendFile(path, chunk.slice(0, cut))
      await sleep(round % 5)
      await appendFile(path, chunk.slice(cut))
      if (round % 4 === 3) {
        stop.abort()
        await shipper.ended
        stop = new AbortController()
        shipper = ship(subject, path, stop)
      }
      await sleep(15)
    }
    await appendFile(path, record('the end, without newline'))
    expected.push('the end, without newline')
    await shipper.finish()
    stop.abort()
    await shipper.ended
    expect(state.lines.length).toBe(expected.length)
    expect(state.lines).toEqual(expected)
  })

  test('an agent that starts late ships a large file in batches of at most 512 KiB', { timeout: 30_000 }, async () => {
    const { intake: state, subject } = intake()
    const path = join(directory, 'large')
    const lines = Array.from({ length: 60_000 }, (_, i) => `line ${i} ${'\u0001\u001b"\\'.repeat(i % 20)}`)
    await writeFile(path, lines.map((line) => record(`${line}\n`)).join(''))
    const stop = new AbortController()
    const shipper = ship(subject, path, stop)
    await shipper.finish()
    stop.abort()
    await shipper.ended
    expect(state.lines).toEqual(lines)
    expect(state.largest).toBeLessThanOrEqual(512 * 1024)
    expect(state.batches).toBeGreaterThan(10)
  })

  test('an idle file costs no message', async () => {
    const { subject, intake: state } = intake()
    let calls = 0
    state.fault = () => ((calls += 1), 'none')
    const path = join(directory, 'idle')
    await writeFile(path, record('one\n'))
    const stop = new AbortController()
    const shipper = ship(subject, path, stop)
    await sleep(1_000)
    stop.abort()
    await shipper.ended
    expect(state.lines).toEqual(['one'])
    expect(calls).toBe(2)
  })

  test('a sealed allocation ends it, a log that is not there too', async () => {
    const stop = new AbortController()
    const path = join(directory, 'sealed')
    await writeFile(path, record('one\n'))
    const sealed = ship(intake(() => 'final').subject, path, stop)
    await sealed.finish()
    const absent = ship(intake().subject, join(directory, 'absent'), stop)
    await absent.finish()
    stop.abort()
    await Promise.all([sealed.ended, absent.ended])
  })

  test('nobody there: it waits, and goes on when the master is back', { timeout: 20_000 }, async () => {
    const alloc = `trial-${count + 1}.1`
    const path = join(directory, 'nobody')
    await writeFile(path, record('one\n'))
    const stop = new AbortController()
    const shipper = ship(logSubject('a1', alloc), path, stop)
    const finished = shipper.finish()
    await sleep(700)
    const { intake: state } = intake()
    await finished
    expect(state.lines).toEqual(['one'])
    stop.abort()
    await shipper.ended
  })
})

function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const probe = createServer().listen(0, '127.0.0.1', () => {
      const { port } = probe.address() as AddressInfo
      probe.close(() => resolve(port))
    })
  })
}
