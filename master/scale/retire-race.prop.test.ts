import fc from 'fast-check'
import { expect, test } from 'vitest'
import { schedule } from '../schedule/schedule.ts'
import type { PendingAllocation, ScheduleAgent, ScheduleDecision } from '../schedule/world.ts'
import { scale } from './decide.ts'
import { DRAIN_MS } from './ends.ts'
import { NOW, poolOf } from './rig.ts'
import type { ScaleDecision, ScaleInstance } from './world.ts'

const IDLE_MS = 10_000
const TICK_MS = 5_000
const SUSPECT_MS = 30_000
const ACTS = ['submit', 'look-schedule', 'do-schedule', 'look-scale', 'do-scale', 'heartbeat', 'exit', 'upload', 'logs', 'tick'] as const
type Act = (typeof ACTS)[number]

interface Run {
  id: string
  slot: string
  container: boolean
  uploads: boolean
  logs: boolean
}

/**
 * One node, and everybody who touches it, each with a view of its own age: both loops look, and act later on what they
 * saw. What is done is checked again under the lock of the agent's row (`fenced`), as the loops do.
 */
class Node {
  now = NOW
  state: ScaleInstance['state'] = 'READY'
  readonly fenced: boolean
  pending: PendingAllocation[] = []
  runs: Run[] = []
  submitted = 0
  idleSince: number | null = NOW
  retiringAt: number | null = null
  drained = false
  heardAt = NOW
  assigns: ScheduleDecision[] = []
  ends: ScaleDecision[] = []
  killed: string[] = []

  constructor(fenced: boolean) {
    this.fenced = fenced
  }

  act(act: Act): void {
    if (act === 'tick') this.now += TICK_MS
    if (act === 'submit' && this.submitted < 6) {
      this.submitted += 1
      this.pending.push({ allocation: `t-${this.submitted}.1`, pool: 'p', slots: 1, priority: 1, order: this.submitted })
    }
    if (act === 'look-schedule') this.assigns = schedule({ agents: this.agents(), pending: this.pending })
    if (act === 'do-schedule') this.assign()
    if (act === 'look-scale') this.ends = this.decide()
    if (act === 'do-scale') this.end()
    if (act === 'heartbeat' && this.alive()) this.heartbeat()
    if (act === 'exit') for (const run of this.runs.slice(0, 1)) run.container = false
    if (act === 'upload') for (const run of this.runs.filter((one) => !one.container).slice(0, 1)) run.uploads = false
    if (act === 'logs') for (const run of this.runs.filter((one) => !one.container).slice(0, 1)) run.logs = false
    this.seal()
  }

  alive(): boolean {
    return this.state !== 'TERMINATING'
  }

  private agents(): ScheduleAgent[] {
    if (!this.alive()) return []
    const slots = ['s0', 's1'].map((id) => ({ id, busy: this.runs.some((run) => run.container && run.slot === id) }))
    return [{ id: 'i-1', pool: 'p', enabled: true, draining: false, suspect: this.now - this.heardAt > SUSPECT_MS, leaving: this.state !== 'READY', zone: 'a', aux: 0, slots }]
  }

  private decide(): ScaleDecision[] {
    const instance: ScaleInstance = {
      id: 'i-1', launch: 'l', pool: 'p', type: 'small', zone: 'a', market: 'on-demand', state: this.state, slots: 2, gang: false, launchCount: 1, allocations: [], launchedAt: NOW - 60_000, registeredAt: NOW,
      live: this.runs.map((run) => run.id), idleSince: this.idleSince, notice: null, retiringAt: this.retiringAt, drained: this.drained, silentMs: this.now - this.heardAt,
    }
    return scale({ now: this.now, pools: [poolOf({ maxInstances: 1, maxIdleMs: IDLE_MS })], agents: this.agents(), pending: this.pending, launches: [], instances: [instance] })
  }

