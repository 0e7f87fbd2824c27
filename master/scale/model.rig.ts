import { schedule } from '../schedule/schedule.ts'
import type { PendingAllocation, ScheduleAgent } from '../schedule/world.ts'
import { scale } from './decide.ts'
import { agentOf, NOW } from './rig.ts'
import type { ScaleDecision, ScaleInstance, ScaleLaunch, ScalePool, ScaleWorld } from './world.ts'

/** What EC2 and the machines do to whoever asks, in order of the calls; afterwards all goes well. */
export interface Fate {
  /** one a call of RunInstances */
  calls: readonly ('made' | 'capacity' | 'reply-lost' | 'never-begun' | 'one-dies' | 'no-boot')[]
  /** steps at which EC2 gives a spot notice to some READY instance */
  notices: readonly number[]
}

export interface Job extends PendingAllocation {
  steps: number
}

const STEP_MS = 5_000
const BOOT_MS = 15_000

/** A herd in memory: the scheduler and the scale decider at work on EC2 as `fate` has it. Throws where an invariant breaks. */
export class Herd {
  now = NOW
  step = 0
  readonly pool: ScalePool
  readonly fate: Fate
  agents: ScheduleAgent[] = []
  instances: ScaleInstance[] = []
  launches: ScaleLaunch[] = []
  pending: Job[]
  running: { job: Job; left: number; members: { agent: string; slots: readonly string[] }[] }[] = []
  gone = new Map<string, number>()
  neverBoots = new Set<string>()
  taken = new Map<string, number>()
  made = 0
  calls = 0
  strikes = 0
  lastCallAt: number | null = null
  note = ''
  dry: ScalePool['dry'] = []
  paused: string | null = null

  constructor(pool: ScalePool, jobs: readonly Job[], fate: Fate) {
    this.pool = pool
    this.pending = [...jobs]
    this.fate = fate
  }

  world(): ScaleWorld {
    const { dry, lastCallAt, strikes, paused, note } = this
    return { now: this.now, pools: [{ ...this.pool, dry, lastCallAt, strikes, paused, note }], agents: this.agents, pending: this.pending, launches: this.launches, instances: this.instances }
  }

  /** One moment: work is placed, the decider decides, time goes on. Returns what was decided. */
  turn(): readonly ScaleDecision[] {
    this.place()
    const decisions = scale(this.world())
    for (const decision of decisions) this.apply(decision)
    this.checkCaps()
    this.now += STEP_MS
    this.step += 1
    this.takeBySpot()
    this.endJobs()
    this.moveInstances()
    this.checkCaps()
    return decisions
  }

  /** Nothing is on its way and nobody works. */
  quiet(): boolean {
    return this.launches.length === 0 && this.running.length === 0 && this.instances.every((one) => one.state === 'READY' && one.notice === null) && this.dry.every((mark) => mark.until <= this.now)
  }

  private place(): void {
    const coming = [
      ...this.instances.filter((one) => one.state === 'STARTING').map((one) => ({ pool: one.pool, slots: one.slots })),
      ...this.launches.flatMap((launch) => Array.from({ length: launch.count }, () => ({ pool: launch.pool, slots: launch.slots }))),
    ]
    for (const decision of schedule({ agents: this.agents, pending: this.pending, coming })) {
      const job = this.pending.find((one) => one.allocation === decision.allocation)
      if (decision.kind === 'wait' || !job) continue
      this.pending = this.pending.filter((one) => one !== job)
      this.running.push({ job, left: job.steps, members: decision.members.map(({ agent, slots }) => ({ agent, slots })) })
      for (const member of decision.members) this.hold(member.agent, member.slots, job.allocation)
    }
  }

  private hold(agent: string, slots: readonly string[], allocation: string): void {
    const state = this.instances.find((one) => one.id === agent)?.state
    if (state !== 'READY') throw new Error(`work was placed on ${agent}, which is ${state ?? 'unknown'}`)
    this.agents = this.agents.map((one) => (one.id === agent ? { ...one, aux: one.aux + (slots.length === 0 ? 1 : 0), slots: one.slots.map((slot) => (slots.includes(slot.id) ? { ...slot, busy: true } : slot)) } : one))
    this.instances = this.instances.map((one) => (one.id === agent ? { ...one, live: [...one.live, allocation], idleSince: null } : one))
  }

  private release(agent: string, slots: readonly string[], allocation: string): void {
    this.agents = this.agents.map((one) => (one.id === agent ? { ...one, aux: one.aux - (slots.length === 0 ? 1 : 0), slots: one.slots.map((slot) => (slots.includes(slot.id) ? { ...slot, busy: false } : slot)) } : one))
    this.instances = this.instances.map((one) => {
      if (one.id !== agent) return one
      const live = one.live.filter((known) => known !== allocation)
      return { ...one, live, idleSince: live.length === 0 ? this.now : null }
    })
  }

  private apply(decision: ScaleDecision): void {
    switch (decision.kind) {
      case 'launch': return this.launch(decision)
      case 'call-again': return this.answer(this.launchById(decision.launch))
      case 'retire': return this.move(decision.instance, 'READY', 'RETIRING')
      case 'terminate':
        if (decision.strike) this.strikes += 1
        return this.move(decision.instance, null, 'TERMINATING')
      case 'pause':
        this.paused = decision.reason
        return
      case 'tell':
        if (decision.text === this.note) throw new Error(`told again: ${decision.text}`)
        this.note = decision.text
    }
  }

