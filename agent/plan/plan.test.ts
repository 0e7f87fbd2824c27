import { describe, expect, test } from 'vitest'
import { containerName } from './container-name.ts'
import { plan } from './plan.ts'
import type { StepKind } from './steps.ts'
import type { World } from './world.ts'
import { aContainer, aRow, aSandbox, aWant, aWorld, SPARE } from './world.fixture.ts'

const A = 'trial-1.1'
const RESTORE = { uuid: '0'.repeat(8) + '-0000-4000-8000-' + '0'.repeat(12), prefix: 'p', steps: 5, ordinal: 1, manifest: 'a'.repeat(64) }
const ready = { imageReady: new Set([A]) }
const attached = { attached: new Set([A]) }

type Case = [name: string, world: Partial<World>, steps: StepKind[]]

const LAUNCH: Case[] = [
  ['a new allocation is journalled first', { desired: [aWant('run')] }, ['accept']],
  ['accepted: image first', { desired: [aWant('run')], rows: [aRow()] }, ['ensure-image']],
  ['accepted, image there, nothing to restore: create', { ...ready, desired: [aWant('run')], rows: [aRow()] }, ['create']],
  ['accepted, image there, a checkpoint to restore', { ...ready, desired: [aWant('run')], rows: [aRow({ spec: { restore: RESTORE } })] }, ['restore']],
  ['restored: create', { ...ready, desired: [aWant('run')], rows: [aRow({ phase: 'restored', spec: { restore: RESTORE } })] }, ['create']],
  ['crash between create and journal: create again, the name finds it', { ...ready, desired: [aWant('run')], rows: [aRow()], containers: [aContainer('created')] }, ['create']],
  ['created: start', { desired: [aWant('run')], rows: [aRow({ phase: 'created', containerId: `id-${A}` })], containers: [aContainer('created')] }, ['start']],
  ['crash between start and journal', { desired: [aWant('run')], rows: [aRow({ phase: 'created', containerId: `id-${A}` })], containers: [aContainer('running')] }, ['record-started']],
  ['it ran and ended while the agent was away', { desired: [aWant('run')], rows: [aRow({ phase: 'created', containerId: `id-${A}` })], containers: [aContainer('exited')] }, ['exited']],
  ['created and removed by a person', { desired: [aWant('run')], rows: [aRow({ phase: 'created', containerId: 'x' })] }, ['vanished']],
  ['absence from desired: not begun waits', { rows: [aRow()] }, []],
  ['a step under way: nothing else', { desired: [aWant('run')], rows: [aRow()], busy: new Map([[A, 'ensure-image']]) }, []],
  ['stopped before it ran', { desired: [aWant('stop')], rows: [aRow()] }, ['abandon']],
  ['preempted before it ran', { desired: [aWant('preempt')], rows: [aRow({ phase: 'restored' })] }, ['abandon']],
  ['killed while the image is pulled', { desired: [aWant('kill')], rows: [aRow()], busy: new Map([[A, 'ensure-image']]) }, ['interrupt']],
  ['discarded while it drains', { desired: [aWant('discard')], rows: [aRow({ phase: 'exited' })], busy: new Map([[A, 'drain']]) }, ['interrupt']],
  ['stop does not interrupt a drain', { desired: [aWant('stop')], rows: [aRow({ phase: 'exited' })], busy: new Map([[A, 'drain']]) }, []],
]