  private assign(): void {
    for (const decision of this.assigns) {
      const slot = decision.kind === 'assign' ? decision.members[0]?.slots[0] : undefined
      const waits = this.pending.some((one) => one.allocation === decision.allocation)
      const free = !this.runs.some((run) => run.container && run.slot === slot)
      if (slot === undefined || !waits || !free || this.state === 'TERMINATING' || (this.fenced && this.state !== 'READY')) continue
      this.pending = this.pending.filter((one) => one.allocation !== decision.allocation)
      this.runs.push({ id: decision.allocation, slot, container: true, uploads: true, logs: true })
      this.idleSince = null
    }
    this.assigns = []
  }

  private end(): void {
    for (const decision of this.ends) {
      if (this.fenced && this.runs.length > 0) continue
      if (decision.kind === 'retire' && this.state === 'READY') {
        this.state = 'RETIRING'
        this.retiringAt = this.now
      }
      if (decision.kind === 'terminate' && this.state === 'RETIRING') {
        this.state = 'TERMINATING'
        this.killed = this.runs.map((run) => run.id)
      }
    }
    this.ends = []
  }

  private heartbeat(): void {
    this.heardAt = this.now
    this.drained = this.state === 'RETIRING' && this.runs.length === 0
  }

  /** DRAINING -> SEALED: the container is gone, every checkpoint and every line is there. */
  private seal(): void {
    const left = this.runs.filter((run) => run.container || run.uploads || run.logs)
    if (left.length === 0 && this.runs.length > 0) this.idleSince = this.now
    this.runs = left
  }
}

/** Everything in any order, and now and then the moments that lie close together, in any order too. */
const single = fc.constantFrom<Act>(...ACTS, 'tick', 'tick', 'look-scale', 'do-scale', 'exit', 'upload', 'logs').map((act) => [act])
const close: Act[] = ['tick', 'tick', 'look-scale', 'submit', 'look-schedule', 'do-scale', 'heartbeat', 'look-scale', 'do-schedule', 'do-scale']
const acts: fc.Arbitrary<Act[]> = fc.array(fc.oneof({ weight: 9, arbitrary: single }, { weight: 1, arbitrary: fc.shuffledSubarray(close, { minLength: 6 }) }), { minLength: 20, maxLength: 120, size: 'max' })
  .map((parts) => parts.flat())

/** In any interleaving of timer, assignment, upload and log drain. */
function race(fenced: boolean): void {
  fc.assert(fc.property(acts, fc.boolean(), (sequence, mute) => {
    const node = new Node(fenced)
    for (const act of sequence) node.act(act)
    // from here on everybody comes by once a tick; a mute agent says nothing more
    const limit = IDLE_MS + (mute ? DRAIN_MS : 0) + 3 * TICK_MS
    for (let round = 0; round < 80; round++) {
      for (const act of ACTS) if (act !== 'submit' && !(mute && act === 'heartbeat')) node.act(act)
      const idle = node.idleSince === null ? 0 : node.now - Math.max(node.idleSince, startOf(sequence))
      if (node.alive()) expect(idle).toBeLessThanOrEqual(limit)
    }
    expect(node.killed).toEqual([])
    expect(node.state).toBe('TERMINATING')
    expect(node.runs).toEqual([])
  }), { numRuns: 1_000, seed: 20_260 })
}

test('retire race: never a node ended under live work, never one alive past its limit', () => race(true))

test('the property finds the race where nobody looks a second time', () => {
  expect(() => race(false)).toThrow(/Property failed/)
})

test('the race is real: without the second look under the lock this interleaving ends live work', () => {
  const sequence: Act[] = ['tick', 'tick', 'look-scale', 'submit', 'look-schedule', 'do-scale', 'heartbeat', 'look-scale', 'do-schedule', 'do-scale']
  const unfenced = new Node(false)
  const fenced = new Node(true)
  for (const node of [unfenced, fenced]) for (const act of sequence) node.act(act)
  expect([unfenced.state, unfenced.killed]).toEqual(['TERMINATING', ['t-1.1']])
  expect([fenced.state, fenced.killed, fenced.pending.length]).toEqual(['TERMINATING', [], 1])
})

/** When the sequence had ended: until then nobody promised to come by. */
function startOf(sequence: readonly Act[]): number {
  return NOW + sequence.filter((act) => act === 'tick').length * TICK_MS
}