  private launch({ pool, offer, gang, count, allocations }: Extract<ScaleDecision, { kind: 'launch' }>): void {
    if (this.lastCallAt !== null && this.now - this.lastCallAt < this.pool.callMs) throw new Error('two calls too close')
    const launch: ScaleLaunch = { launch: `l${String(this.calls).padStart(3, '0')}`, pool, type: offer.type, zone: offer.zone, market: offer.market, gang, count, slots: offer.slots, decidedAt: this.now, calledAt: this.now, openCode: null, allocations }
    const fate = this.fate.calls[this.calls] ?? 'made'
    this.calls += 1
    if (fate === 'never-begun') this.launches = [...this.launches, { ...launch, calledAt: null }]
    else if (fate === 'reply-lost') this.launches = [...this.launches, launch]
    else if (fate === 'capacity') this.dry = [...this.dry, { type: offer.type, zone: offer.zone, market: offer.market, until: this.now + 60_000, code: 'InsufficientInstanceCapacity' }]
    else this.make(launch, fate)
    if (fate !== 'never-begun') this.lastCallAt = this.now
  }

  private answer(launch: ScaleLaunch): void {
    this.lastCallAt = this.now
    this.launches = this.launches.filter((one) => one !== launch)
    this.make(launch, 'made')
  }

  private make(launch: ScaleLaunch, fate: 'made' | 'one-dies' | 'no-boot'): void {
    for (let n = 0; n < launch.count; n++) {
      const id = `i-${String(this.made++).padStart(4, '0')}`
      this.instances = [...this.instances, {
        id, launch: launch.launch, pool: launch.pool, type: launch.type, zone: launch.zone, market: launch.market, state: 'STARTING', slots: launch.slots, gang: launch.gang, launchCount: launch.count,
        allocations: launch.allocations, launchedAt: this.now, registeredAt: null, live: [], idleSince: null, notice: null, retiringAt: null, drained: false, silentMs: null,
      }]
      if (fate === 'one-dies' && n === 0) this.gone.set(id, this.step + 1)
      if (fate === 'no-boot' && n === 0) this.neverBoots.add(id)
    }
  }

  private launchById(id: string): ScaleLaunch {
    const found = this.launches.find((launch) => launch.launch === id)
    if (!found) throw new Error(`call-again for ${id}, which is no open launch`)
    return found
  }

  private move(id: string, from: 'READY' | null, to: 'RETIRING' | 'TERMINATING'): void {
    const instance = this.instances.find((one) => one.id === id)
    if (!instance || (from !== null && instance.state !== from) || instance.state === 'TERMINATING') throw new Error(`${to} for ${id}, which is ${instance?.state ?? 'unknown'}`)
    if (instance.live.length > 0) throw new Error(`I8: ${to} for ${id} under live work`)
    this.instances = this.instances.map((one) => (one === instance ? { ...one, state: to, retiringAt: this.now } : one))
    this.agents = to === 'TERMINATING' ? this.agents.filter((agent) => agent.id !== id) : this.agents.map((agent) => (agent.id === id ? { ...agent, leaving: true } : agent))
    if (to === 'TERMINATING') this.gone.set(id, this.step + 2)
  }

  private checkCaps(): void {
    const asked = this.launches.reduce((sum, launch) => sum + launch.count, 0)
    const { maxInstances } = this.pool.policy
    if (this.instances.filter((one) => one.notice !== 'spot').length + asked > maxInstances) throw new Error('I7: over the cap')
    if (this.instances.length + asked > 2 * maxInstances) throw new Error('I7: over the hard cap')
  }

  private takeBySpot(): void {
    if (this.fate.notices.includes(this.step)) {
      const victim = this.instances.find((one) => one.state === 'READY' && one.notice === null)
      if (victim) {
        this.instances = this.instances.map((one) => (one === victim ? { ...one, notice: 'spot' } : one))
        this.agents = this.agents.map((agent) => (agent.id === victim.id ? { ...agent, leaving: true } : agent))
        this.gone.set(victim.id, this.step + 6)
      }
    }
    for (const [id, at] of this.gone) if (at <= this.step) this.vanish(id)
  }

  private vanish(id: string): void {
    this.gone.delete(id)
    this.instances = this.instances.filter((one) => one.id !== id)
    this.agents = this.agents.filter((agent) => agent.id !== id)
    for (const lost of this.running.filter((one) => one.members.some((member) => member.agent === id))) {
      for (const member of lost.members) this.release(member.agent, member.slots, lost.job.allocation)
      this.running = this.running.filter((one) => one !== lost)
      this.pending = [...this.pending, { ...lost.job, allocation: `${lost.job.allocation}r` }]
    }
  }

  private endJobs(): void {
    for (const one of this.running) one.left -= 1
    for (const ended of this.running.filter((one) => one.left <= 0)) for (const member of ended.members) this.release(member.agent, member.slots, ended.job.allocation)
    this.running = this.running.filter((one) => one.left > 0)
  }

  private moveInstances(): void {
    for (const instance of this.instances) {
      if (instance.state === 'STARTING' && !this.neverBoots.has(instance.id) && this.now - instance.launchedAt >= BOOT_MS) {
        this.strikes = 0
        this.agents = [...this.agents, agentOf(instance.id, instance.slots, 0, { zone: instance.zone })]
        this.instances = this.instances.map((one) => (one === instance ? { ...one, state: 'READY', registeredAt: this.now, idleSince: this.now, silentMs: 0 } : one))
      }
      if (instance.state === 'RETIRING' && instance.live.length === 0) this.instances = this.instances.map((one) => (one === instance ? { ...one, drained: true } : one))
    }
  }
}
