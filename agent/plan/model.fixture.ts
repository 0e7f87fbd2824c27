import type { Desired } from '../../protocol/wire/heartbeat.ts'
import { parseAllocationId } from '../../protocol/words/ids.ts'
import { containerName } from './container-name.ts'
import type { AllocationRow } from './row.ts'
import { sandboxNameOf } from './sandbox-name.ts'
import type { Step } from './steps.ts'
import type { ObservedContainer, ObservedSandbox, World } from './world.ts'
import { aRow, SPARE } from './world.fixture.ts'

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
  /** running network sandboxes by name, and the one each container was made for */
  readonly sandboxes = new Map<string, ObservedSandbox>()
  readonly joined = new Map<string, string>()
  /** places told to the master, by allocation */
  readonly told = new Map<string, number>()
  slotsOf: (alloc: string) => string[] = () => ['cpu-0']
  worldSizeOf: (alloc: string) => number = () => 1
  private made = 0

  world(): World {
    return {
      now: this.now, desired: this.desired, retiring: this.retiring, rows: [...this.rows.values()], containers: [...this.containers.values()],
      sandboxes: [...this.sandboxes.values()], spareSandbox: SPARE, busy: new Map(), attached: new Set(this.attached),
      imageReady: new Set(this.imageReady), refused: new Set(this.refused), closed: new Set(), highestEpoch: new Map(this.highest),
    }
  }

  apply(step: Step): void {
    const row = this.rows.get(step.alloc)
    switch (step.kind) {
      case 'accept':
        return this.put(aRow({ alloc: step.alloc, spec: this.specOf(step.alloc) }))
      case 'adopt':
        return this.put(aRow({ alloc: step.alloc, phase: step.phase, containerId: step.containerId, spec: this.specOf(step.alloc) }))
      case 'refuse':
        this.refused.add(step.alloc)
        return this.exit(step.alloc)
      case 'ensure-image':
        return void this.imageReady.add(step.alloc)
      case 'restore':
        return this.change(row, { phase: 'restored' })
      case 'create':
        return this.create(step.alloc, row)
      case 'rendezvous':
        this.sandbox(step.alloc)
        this.told.set(step.alloc, (this.told.get(step.alloc) ?? 0) + 1)
        return this.change(row, { place: { network: 'bridge', address: '172.17.0.9', port: 29_400, gatewayPort: 18_080 } })
      case 'recreate':
        return this.change(row, { phase: 'restored', containerId: null })
      case 'start':
        if (!this.canJoin(step.alloc)) return
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
        for (const id of step.sandboxIds) this.removeSandbox(id)
        this.attached.delete(step.alloc)
        return void this.rows.delete(step.alloc)
      case 'sweep':
        return this.removeSandbox(step.sandboxId)
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
    const found = [...this.containers.values()].find((container) => container.name === this.nameOf(alloc))
    if (found === undefined) return
    if (status === 'gone') this.containers.delete(found.id)
    else this.containers.set(found.id, { ...found, status })
  }

  private create(alloc: string, row: AllocationRow | undefined): void {
    const name = this.nameOf(alloc)
    const sandbox = this.sandbox(alloc)
    let found = [...this.containers.values()].find((container) => container.name === name)
    if (found && this.joined.get(found.id) !== sandbox.id) {
      this.containers.delete(found.id)
      found = undefined
    }
    const id = found?.id ?? `${name}#${(this.made += 1)}`
    if (found === undefined) this.containers.set(id, { id, name, alloc, status: 'created', slots: this.slotsOf(alloc) })
    this.joined.set(id, sandbox.id)
    this.change(row, { phase: 'created', containerId: id })
  }

  /** Somebody removes it, or the engine ends it. */
  loseSandbox(alloc: string): void {
    this.sandboxes.delete(sandboxNameOf(this.nameOf(alloc)))
  }

  private sandbox(alloc: string): ObservedSandbox {
    const name = sandboxNameOf(this.nameOf(alloc))
    const sandbox = this.sandboxes.get(name) ?? { id: `net#${(this.made += 1)}`, name, running: true }
    this.sandboxes.set(name, sandbox)
    return sandbox
  }

  private removeSandbox(id: string): void {
    for (const sandbox of this.sandboxes.values()) if (sandbox.id === id) this.sandboxes.delete(sandbox.name)
  }

  /** Docker refuses to start what cannot join its network. */
  private canJoin(alloc: string): boolean {
    const container = [...this.containers.values()].find((one) => one.name === this.nameOf(alloc))
    return container !== undefined && this.sandboxes.get(sandboxNameOf(container.name))?.id === this.joined.get(container.id)
  }

  private specOf(alloc: string): { slots: string[]; worldSize: number } {
    return { slots: this.slotsOf(alloc), worldSize: this.worldSizeOf(alloc) }
  }

  private nameOf(alloc: string): string {
    return containerName({ alloc, rank: 0, worldSize: this.worldSizeOf(alloc), clusterId: 'c1' })
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
