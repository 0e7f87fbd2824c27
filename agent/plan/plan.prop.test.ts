import fc from 'fast-check'
import { expect, test } from 'vitest'
import { WANTS } from '../../protocol/words/states.ts'
import { parseAllocationId } from '../../protocol/words/ids.ts'
import { HostModel } from './model.fixture.ts'
import { plan } from './plan.ts'
import { sandboxName, sandboxNameOf } from './sandbox-name.ts'
import type { Step } from './steps.ts'
import { aWant } from './world.fixture.ts'

const ALLOCS = ['trial-1.1', 'trial-1.2', 'trial-1.3', 'trial-2.1', 'trial-2.2', 'trial-3.1']
const GANG = 'trial-3.1'
const SLOTS: Record<string, string[]> = { 'trial-1.1': ['gpu-0'], 'trial-1.2': ['gpu-0'], 'trial-1.3': ['gpu-1'], 'trial-2.1': ['gpu-0', 'gpu-1'], 'trial-2.2': ['gpu-1'], 'trial-3.1': ['gpu-2'] }

const alloc = fc.constantFrom(...ALLOCS)
const action = fc.oneof(
  fc.record({ kind: fc.constant('want' as const), alloc, want: fc.constantFrom(...WANTS) }),
  fc.record({ kind: fc.constant('forget' as const), alloc }),
  fc.record({ kind: fc.constant('step' as const), at: fc.nat(10) }),
  fc.record({ kind: fc.constant('step' as const), at: fc.nat(10) }),
  fc.record({ kind: fc.constant('container' as const), alloc, status: fc.constantFrom('exited' as const, 'gone' as const) }),
  fc.record({ kind: fc.constant('sandbox-gone' as const), alloc }),
  fc.record({ kind: fc.constant('peers' as const) }),
  fc.record({ kind: fc.constant('restart' as const) }),
  fc.record({ kind: fc.constant('lose-journal' as const) }),
  fc.record({ kind: fc.constant('retire' as const), retiring: fc.boolean() }),
  fc.record({ kind: fc.constant('time' as const), ms: fc.integer({ min: 0, max: 200_000 }) }),
)
type Action = typeof action extends fc.Arbitrary<infer T> ? T : never

/** One of the tasks is a gang of two. */
const worldSizeOf = (id: string): number => (id === GANG ? 2 : 1)

/** What the master does when every member has told its place. */
function givePeers(host: HostModel): void {
  if (!host.told.has(GANG)) return
  const peers = [1, 0].map((rank) => ({ rank, address: `10.0.0.${rank}`, port: 29_400 }))
  host.desired = host.desired.map((want) => (want.alloc === GANG && want.want !== 'discard' ? { ...want, peers } : want))
}

function act(host: HostModel, done: Action): void {
  switch (done.kind) {
    case 'want':
      host.desired = [...host.desired.filter((want) => want.alloc !== done.alloc), aWant(done.want, done.alloc)]
      return
    case 'forget':
      host.desired = host.desired.filter((want) => want.alloc !== done.alloc)
      return
    case 'container':
      return host.container(done.alloc, done.status)
    case 'sandbox-gone':
      return host.loseSandbox(done.alloc)
    case 'peers':
      return givePeers(host)
    case 'restart':
      return host.restart()
    case 'lose-journal':
      return loseJournal(host)
    case 'retire':
      host.retiring = done.retiring
      return
    case 'time':
      host.now += done.ms
      return
    case 'step': {
      const steps = plan(host.world())
      const step = steps[done.at % Math.max(1, steps.length)]
      if (step) {
        checkStart(host, step.kind, step.alloc)
        checkGang(host, step)
        host.apply(step)
        checkAlways(host)
      }
    }
  }
}

/** Epochs come back from the labels and the directories of what was accepted and not discarded. */
function loseJournal(host: HostModel): void {
  const left = [...host.rows.keys(), ...[...host.containers.values()].map((container) => container.alloc)]
  host.rows.clear()
  host.highest.clear()
  host.restart()
  for (const known of left) {
    const id = parseAllocationId(known)
    if (id) host.highest.set(id.task, Math.max(id.epoch, host.highest.get(id.task) ?? 0))
  }
}

function checkStart(host: HostModel, kind: string, started: string): void {
  if (kind === 'accept') {
    expect(host.retiring, 'a retiring instance accepts nothing').toBe(false)
    const id = parseAllocationId(started)
    expect(id && id.epoch > (host.highest.get(id.task) ?? 0), `I3: ${started} accepted at or below the highest epoch`).toBe(true)
  }
  if (kind === 'start' || kind === 'create') expect(host.desired.find((want) => want.alloc === started)?.want).toBe('run')
}

