import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { realClock } from '../../protocol/kit/clock.ts'
import type { Log } from '../../protocol/kit/log.ts'
import { runStartupScript } from './startup-script.ts'

let dir: string
let said: string[]
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'drover-startup-'))
  said = []
})
afterEach(() => rmSync(dir, { recursive: true }))

const note = (fields: object, message: string): void => void said.push('line' in fields ? String(fields.line) : message)
const log: Log = { debug: note, info: note, warn: note, error: note, child: () => log }
const run = (script: string, change: { instanceId?: string; signal?: AbortSignal; deadlineMs?: number } = {}) =>
  runStartupScript({ script, instanceId: 'i-1', stateDir: join(dir, 'state'), clock: realClock, log, signal: new AbortController().signal, ...change })
const marker = () => JSON.parse(readFileSync(join(dir, 'state/startup-script.json'), 'utf8')) as { state: string }
const count = () => (existsSync(join(dir, 'runs')) ? readFileSync(join(dir, 'runs'), 'utf8').length : 0)
const counting = () => `printf x >>${dir}/runs; `

test('runs once for an instance, again for another; its output is logged', async () => {
  expect(await run(`${counting()} echo out; echo err >&2`)).toBe(true)
  expect(said.toSorted()).toEqual(['err', 'out', 'the startup script has run'])
  expect([await run(counting()), count(), marker().state]).toEqual([true, 1, 'done'])
  expect([await run(counting(), { instanceId: 'i-2' }), count()]).toEqual([true, 2])
})

test('a failing one is an error, and stays one without being run again', async () => {
  await expect(run(`${counting()} exit 7`)).rejects.toThrow(/ended with exit code 7, its output is in the agent's log: correct the pool's startup_script/)
  await expect(run(counting())).rejects.toThrow(/has failed on this instance before \(ended with exit code 7\)/)
  expect(count()).toBe(1)
})

test('one that is cut off runs again, and the log says so; the third time is the last', async () => {
  for (const words of [[], ['the startup script was cut off before its end and is run again'], ['the startup script was cut off before its end and is run again']]) {
    said = []
    const stop = new AbortController()
    const running = run(`${counting()} sleep 30`, { signal: stop.signal })
    const before = count()
    while (count() === before) await sleep(10)
    stop.abort()
    expect(await running).toBe(false)
    expect([said, marker().state]).toEqual([words, 'begun'])
  }
  await expect(run(counting())).rejects.toThrow(/cut off 3 times/)
  expect(count()).toBe(3)
})

test('one that does not end is killed with all it started', async () => {
  await expect(run(`(sleep 1; touch ${dir}/alive) & sleep 30`, { deadlineMs: 200 })).rejects.toThrow(/did not end within 0.2 s and was killed/)
  await sleep(1_200)
  expect(existsSync(join(dir, 'alive'))).toBe(false)
})

test('a daemon that it leaves behind is not waited for', async () => {
  const from = performance.now()
  expect(await run('sleep 2 & echo started')).toBe(true)
  expect(performance.now() - from).toBeLessThan(1_700)
})

test('a damaged marker is named', async () => {
  await run('true')
  writeFileSync(join(dir, 'state/startup-script.json'), '{')
  await expect(run('true')).rejects.toThrow(/is damaged, .* remove it/)
})
