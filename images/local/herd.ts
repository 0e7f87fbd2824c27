import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:net'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { answersPing, removeContainers } from './docker-http.ts'
import { startChild, STOP_MS, type Child, type ChildOptions } from './processes.ts'
import { SetupError } from './steps.mjs'
import { killIfThere, networkOf, startTime, sweepNetwork } from './traces.ts'

/** What we have started and must end, on disk too: what a parent killed hard leaves, the next start ends, and nothing else. */
interface Traces {
  children: { name: string; pid: number; started: string | null; stopSignal: NodeJS.Signals }[]
  /** our own engine's network namespace */
  network: string | null
  /** whose containers are ours, and where */
  agentId: string
  dockerHost: string | null
}

export interface HerdOptions {
  stateDir: string
  /** short-lived files: sockets, exec roots */
  runDir: string
  /** names the cluster on this machine; one herd at a time holds it */
  tag: string
  agentId: string
}

export interface Herd {
  begin(options: ChildOptions): Child
  /** From now on the agent's containers at this engine are ours to remove; `own` tells the engine that we started. */
  useEngine(dockerHost: string, own: Child | null): void
  /** The newest child of that name. */
  child(name: string): Child | null
  /** Kills what an engine of ours that has died left running. */
  sweepEngine(): Promise<void>
  pids(): Record<string, number>
  /** Ends all in reverse order; nothing of ours stays. Later calls wait for the first. */
  stop(): Promise<void>
}

/** Takes the cluster's name, then ends what an earlier start has left. Throws SetupError where another process holds it. */
export async function openHerd(options: HerdOptions): Promise<Herd> {
  const { stateDir, runDir } = options
  const lock = await takeName(options.tag, stateDir)
  const file = join(stateDir, 'pids.json')
  mkdirSync(stateDir, { recursive: true })
  await endLeftovers(file)
  rmSync(join(stateDir, 'run.json'), { force: true })
  rmSync(runDir, { recursive: true, force: true })
  mkdirSync(runDir, { recursive: true, mode: 0o700 })
  const children: Child[] = []
  const traces: Traces = { children: [], network: null, agentId: options.agentId, dockerHost: null }
  const note = (): void => {
    traces.children = children.filter((child) => child.running()).map(({ name, pid, stopSignal }) => ({ name, pid, started: startTime(pid), stopSignal }))
    writeWhole(file, traces)
  }
  const stopAll = async (): Promise<void> => {
    for (const child of children.toReversed()) {
      if (child.name === 'dockerd') await removeOurContainers(traces)
      await child.stop()
    }
    if (!children.some((child) => child.name === 'dockerd')) await removeOurContainers(traces)
    if (traces.network) await sweepNetwork(traces.network)
    rmSync(runDir, { recursive: true, force: true })
    rmSync(file, { force: true })
    await new Promise((resolve) => lock.close(resolve))
  }
  let stopping: Promise<void> | null = null
  return {
    begin(childOptions) {
      if (stopping) throw new Error(`the cluster is stopping: ${childOptions.name} is not started`)
      const child = startChild(childOptions)
      const old = children.findIndex(({ name }) => name === child.name)
      if (old === -1) children.push(child)
      else children[old] = child
      note()
      return child
    },
    useEngine(dockerHost, own) {
      traces.dockerHost = dockerHost
      traces.network = own ? networkOf(own.pid) : null
      note()
    },
    child: (name) => children.find((child) => child.name === name) ?? null,
    async sweepEngine() {
      if (traces.network) await sweepNetwork(traces.network)
    },
    pids: () => Object.fromEntries(children.map((child) => [child.name, child.pid])),
    stop: () => (stopping ??= stopAll()),
  }
}

/** An abstract socket: the kernel gives it to one process and takes it back when that is gone, however it went. */
function takeName(tag: string, stateDir: string): Promise<Server> {
  return new Promise((resolve, reject) => {
    const server = createServer((socket) => socket.destroy())
    server.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code !== 'EADDRINUSE') return reject(error)
      reject(new SetupError('a cluster of this clone runs already, or is being stopped', `use it (${join(stateDir, 'run.json')} says where it is), or press Ctrl-C where it was started and try again`))
    })
    server.listen(`\0drover-${tag}`, () => resolve(server.unref()))
  })
}

async function endLeftovers(file: string): Promise<void> {
  if (!existsSync(file)) return
  const traces = JSON.parse(readFileSync(file, 'utf8')) as Traces
  const alive = (entry: Traces['children'][number]): boolean => entry.started !== null && startTime(entry.pid) === entry.started
  for (const entry of traces.children.toReversed()) {
    if (entry.name === 'dockerd' && alive(entry)) await removeOurContainers(traces)
    if (alive(entry)) killIfThere(entry.pid, entry.stopSignal)
    for (const end = performance.now() + STOP_MS; alive(entry) && performance.now() < end; ) await sleep(50)
    if (alive(entry)) killIfThere(entry.pid)
  }
  if (traces.network) await sweepNetwork(traces.network)
  else await removeOurContainers(traces)
  rmSync(file, { force: true })
}

async function removeOurContainers({ dockerHost, agentId }: Traces): Promise<void> {
  if (dockerHost === null) return
  // an engine that is gone holds no container of ours
  if (await answersPing(dockerHost).catch(() => false)) await removeContainers(dockerHost, agentId)
}

function writeWhole(path: string, value: unknown): void {
  writeFileSync(`${path}.new`, JSON.stringify(value), { mode: 0o600 })
  renameSync(`${path}.new`, path)
}