const GANG = { spec: { worldSize: 2, rank: 1 } }
const PLACE = { network: 'bridge' as const, address: '172.17.0.3', port: 29_400, gatewayPort: 18_080 }
const PEERS = [0, 1].map((rank) => ({ rank, address: `172.17.0.${rank + 2}`, port: 29_400 }))
const member = (change: Parameters<typeof aRow>[0] = {}) => aRow({ ...GANG, place: PLACE, ...change })
const ask = (want: 'run' | 'preempt' | 'stop' | 'kill', peers?: typeof PEERS) => ({ ...aWant(want), ...(peers ? { peers } : {}) })
const NETWORKS: Case[] = [
  ['its sandbox went before the start', { desired: [aWant('run')], rows: [aRow({ phase: 'created', containerId: `id-${A}` })], containers: [aContainer('created')], sandboxes: [] }, ['recreate']],
  ['its sandbox has ended before the start', { desired: [aWant('run')], rows: [aRow({ phase: 'created', containerId: `id-${A}` })], containers: [aContainer('created')], sandboxes: [aSandbox(A, { running: false })] }, ['recreate']],
  ['a run goes on without its sandbox', { ...attached, desired: [aWant('run')], rows: [aRow({ phase: 'started', containerId: `id-${A}` })], containers: [aContainer('running')], sandboxes: [] }, []],
  ['a sandbox that nothing uses', { sandboxes: [aSandbox()] }, ['sweep']],
  ['being swept', { sandboxes: [aSandbox()], busy: new Map([[aSandbox().name, 'sweep']]) }, []],
  ['of a row that has no container yet', { rows: [aRow()], sandboxes: [aSandbox()] }, []],
  ['of a container whose row is lost', { containers: [aContainer('running')], sandboxes: [aSandbox()] }, []],
  ['the spare one is left alone', { sandboxes: [aSandbox(A, { name: SPARE })] }, []],
  ['a gang: image first', { desired: [ask('run')], rows: [aRow(GANG)] }, ['ensure-image']],
  ['a gang: then the checkpoint', { ...ready, desired: [ask('run')], rows: [aRow({ spec: { ...GANG.spec, restore: RESTORE } })] }, ['restore']],
  ['a gang: then its place', { ...ready, desired: [ask('run')], rows: [aRow(GANG)] }, ['rendezvous']],
  ['a gang: nobody starts before all have their places', { ...ready, desired: [ask('run')], rows: [member()] }, []],
  ['a gang: a rank is missing', { ...ready, desired: [ask('run', PEERS.slice(1))], rows: [member()] }, []],
  ['a gang: a rank is named twice', { ...ready, desired: [ask('run', [PEERS[1], PEERS[1]] as typeof PEERS)], rows: [member()] }, []],
  ['a gang: all are known', { ...ready, desired: [ask('run', PEERS)], rows: [member()] }, ['create']],
  ['a gang: stopped while it waits', { ...ready, desired: [ask('stop')], rows: [member()] }, ['abandon']],
  ['a gang: preempted while it waits', { ...ready, desired: [ask('preempt')], rows: [member()] }, ['abandon']],
  ['a gang: killed while it chooses', { ...ready, desired: [ask('kill')], rows: [aRow(GANG)], busy: new Map([[A, 'rendezvous']]) }, ['interrupt']],
  ['a gang on the host needs no sandbox', { ...ready, desired: [ask('run', PEERS)], rows: [member({ phase: 'created', containerId: `id-${A}`, place: { ...PLACE, network: 'host' } })], containers: [aContainer('created', A, { name: containerName(member().spec) })], sandboxes: [] }, ['start']],
]

const EPOCHS: Case[] = [
  ['an epoch accepted before is refused (I3)', { desired: [aWant('run')], highestEpoch: new Map([['trial-1', 1]]) }, ['refuse']],
  ['refused once', { desired: [aWant('run')], highestEpoch: new Map([['trial-1', 1]]), refused: new Set([A]) }, []],
  ['a higher epoch is taken', { desired: [aWant('run', 'trial-1.2')], highestEpoch: new Map([['trial-1', 1]]) }, ['accept']],
  ['stop of what was never here is answered', { desired: [aWant('stop')] }, ['refuse']],
  ['an overtaken attempt is not begun', { ...ready, desired: [aWant('run')], rows: [aRow()], highestEpoch: new Map([['trial-1', 2]]) }, ['abandon']],
  ['journal lost, container runs: adopt, whatever the epochs', { desired: [aWant('run')], containers: [aContainer('running')], highestEpoch: new Map([['trial-1', 1]]) }, ['adopt']],
  ['F6: a container nobody asked about is left alone', { containers: [aContainer('running')] }, []],
  ['F6: until the master says discard', { desired: [aWant('discard')], containers: [aContainer('running')] }, ['discard']],
  ['a container that only borrows the label is not adopted', { desired: [aWant('run')], containers: [aContainer('running', A, { name: 'stranger' })] }, ['accept']],
]

const RETIRING: Case[] = [
  ['nothing new is accepted', { desired: [aWant('run')] }, []],
  ['an acceptance under way is called off', { desired: [aWant('run')], busy: new Map([[A, 'accept']]) }, ['interrupt']],
  ['what was never here and is not wanted any more is still answered for', { desired: [aWant('stop')] }, ['refuse']],
  ['what was accepted goes on', { desired: [aWant('run')], rows: [aRow()] }, ['ensure-image']],
  ['what runs goes on', { desired: [aWant('run')], rows: [aRow({ phase: 'started', containerId: `id-${A}` })], containers: [aContainer('running')], attached: new Set([A]) }, []],
  ['what Docker has and the journal has lost is adopted', { desired: [aWant('run')], containers: [aContainer('running')] }, ['adopt']],
  ['what is sealed goes', { desired: [aWant('discard')], rows: [aRow({ phase: 'drained' })] }, ['discard']],
]

