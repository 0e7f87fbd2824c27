import type { Clock } from '../../protocol/kit/clock.ts'
import type { Log } from '../../protocol/kit/log.ts'
import { startLoop, type Loop } from '../../protocol/kit/loop.ts'
import type { Inventory } from '../../protocol/wire/heartbeat.ts'
import type { Docker } from '../docker/door.ts'
import type { GpuList } from '../gather/gpu-csv.ts'
import { readDiskFreeMib, readHostFacts, readSlots, type HostFacts } from '../host/facts.ts'

export interface HostDeps {
  config: { hostname: string; stateDir: string; cpuSlots: number; ec2: Pick<HostFacts, 'instanceId' | 'instanceType' | 'zone'> | null }
  docker: Pick<Docker, 'info'>
  clock: Clock
  random: () => number
  log: Log
  signal: AbortSignal
}

export interface HostView {
  loop: Loop
  slots: () => GpuList['slots']
  /** everything of the inventory but what is held */
  inventory: () => Omit<Inventory, 'held'>
}

const SWEEP_MS = 60_000

/** Looks once before it returns, then each minute: a child process and two small calls. */
export async function startHost(deps: HostDeps): Promise<HostView> {
  const { ec2 } = deps.config
  const found = await readHostFacts(deps.config.hostname)
  const facts: HostFacts = ec2 === null ? found : { ...found, instanceId: ec2.instanceId, instanceType: ec2.instanceType, zone: ec2.zone }
  let gpus = await readSlots(deps.config.cpuSlots, null, deps.log)
  let diskFreeMib = await readDiskFreeMib(deps.config.stateDir)
  let dockerVersion = ''
  const loop = startLoop({
    name: 'host', sweepMs: SWEEP_MS, capMs: 10_000, signal: deps.signal, clock: deps.clock, random: deps.random, log: deps.log,
    pass: async () => {
      gpus = await readSlots(deps.config.cpuSlots, gpus, deps.log)
      diskFreeMib = await readDiskFreeMib(deps.config.stateDir)
      dockerVersion = (await deps.docker.info()).version
    },
  })
  return { loop, slots: () => gpus.slots, inventory: () => ({ ...facts, docker: dockerVersion, driver: gpus.driver, diskFreeMib, slots: gpus.slots }) }
}
