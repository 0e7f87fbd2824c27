import { spawn, type ChildProcess } from 'node:child_process'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { EC2Client } from '@aws-sdk/client-ec2'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { until } from '../processes.ts'
import { clientOf, errorOf, missing, run, runOne, startMoto, stateOf, type OwnMoto } from './contract.fixture.ts'

if (missing) process.stderr.write(`EC2 simulator tests skipped: ${missing}\n`)

describe.skipIf(missing !== null)('ec2sim as a program of its own', () => {
  let moto: OwnMoto
  let program: ChildProcess
  let url = ''
  let ec2: EC2Client

  beforeAll(async () => {
    moto = await startMoto()
    program = spawn(process.execPath, [join(import.meta.dirname, 'main.ts'), '--moto', moto.url], { stdio: ['ignore', 'pipe', 'inherit'] })
    if (!program.stdout) throw new Error('no output')
    for await (const line of createInterface({ input: program.stdout })) {
      url = (JSON.parse(line) as { url: string }).url
      break
    }
    ec2 = clientOf(url)
  })
  afterAll(async () => {
    ec2?.destroy()
    if (program) {
      const ended = new Promise((resolve) => program.once('exit', resolve))
      program.kill('SIGTERM')
      expect(await ended).toBe(0)
    }
    await moto?.stop()
  })

  const control = async <T>(method: string, path: string, body?: unknown): Promise<T> => {
    const response = await fetch(`${url}/_ec2sim/${path}`, { method, ...(body === undefined ? {} : { body: JSON.stringify(body) }) })
    const text = await response.text()
    if (!response.ok) throw new Error(text)
    return JSON.parse(text) as T
  }

  test('rules, settings, capacity, prices, console, lists and notices by HTTP', async () => {
    const { id: rule } = await control<{ id: number }>('POST', 'rules', { when: { action: 'RunInstances' }, error: 'VcpuLimitExceeded' })
    expect((await errorOf(run(ec2))).code).toBe('VcpuLimitExceeded')
    expect(await control('GET', 'rules')).toMatchObject([{ id: rule, acted: 1 }])
    expect(await control('DELETE', `rules/${rule}`)).toEqual({ removed: true })
    expect(await control('PATCH', 'settings', { pendingMs: 60_000 })).toMatchObject({ pendingMs: 60_000, pageSize: null })
    await control('PUT', 'capacity', { type: 'c5.xlarge', zone: 'us-east-1a', market: 'on-demand', size: 0 })
    const inA = { InstanceType: 'c5.xlarge', Placement: { AvailabilityZone: 'us-east-1a' } } as const
    expect((await errorOf(run(ec2, inA))).code).toBe('InsufficientInstanceCapacity')
    await control('PUT', 'capacity', { type: 'c5.xlarge', zone: 'us-east-1a', market: 'on-demand', size: null })
    const id = await runOne(ec2, { ...inA, InstanceInitiatedShutdownBehavior: 'terminate' })
    expect(await stateOf(ec2, id)).toBe('pending')
    await control('POST', 'spot-prices', { type: 'c5.large', zone: 'us-east-1a', perHour: 0.03, at: '2026-01-02T03:04:05Z' })
    expect(await control('GET', 'spot-prices')).toEqual([{ type: 'c5.large', zone: 'us-east-1a', perHour: 0.03, at: '2026-01-02T03:04:05.000Z', product: 'Linux/UNIX' }])
    await control('PUT', `console/${id}`, { text: 'boot' })
    await control('POST', 'freeze-lists', { byId: true })
    await control('POST', `power-off/${id}`)
    expect(await stateOf(ec2, id)).toBe('pending')
    await control('POST', 'thaw-lists')
    expect(await stateOf(ec2, id)).toBe('terminated')
    expect(await control('GET', 'calls?action=RunInstances')).toMatchObject([{ outcome: 'VcpuLimitExceeded' }, { outcome: 'InsufficientInstanceCapacity' }, { outcome: 'ok', instances: [id] }])
    await control('DELETE', 'calls')
    expect(await control('GET', 'calls')).toEqual([])

    const spot = await runOne(ec2, { InstanceMarketOptions: { MarketType: 'spot' } })
    await control('POST', `rebalance/${spot}`)
    await control('POST', `interrupt/${spot}`, { noticeMs: 50 })
    expect(await control('GET', 'notices')).toMatchObject([{ instance: spot, kind: 'rebalance' }, { instance: spot, kind: 'spot' }])
    await until('it is taken', 5_000, async () => (await stateOf(ec2, spot)) === 'terminated')
    expect(await control('GET', 'instances')).toMatchObject([{ id, state: 'terminated' }, { id: spot, market: 'spot', state: 'terminated' }])
  })

  test('a mistake of the driver is told in words', async () => {
    await expect(control('POST', 'rules', { error: 'Never' })).rejects.toThrow('does not know EC2\'s words for Never')
    await expect(control('PATCH', 'settings', { pendingMS: 1 })).rejects.toThrow('there is no setting pendingMS')
    await expect(control('GET', 'nothing')).rejects.toThrow('GET /_ec2sim/nothing is nothing that ec2sim knows')
  })
})