const started = aRow({ phase: 'started', containerId: `id-${A}` })
const running = [aContainer('running')]
const LIVE: Case[] = [
  ['running, not attended in this life', { desired: [aWant('run')], rows: [started], containers: running }, ['attach']],
  ['running and attended: rest', { ...attached, desired: [aWant('run')], rows: [started], containers: running }, []],
  ['absence means nothing: it runs on', { ...attached, rows: [started], containers: running }, []],
  ['preempt', { ...attached, desired: [aWant('preempt')], rows: [started], containers: running }, ['preempt']],
  ['preempt asked, time left', { ...attached, now: 59_999, desired: [aWant('preempt')], rows: [{ ...started, preemptAt: 0 }], containers: running }, []],
  ['preempt asked, time over', { ...attached, now: 60_000, desired: [aWant('preempt')], rows: [{ ...started, preemptAt: 0 }], containers: running }, ['stop']],
  ['SIGTERM sent, grace left', { ...attached, now: 29_999, desired: [aWant('stop')], rows: [{ ...started, stopAt: 0 }], containers: running }, []],
  ['SIGTERM sent, grace over', { ...attached, now: 30_000, desired: [aWant('stop')], rows: [{ ...started, stopAt: 0 }], containers: running }, ['kill']],
  ['stop', { ...attached, desired: [aWant('stop')], rows: [started], containers: running }, ['stop']],
  ['kill, also where nobody attends', { desired: [aWant('kill')], rows: [started], containers: running }, ['kill']],
  ['ended', { ...attached, desired: [aWant('run')], rows: [started], containers: [aContainer('exited')] }, ['exited']],
  ['removed by a person (F7)', { ...attached, desired: [aWant('run')], rows: [started] }, ['vanished']],
  ['exited: drain', { desired: [aWant('run')], rows: [aRow({ phase: 'exited', containerId: 'x' })] }, ['drain']],
  ['drained: rest until discard', { desired: [aWant('run')], rows: [aRow({ phase: 'drained' })], containers: [aContainer('exited')] }, []],
  ['discard', { desired: [aWant('discard')], rows: [aRow({ phase: 'drained' })], containers: [aContainer('exited')] }, ['discard']],
  ['discarded and gone: rest', { desired: [aWant('discard')] }, []],
]

describe.each([['launch', LAUNCH], ['networks and gangs', NETWORKS], ['epochs and strangers', EPOCHS], ['live', LIVE], ['retiring', RETIRING.map(([name, world, kinds]): Case => [name, { retiring: true, ...world }, kinds])]] as const)('%s', (_group, cases) => {
  test.each(cases)('%s', (_name, world, kinds) => {
    const steps = plan(aWorld(world))
    expect(steps.map((step) => step.kind)).toEqual(kinds)
    for (const step of steps) expect(step.reason).not.toBe('')
  })
})

describe('slots (I1)', () => {
  const B = 'trial-2.1'
  const rows = [aRow({ phase: 'created', containerId: `id-${A}` }), aRow({ alloc: B, phase: 'created', containerId: `id-${B}` })]
  const both = { desired: [aWant('run'), aWant('run', B)], rows, containers: [aContainer('created'), aContainer('created', B)] }

  test('of two that want the same slot only the first starts', () => {
    expect(plan(aWorld(both)).map((step) => [step.kind, step.alloc])).toEqual([['start', A]])
  })
  test('the other waits while it runs, and while its start is under way', () => {
    const [first, second] = rows as [typeof started, typeof started]
    expect(plan(aWorld({ ...both, attached: new Set([A]), rows: [{ ...first, phase: 'started' }, second], containers: [aContainer('running'), aContainer('created', B)] }))).toEqual([])
    expect(plan(aWorld({ ...both, busy: new Map([[A, 'start']]) }))).toEqual([])
  })
  test('the other starts when it has ended', () => {
    const [first, second] = rows as [typeof started, typeof started]
    const world = aWorld({ ...both, rows: [{ ...first, phase: 'drained' }, second], containers: [aContainer('exited'), aContainer('created', B)] })
    expect(plan(world).map((step) => [step.kind, step.alloc])).toEqual([['start', B]])
  })
})

test('a container that lost its row holds its slots all the same (found by the property test)', () => {
  const B = 'trial-2.1'
  const world = aWorld({ imageReady: new Set([B]), desired: [aWant('run', B)], rows: [aRow({ alloc: B })], containers: [aContainer('running')] })
  expect(plan(world)).toEqual([])
})
