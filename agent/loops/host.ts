import type { Clock } from '../../protocol/kit/clock.ts'
import type { Log } from '../../protocol/kit/log.ts'
import { startLoop } from '../../protocol/kit/loop.ts'
import type { Inventory } from '../../protocol/wire/heartbeat.ts'
import type { Docker } from '../docker/door.ts'
import { cpuSlotList, gpuOnBus, readDiskFreeMib, readHostFacts, type HostFacts } from '../host/facts.ts'
import type { GpuList } from '../host/gpu-state.ts'
import { watchGpus } from '../host/watch-gpus.ts'

export interface HostDeps {
  config: { hostname: string; stateDir: string; cpuSlots: number; ec2: Pick<HostFacts, 'instanceId' | 'instanceType' | 'zone'> | null }
  docker: Pick<Docker, 'info'>
  clock: Clock
  random: () => number
  log: Log
  signal: AbortSignal
}

export interface HostView {
  ended: Promise<void>
  slots: () => GpuList['slots']
  /** everything of the inventory but what is held */
  inventory: () => Omit<Inventory, 'held'>
}

const SWEEP_MS = 60_000

/** Looks once before it returns. Then one child lists the GPUs, and each minute come two small calls. */
export async function startHost(deps: HostDeps): Promise<HostView> {
  const { ec2 } = deps.config
  const found = await readHostFacts(deps.config.hostname)
  const facts: HostFacts = ec2 === null ? found : { ...found, instanceId: ec2.instanceId, instanceType: ec2.instanceType, zone: ec2.zone }
  const gpus = watchGpus({ cpuSlots: () => cpuSlotList(deps.config.cpuSlots), gpuOnBus, clock: deps.clock, log: deps.log, signal: deps.signal })
  await gpus.first
  let diskFreeMib = await readDiskFreeMib(deps.config.stateDir)
  let dockerVersion = ''
  const loop = startLoop({
    name: 'host', sweepMs: SWEEP_MS, capMs: 10_000, signal: deps.signal, clock: deps.clock, random: deps.random, log: deps.log,
    pass: async () => {
      diskFreeMib = await readDiskFreeMib(deps.config.stateDir)
      dockerVersion = (await deps.docker.info()).version
    },
  })
  return {
    ended: Promise.all([loop.ended, gpus.ended]).then(() => undefined),
    slots: () => gpus.list().slots,
    inventory: () => ({ ...facts, docker: dockerVersion, driver: gpus.list().driver, diskFreeMib, slots: gpus.list().slots }),
  }
}