/** No member of a gang starts before all have their places, and none tells another place than before. */
function checkGang(host: HostModel, step: Step): void {
  if (step.alloc !== GANG) return
  if (step.kind === 'create') expect([host.rows.get(GANG)?.place !== undefined, step.peers?.map((peer) => peer.rank).toSorted()]).toEqual([true, [0, 1]])
  if (step.kind === 'rendezvous') expect(host.rows.get(GANG)?.place).toBeUndefined()
}

function checkAlways(host: HostModel): void {
  const live = [...host.containers.values()].filter((container) => container.status === 'running')
  const used = live.flatMap((container) => SLOTS[container.alloc] ?? [])
  expect(new Set(used).size, 'I1: a slot in two live containers').toBe(used.length)
  const names = [...host.containers.values()].map((container) => container.name)
  expect(new Set(names).size, 'two containers of one allocation').toBe(names.length)
}

/** At rest every sandbox is somebody's. */
function checkSandboxes(host: HostModel): void {
  const owners = new Set([...[...host.rows.values()].map((row) => sandboxName(row.spec)), ...[...host.containers.values()].map((one) => sandboxNameOf(one.name))])
  expect([...host.sandboxes.keys()].filter((name) => !owners.has(name))).toEqual([])
}

function settle(host: HostModel): void {
  for (let round = 0; round < 200; round += 1) {
    const steps = plan(host.world())
    if (steps.length === 0) return
    for (const step of steps) {
      checkGang(host, step)
      host.apply(step)
      checkAlways(host)
    }
    host.now += 1_000
  }
  throw new Error(`does not come to rest: ${JSON.stringify(plan(host.world()))}`)
}

test('whatever happens: one container an allocation, one container a slot, no old epoch, and then rest (I1, I3, I10, I12)', () => {
  fc.assert(
    fc.property(fc.array(action, { maxLength: 60, size: 'max' }), (actions) => {
      const host = new HostModel()
      host.slotsOf = (id) => SLOTS[id] ?? []
      host.worldSizeOf = worldSizeOf
      for (const done of actions) act(host, done)
      settle(host)
      expect(plan(host.world())).toEqual([])
      checkSandboxes(host)
    }),
    { numRuns: 1_000 },
  )
})

test('without loss of the journal a container is started once and its end is told once (I6)', () => {
  const faultless = fc.array(action.filter((done) => done.kind !== 'lose-journal' && done.kind !== 'forget' && !(done.kind === 'want' && done.want === 'discard')), { maxLength: 60, size: 'max' })
  fc.assert(
    fc.property(faultless, (actions) => {
      const host = new HostModel()
      host.slotsOf = (id) => SLOTS[id] ?? []
      host.worldSizeOf = worldSizeOf
      for (const done of actions) act(host, done)
      settle(host)
      for (const [id, count] of host.starts) expect(count, `starts of ${id}`).toBe(1)
      for (const [id, count] of host.exits) expect(count, `exits of ${id}`).toBe(1)
      for (const [id, count] of host.told) expect(count, `places of ${id}`).toBe(1)
    }),
    { numRuns: 1_000 },
  )
})

test('the same world gives the same steps in the same order, however its lists are ordered (I9)', () => {
  fc.assert(
    fc.property(fc.array(action, { maxLength: 40, size: 'max' }), (actions) => {
      const host = new HostModel()
      host.slotsOf = (id) => SLOTS[id] ?? []
      host.worldSizeOf = worldSizeOf
      for (const done of actions) act(host, done)
      const world = host.world()
      const turned = { ...world, desired: [...world.desired].reverse(), rows: [...world.rows].reverse(), containers: [...world.containers].reverse() }
      expect(plan(turned)).toEqual(plan(world))
    }),
    { numRuns: 300 },
  )
})

test('what is wanted to run and finds its slots free does run, over any restarts of the agent', () => {
  fc.assert(
    fc.property(fc.array(fc.nat(8), { maxLength: 20 }), (restarts) => {
      const host = new HostModel()
      host.desired = [aWant('run', 'trial-2.2'), aWant('run', 'trial-3.1')]
      host.slotsOf = (id) => SLOTS[id] ?? []
      host.worldSizeOf = worldSizeOf
      for (const steps of restarts) {
        for (let i = 0; i < steps; i += 1) for (const step of plan(host.world()).slice(0, 1)) host.apply(step)
        host.restart()
        host.loseSandbox('trial-2.2')
      }
      settle(host)
      givePeers(host)
      settle(host)
      for (const id of ['trial-2.2', 'trial-3.1']) {
        expect([host.rows.get(id)?.phase, host.attached.has(id), host.starts.get(id), host.exits.get(id)]).toEqual(['started', true, 1, undefined])
      }
    }),
  )
})
