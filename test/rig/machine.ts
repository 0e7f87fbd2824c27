import { execFile, spawn, type ChildProcess } from 'node:child_process'
import { closeSync, existsSync, mkdirSync, openSync, readSync, rmSync, statSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import type { SimInstance } from './ec2sim/instances.ts'
import { startImds, type FakeImds } from './imds.ts'

/** ok: the agent starts. never-registers: the machine is up, its agent is not. fails: the agent ends with an error at every start. */
export type Boot = 'ok' | 'never-registers' | 'fails'

export interface MachineOptions {
  instance: SimInstance
  userData: string
  /** state and log of the agent */
  dir: string
  dockerHost: string
  cpuSlots: number
  boot: Boot
  env: Record<string, string>
}

/** What a simulated instance runs: its metadata service and a real agent, which is started again when it ends, as systemd does. */
export interface Machine {
  readonly id: string
  readonly imds: FakeImds
  readonly logFile: string
  /** the agent's; null while there is none */
  pid(): number | null
  /** SIGSTOP and SIGCONT of the agent; its containers run on */
  freeze(on: boolean): void
  /** the agent alone dies; it starts again in a second */
  killAgent(): void
  /** the agent has asked for the power to be switched off */
  poweredOff(): boolean
  /** what the screen shows, newest last */
  screen(): string
  containers(): Promise<string[]>
  /** The power is gone: agent, containers and metadata service with it. */
  die(): Promise<void>
}

const AGENT = resolve(import.meta.dirname, '../../dist/drover-agent.mjs')
const RESTART_MS = 1_000
const SCREEN_BYTES = 64 << 10
const LATE_MS = 300
const TRIES_MAX = 30

export async function startMachine(options: MachineOptions): Promise<Machine> {
  const { instance, dir } = options
  const { id } = instance
  mkdirSync(dir, { recursive: true, mode: 0o700 })
  const offFile = join(dir, 'powered-off')
  rmSync(offFile, { force: true })
  const imds = await startImds({ instanceId: id, instanceType: instance.type, zone: instance.zone, region: instance.region, privateIp: instance.privateIp, userData: options.userData, spot: instance.market === 'spot' })
  const agent = options.boot === 'never-registers' ? null : keepAgent(options, imds.url, offFile)
  const logFile = join(dir, 'agent.log')
  const containers = (): Promise<string[]> => containersOf(options.dockerHost, id)
  return {
    id, imds, logFile, containers,
    pid: () => agent?.child()?.pid ?? null,
    freeze: (on) => void agent?.child()?.kill(on ? 'SIGSTOP' : 'SIGCONT'),
    killAgent: () => void agent?.child()?.kill('SIGKILL'),
    poweredOff: () => existsSync(offFile),
    screen: () => `[    0.000000] Linux version 6.1.0 (simulated) ${instance.type} ${id}\n${existsSync(logFile) ? readEnd(logFile) : '[    1.000000] drover-agent.service: not started\n'}`,
    async die() {
      await agent?.stop()
      await imds.close()
      await clear(options.dockerHost, id)
    },
  }
}

interface Kept {
  child(): ChildProcess | null
  stop(): Promise<void>
}

function keepAgent({ dir, dockerHost, cpuSlots, boot, env }: MachineOptions, imdsUrl: string, offFile: string): Kept {
  let child: ChildProcess | null = null
  let stopped = false
  let timer: NodeJS.Timeout | null = null
  const start = (): void => {
    const log = openSync(join(dir, 'agent.log'), 'a')
    const one = spawn(process.execPath, [AGENT], {
      stdio: ['ignore', log, log], cwd: '/',
      env: {
        PATH: process.env['PATH'], HOME: dir, DROVER_CLOUD: 'ec2', AWS_EC2_METADATA_SERVICE_ENDPOINT: imdsUrl, DROVER_STATE_DIR: join(dir, 'state'), DOCKER_HOST: dockerHost,
        DROVER_CPU_SLOTS: boot === 'fails' ? 'broken' : String(cpuSlots), DROVER_POWEROFF_COMMAND: `touch '${offFile}'`, DROVER_LOG_LEVEL: 'debug', ...env,
      },
    })
    closeSync(log)
    child = one
    one.once('exit', () => {
      child = null
      if (!stopped && !existsSync(offFile)) timer = setTimeout(start, RESTART_MS)
    })
  }
  start()
  return {
    child: () => child,
    async stop() {
      stopped = true
      if (timer) clearTimeout(timer)
      const last = child
      if (!last) return
      const ended = new Promise((resolve) => last.once('exit', resolve))
      last.kill('SIGKILL')
      await ended
    },
  }
}

/** Those that run for the agent, and those that it made for itself. */
async function containersOf(dockerHost: string, agent: string): Promise<string[]> {
  const lists = await Promise.all(['drover.agent', 'drover.sandbox'].map((label) => docker(dockerHost, 'ps', '-aq', '--no-trunc', '--filter', `label=${label}=${agent}`)))
  return [...new Set(lists.flatMap((list) => list.split('\n')))].filter((id) => id !== '')
}

/** Until none is seen twice: the engine may still carry out what the agent asked last. */
async function clear(dockerHost: string, agent: string): Promise<void> {
  let trouble = ''
  for (let quiet = 0, tries = 0; ; tries += 1) {
    const ids = await containersOf(dockerHost, agent)
    quiet = ids.length === 0 ? quiet + 1 : 0
    if (quiet === 2) return
    if (tries === TRIES_MAX) throw new Error(`containers of ${agent} do not go: ${ids.join(', ')}: ${trouble}`)
    if (ids.length > 0) await docker(dockerHost, 'rm', '-f', '-v', ...ids).catch((error: unknown) => void (trouble = String(error)))
    await sleep(LATE_MS)
  }
}

async function docker(dockerHost: string, ...args: string[]): Promise<string> {
  return (await promisify(execFile)('docker', args, { env: { PATH: process.env['PATH'], DOCKER_HOST: dockerHost } })).stdout.trim()
}

function readEnd(path: string): string {
  const from = Math.max(0, statSync(path).size - SCREEN_BYTES)
  const file = openSync(path, 'r')
  try {
    const bytes = Buffer.alloc(SCREEN_BYTES)
    return bytes.subarray(0, readSync(file, bytes, 0, SCREEN_BYTES, from)).toString()
  } finally {
    closeSync(file)
  }
}
