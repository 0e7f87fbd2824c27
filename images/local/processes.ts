import { spawn, type ChildProcess } from 'node:child_process'
import { mkdirSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import { dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

/** A child that we started, and only such a one is ever ended by us. */
export interface Child {
  name: string
  pid: number
  ended: Promise<void>
  stop(): Promise<void>
}

export interface ChildOptions {
  name: string
  command: string
  args: string[]
  env: Record<string, string | undefined>
  logFile: string
  uid?: number
  gid?: number
  cwd?: string
  stopSignal?: NodeJS.Signals
}

const STOP_MS = 20_000

/** Children lead a process group of their own, so that Ctrl-C reaches them only through us, in order. */
export function startChild(options: ChildOptions): Child {
  mkdirSync(dirname(options.logFile), { recursive: true })
  const log = openSync(options.logFile, 'a')
  const child = spawn(options.command, options.args, {
    env: options.env, stdio: ['ignore', log, log], detached: true, cwd: options.cwd ?? '/', ...(options.uid === undefined ? {} : { uid: options.uid, gid: options.gid }),
  })
  const ended = new Promise<void>((resolve) => {
    child.once('exit', () => resolve())
    child.once('error', () => resolve())
  })
  return { name: options.name, pid: child.pid ?? 0, ended, stop: () => stopChild(child, ended, options.stopSignal ?? 'SIGTERM') }
}

async function stopChild(child: ChildProcess, ended: Promise<void>, signal: NodeJS.Signals): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) return
  child.kill(signal)
  const late = setTimeout(() => child.kill('SIGKILL'), STOP_MS)
  await ended
  clearTimeout(late)
}

/** Waits until `test` is true; fails when the child has ended or the time is over. */
export async function ready(child: Child, logFile: string, ms: number, test: () => Promise<boolean>): Promise<void> {
  let gone = false
  void child.ended.then(() => (gone = true))
  for (const end = performance.now() + ms; performance.now() < end; await sleep(50)) {
    if (gone) throw new Error(`${child.name} ended at once; its last lines in ${logFile}:\n${tailOf(logFile)}`)
    if (await test().catch(() => false)) return
  }
  throw new Error(`${child.name} was not ready within ${ms / 1000} s; its last lines in ${logFile}:\n${tailOf(logFile)}`)
}

function tailOf(path: string): string {
  return readFileSync(path, 'utf8').trim().split('\n').slice(-12).join('\n')
}

export function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1')
    socket.once('connect', () => (socket.destroy(), resolve(true)))
    socket.once('error', () => resolve(false))
  })
}

/** The wanted port where it is free, else any free one. */
export function freePort(wanted = 0): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer()
    server.once('error', (error) => (wanted === 0 ? reject(error) : resolve(freePort())))
    server.listen(wanted, '127.0.0.1', () => {
      const address = server.address()
      server.close(() => resolve(typeof address === 'object' && address ? address.port : 0))
    })
  })
}

/** Pids of a cluster with their start times: what a parent killed hard leaves is ended by the next start, and nothing else. */
export function rememberPids(stateDir: string, children: readonly Child[]): void {
  writeFileSync(join(stateDir, 'pids.json'), JSON.stringify(children.map((child) => ({ name: child.name, pid: child.pid, started: startTime(child.pid) }))))
}

export async function endLeftovers(stateDir: string): Promise<void> {
  const path = join(stateDir, 'pids.json')
  let found: { name: string; pid: number; started: string | null }[]
  try {
    found = JSON.parse(readFileSync(path, 'utf8')) as typeof found
  } catch {
    return
  }
  const alive = (entry: { pid: number; started: string | null }): boolean => entry.started !== null && startTime(entry.pid) === entry.started
  for (const entry of found.toReversed()) {
    if (!alive(entry)) continue
    process.kill(entry.pid, 'SIGTERM')
    for (const end = performance.now() + STOP_MS; alive(entry) && performance.now() < end; ) await sleep(50)
    if (alive(entry)) process.kill(entry.pid, 'SIGKILL')
  }
  rmSync(path, { force: true })
}

/** Field 22 of /proc/<pid>/stat: a pid that was given again has another one. */
function startTime(pid: number): string | null {
  try {
    return readFileSync(`/proc/${pid}/stat`, 'utf8').replace(/^.*\) /s, '').split(' ')[19] ?? null
  } catch {
    return null
  }
}
