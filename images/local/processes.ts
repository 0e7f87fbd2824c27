import { spawn, type ChildProcess } from 'node:child_process'
import { appendFileSync, closeSync, mkdirSync, openSync, readFileSync, statSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import { dirname } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

/** A child that we started, and only such a one is ever ended by us. */
export interface Child {
  readonly name: string
  readonly pid: number
  readonly stopSignal: NodeJS.Signals
  /** how it ended, in words */
  readonly ended: Promise<string>
  running(): boolean
  /** what it has printed since this start, the last lines */
  lastWords(): string
  /** Its stop signal, then SIGKILL after 20 s; resolves when it is gone. */
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
  /** default SIGTERM */
  stopSignal?: NodeJS.Signals
}

export const STOP_MS = 20_000

/** Children lead a process group of their own, so that Ctrl-C reaches them only through us, in order. */
export function startChild(options: ChildOptions): Child {
  const { name, logFile, stopSignal = 'SIGTERM' } = options
  mkdirSync(dirname(logFile), { recursive: true })
  const log = openSync(logFile, 'a')
  const from = statSync(logFile).size
  const child = spawn(options.command, options.args, {
    env: options.env, stdio: ['ignore', log, log], detached: true, cwd: '/', ...(options.uid === undefined ? {} : { uid: options.uid, gid: options.gid }),
  })
  closeSync(log)
  const ended = new Promise<string>((resolve) => {
    child.once('exit', (code, signal) => resolve(signal ?? `exit ${code}`))
    child.once('error', (error) => {
      appendFileSync(logFile, `${error.message}\n`)
      resolve(error.message)
    })
  })
  const running = (): boolean => child.pid !== undefined && child.exitCode === null && child.signalCode === null
  return {
    name, stopSignal, ended, running, pid: child.pid ?? 0,
    lastWords: () => readFileSync(logFile).subarray(from).toString().trim().split('\n').slice(-12).join('\n'),
    stop: () => stopChild(child, running, ended, stopSignal),
  }
}

async function stopChild(child: ChildProcess, running: () => boolean, ended: Promise<string>, signal: NodeJS.Signals): Promise<void> {
  if (!running()) return
  child.kill(signal)
  const late = setTimeout(() => child.kill('SIGKILL'), STOP_MS)
  await ended
  clearTimeout(late)
}

/** Waits until `test` is true; throws with the child's last words when it has ended, when `ms` are over or on `signal`. */
export async function ready(child: Child, ms: number, signal: AbortSignal, test: () => Promise<boolean>): Promise<void> {
  let trouble = ''
  const tried = (): Promise<boolean> => test().catch((error: unknown) => {
    trouble = String(error)
    return false
  })
  for (const end = performance.now() + ms; performance.now() < end; await sleep(50)) {
    signal.throwIfAborted()
    if (!child.running()) throw new Error(`${child.name} ended at once (${await child.ended}); its last lines:\n${child.lastWords()}`)
    if (await tried()) return
  }
  throw new Error(`${child.name} was not ready within ${ms / 1000} s${trouble && ` (${trouble})`}; its last lines:\n${child.lastWords()}`)
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
