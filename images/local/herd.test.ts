import { spawn, type ChildProcess } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { openHerd, type Herd, type HerdOptions } from './herd.ts'
import { networkOf, startTime, sweepNetwork } from './traces.ts'

let dir: string
let strangers: ChildProcess[]
let options: HerdOptions
const herds: Herd[] = []

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'drover-herd-'))
  options = { stateDir: dir, runDir: join(dir, 'run'), tag: basename(dir), agentId: 'herd-test' }
  strangers = []
})
afterEach(async () => {
  for (const herd of herds.splice(0)) await herd.stop()
  for (const stranger of strangers) stranger.kill('SIGKILL')
  rmSync(dir, { recursive: true, force: true })
})

const open = async (): Promise<Herd> => {
  const herd = await openHerd(options)
  herds.push(herd)
  return herd
}
const begin = (herd: Herd, name: string): number => herd.begin({ name, command: 'sleep', args: ['1000'], env: process.env, logFile: join(dir, `${name}.log`) }).pid
/** A process that no herd of this test has started. */
const stranger = (command = 'sleep', args = ['1000']): number => {
  const child = spawn(command, args, { stdio: 'ignore' })
  strangers.push(child)
  return child.pid ?? 0
}
const recorded = (pid: number, started: string | null): void => writeFileSync(join(dir, 'pids.json'), JSON.stringify({ children: [{ name: 'old', pid, started, stopSignal: 'SIGTERM' }], network: null, agentId: 'herd-test', dockerHost: null }))

test('a stop ends every child and leaves no trace', async () => {
  const herd = await open()
  const pids = [begin(herd, 'one'), begin(herd, 'two')]
  expect(Object.values(herd.pids())).toEqual(pids)
  expect(pids.map(startTime)).not.toContain(null)
  await herd.stop()
  expect(pids.map(startTime)).toEqual([null, null])
  expect([existsSync(join(dir, 'pids.json')), existsSync(options.runDir)]).toEqual([false, false])
})

test('after the stop has begun nothing is started', async () => {
  const herd = await open()
  const stopped = herd.stop()
  expect(() => begin(herd, 'late')).toThrow('stopping')
  await stopped
})

test('one name, one herd: the second is refused until the first has stopped', async () => {
  const first = await open()
  await expect(openHerd(options)).rejects.toThrow('runs already')
  await first.stop()
  await open()
})

test('what an earlier start has left is ended', async () => {
  const pid = stranger()
  recorded(pid, startTime(pid))
  await open()
  expect(startTime(pid)).toBeNull()
})

test('a pid that now belongs to another process is left alone', async () => {
  const pid = stranger()
  recorded(pid, '1')
  await open()
  expect(startTime(pid)).not.toBeNull()
})

test('children are on disk as soon as they run', async () => {
  const herd = await open()
  const pid = begin(herd, 'one')
  const { children } = JSON.parse(readFileSync(join(dir, 'pids.json'), 'utf8')) as { children: unknown[] }
  expect(children).toEqual([{ name: 'one', pid, started: startTime(pid), stopSignal: 'SIGTERM' }])
})

test('our own network namespace is never swept', async () => {
  const pid = stranger()
  await sweepNetwork(networkOf('self') ?? '')
  expect(startTime(pid)).not.toBeNull()
})

const root = process.getuid?.() === 0
if (!root) console.warn('herd.test.ts: one test skipped, it needs root to make a network namespace')
test.skipIf(!root)('a sweep ends all of a foreign network namespace and their children, also those that left it', async () => {
  // the inner unshare gives the grandchild a namespace of its own, as a container has
  const pid = stranger('unshare', ['--net', 'sh', '-c', 'unshare --net sleep 1000 & sleep 1000'])
  const own = networkOf('self')
  await expect.poll(() => networkOf(pid)).not.toBe(own)
  const network = networkOf(pid) ?? ''
  await expect.poll(() => readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ').length).toBe(2)
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ').map(Number)
  await sweepNetwork(network)
  expect([pid, ...children].map(startTime)).toEqual([null, null, null])
}, 20_000)
