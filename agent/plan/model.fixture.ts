import type { Desired } from '../../protocol/wire/heartbeat.ts'
import { parseAllocationId } from '../../protocol/words/ids.ts'
import { containerName } from './container-name.ts'
import type { AllocationRow } from './row.ts'
import type { Step } from './steps.ts'
import type { ObservedContainer, World } from './world.ts'
import { aRow } from './world.fixture.ts'

/** A tiny model of Docker, journal and attendant: what each executor leaves behind, nothing of how. Steps apply at once. */
export class HostModel {
  now = 0
  desired: Desired[] = []
  retiring = false
  readonly rows = new Map<string, AllocationRow>()
  readonly containers = new Map<string, ObservedContainer>()
  readonly attached = new Set<string>()
  readonly imageReady = new Set<string>()
  readonly refused = new Set<string>()
  readonly highest = new Map<string, number>()
  /** every docker start ever made, by allocation */
  readonly starts = new Map<string, number>()
  readonly exits = new Map<string, number>()
  slotsOf: (alloc: string) => string[] = () => ['cpu-0']

  world(): World {
    return {
      now: this.now, desired: this.desired, retiring: this.retiring, rows: [...this.rows.values()], containers: [...this.containers.values()], busy: new Map(), attached: new Set(this.attached),
      imageReady: new Set(this.imageReady), refused: new Set(this.refused), highestEpoch: new Map(this.highest),
    }
  }

  apply(step: Step): void {
    const row = this.rows.get(step.alloc)
    switch (step.kind) {
      case 'accept':
        return this.put(aRow({ alloc: step.alloc, spec: { slots: this.slotsOf(step.alloc) } }))
      case 'adopt':
        return this.put(aRow({ alloc: step.alloc, phase: step.phase, containerId: step.containerId, spec: { slots: this.slotsOf(step.alloc) } }))
      case 'refuse':
        this.refused.add(step.alloc)
        return this.exit(step.alloc)
      case 'ensure-image':
        return void this.imageReady.add(step.alloc)
      case 'restore':
        return this.change(row, { phase: 'restored' })
      case 'create':
        return this.create(step.alloc, row)
      case 'start':
        this.starts.set(step.alloc, (this.starts.get(step.alloc) ?? 0) + 1)
        this.container(step.alloc, 'running')
        return this.change(row, { phase: 'started' })
      case 'record-started':
        return this.change(row, { phase: 'started', containerId: step.containerId })
      case 'attach':
        return void this.attached.add(step.alloc)
      case 'preempt':
        return this.change(row, { preemptAt: this.now })
      case 'stop':
        return this.change(row, { stopAt: this.now })
      case 'kill':
        this.container(step.alloc, 'exited')
        return this.change(row, { stopAt: row?.stopAt ?? this.now })
      case 'exited':
      case 'vanished':
        this.exit(step.alloc)
        return this.change(row, { phase: 'exited' })
      case 'abandon':
        this.exit(step.alloc)
        return this.change(row, { phase: 'drained' })
      case 'drain':
        return this.change(row, { phase: 'drained' })
      case 'discard':
        for (const id of step.containerIds) this.containers.delete(id)
        this.attached.delete(step.alloc)
        return void this.rows.delete(step.alloc)
      case 'interrupt':
        return
    }
  }

  /** kill -9 of the agent: memory is gone, disk and Docker stay */
  restart(): void {
    this.attached.clear()
    this.imageReady.clear()
  }

  container(alloc: string, status: ObservedContainer['status'] | 'gone'): void {
    const name = containerName({ alloc, rank: 0, worldSize: 1, clusterId: 'c1' })
    const found = [...this.containers.values()].find((container) => container.name === name)
    if (found === undefined) return
    if (status === 'gone') this.containers.delete(found.id)
    else this.containers.set(found.id, { ...found, status })
  }

  private create(alloc: string, row: AllocationRow | undefined): void {
    const name = containerName({ alloc, rank: 0, worldSize: 1, clusterId: 'c1' })
    const found = [...this.containers.values()].find((container) => container.name === name)
    const id = found?.id ?? `${name}#${this.now}`
    if (found === undefined) this.containers.set(id, { id, name, alloc, status: 'created', slots: this.slotsOf(alloc) })
    this.change(row, { phase: 'created', containerId: id })
  }

  private put(row: AllocationRow): void {
    this.rows.set(row.alloc, row)
    const id = parseAllocationId(row.alloc)
    if (id !== null) this.highest.set(id.task, Math.max(id.epoch, this.highest.get(id.task) ?? 0))
  }

  private change(row: AllocationRow | undefined, change: Partial<AllocationRow>): void {
    if (row === undefined) throw new Error('a step about an allocation without a row')
    this.rows.set(row.alloc, { ...row, ...change })
  }

  private exit(alloc: string): void {
    this.exits.set(alloc, (this.exits.get(alloc) ?? 0) + 1)
  }
}
