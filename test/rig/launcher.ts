import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Ec2Sim } from './ec2sim/door.ts'
import type { SimInstance } from './ec2sim/instances.ts'
import { startMachine, type Boot, type Machine } from './machine.ts'

export interface LauncherOptions {
  sim: Ec2Sim
  dockerHost: string
  /** one directory an instance below it: the agent's state and log */
  dir: string
  /** CPU slots by instance type; an instance of another type has none */
  cpuSlots: Record<string, number>
  /** from running to the start of the agent */
  bootMs?: number
  boots?: Boot
  /** for every agent, over what the launcher gives it */
  env?: Record<string, string>
}

/** Gives every running instance of ec2sim a machine, and takes it away when the instance goes. */
export interface Launcher {
  /** for what boots from now on */
  bootMs: number
  boots: Boot
  /** ids of the machines that are up */
  up(): string[]
  /** Throws where the instance has no machine that is up. */
  machine(id: string): Machine
  /** As a host is lost: nothing of it is left, and EC2 does not know. */
  loseHost(id: string): Promise<void>
  /** The agent hears and says nothing while it is on, then goes on as if nothing had been. Its containers run on. */
  partition(id: string, on: boolean): void
  /** what went wrong in the launcher itself, newest last */
  readonly troubles: readonly string[]
  /** No process, no container of any machine is left. */
  close(): Promise<void>
}

const LOOK_MS = 200

export function startLauncher(options: LauncherOptions): Launcher {
  const { sim } = options
  const stop = new AbortController()
  const up = new Map<string, Machine>()
  const booting = new Map<string, Promise<void>>()
  const lost = new Set<string>()
  const troubles: string[] = []
  const report = (what: string) => (error: unknown) => void troubles.push(`${what}: ${error instanceof Error ? error.message : String(error)}`)
  const boot = async (instance: SimInstance): Promise<void> => {
    const { id } = instance
    await sleep(launcher.bootMs, undefined, { signal: stop.signal })
    const cpuSlots = options.cpuSlots[instance.type] ?? 0
    const machine = await startMachine({ instance, userData: await sim.userData(id), dir: join(options.dir, id), dockerHost: options.dockerHost, cpuSlots, boot: launcher.boots, env: options.env ?? {} })
    up.set(id, machine)
    for (const notice of sim.notices().filter((one) => one.instance === id)) machine.imds.notice(notice.kind, notice.at)
  }
  const take = async (id: string): Promise<void> => {
    const machine = up.get(id)
    up.delete(id)
    await machine?.die()
  }
  const look = async (): Promise<void> => {
    const running = (await sim.instances()).filter((one) => one.state === 'running')
    const ids = new Set(running.map((one) => one.id))
    await Promise.all([...up.keys()].filter((id) => !ids.has(id)).map((id) => take(id)))
    for (const instance of running.filter(({ id }) => !up.has(id) && !booting.has(id) && !lost.has(id))) {
      booting.set(instance.id, boot(instance).catch((error: unknown) => (stop.signal.aborted ? undefined : report(`boot of ${instance.id}`)(error))).finally(() => booting.delete(instance.id)))
    }
    for (const machine of up.values()) {
      sim.console(machine.id, machine.screen())
      if (machine.poweredOff()) await sim.powerOff(machine.id)
    }
  }
  const deaf = sim.onNotice((notice) => up.get(notice.instance)?.imds.notice(notice.kind, notice.at))
  const ended = (async () => {
    while (!stop.signal.aborted) {
      await look().catch(report('look'))
      await sleep(LOOK_MS, undefined, { signal: stop.signal }).catch(() => undefined)
    }
  })()
  const machine = (id: string): Machine => {
    const found = up.get(id)
    if (!found) throw new Error(`no machine of ${id} is up; up: ${[...up.keys()].join(', ') || 'none'}`)
    return found
  }
  const launcher: Launcher = {
    bootMs: options.bootMs ?? 0,
    boots: options.boots ?? 'ok',
    up: () => [...up.keys()],
    machine,
    async loseHost(id) {
      machine(id)
      lost.add(id)
      await take(id)
    },
    partition: (id, on) => machine(id).freeze(on),
    troubles,
    async close() {
      deaf()
      stop.abort()
      await ended
      await Promise.all(booting.values())
      await Promise.all([...up.keys()].map((id) => take(id)))
    },
  }
  return launcher
}
