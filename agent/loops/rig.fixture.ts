import { createHash, randomUUID } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { realClock } from '../../protocol/kit/clock.ts'
import type { Desired, Peer } from '../../protocol/wire/heartbeat.ts'
import type { AgentEvent } from '../../protocol/wire/events.ts'
import type { AllocationSpec } from '../../protocol/wire/spec.ts'
import type { Docker } from '../docker/door.ts'
import { connectDocker } from '../docker/engine.ts'
import { GATEWAY_PORT } from '../gateway/gateway.ts'
import { listenInside } from '../gateway/listen-inside.ts'
import { openJournal, type SqliteJournal } from '../journal/sqlite.ts'
import { RUN_NAMES } from '../plan/paths.ts'
import { aSpec } from '../plan/world.fixture.ts'
import type { Attendant } from '../steps/attendant.ts'
import { BlobError, type StepContext } from '../steps/context.ts'
import { createPlaces } from '../steps/places.ts'
import { openRefusals } from '../steps/refusals.ts'
import { createSandboxes } from '../steps/sandboxes.ts'
import { silentLog } from './log.fixture.ts'
import { startReconcile } from './reconcile.ts'
import { removeSpare, startSpareSandbox } from './spare-sandbox.ts'
import { watchDocker } from './watch-docker.ts'
import { openContainerView } from './world.ts'

/** What an attendant was asked to do, in order. It restores and drains at once, unless told otherwise. */
export interface FakeAttendant extends Attendant {
  calls: string[]
  gate: Promise<void>
}

export function fakeAttendant(): FakeAttendant {
  const calls: string[] = []
  const fake: FakeAttendant = {
    calls,
    gate: Promise.resolve(),
    restore: async (spec) => {
      calls.push(`restore ${spec.alloc}`)
      await fake.gate
      return { ok: true, bytes: 0 }
    },
    serve: async ({ paths }) => writeFileSync(join(paths.run, RUN_NAMES.gatewayReady), ''),
    attach: ({ spec, place }) => void calls.push(`attach ${spec.alloc} ${place.at === 'host' || place.pid > 0 ? 'alive' : 'dead'}`),
    preempt: (alloc) => void calls.push(`preempt ${alloc}`),
    closed: (alloc) => void calls.push(`closed ${alloc}`),
    drain: async ({ spec }, signal) => {
      calls.push(`drain ${spec.alloc}`)
      await Promise.race([fake.gate, new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()))])
    },
    detach: async (alloc) => void calls.push(`detach ${alloc}`),
    close: async () => undefined,
  }
  return fake
}

export interface Rig {
  readonly dir: string
  readonly clusterId: string
  readonly journal: SqliteJournal
  readonly docker: Docker
  attendant: FakeAttendant
  blobs: Map<string, Buffer>
  want(spec: AllocationSpec, want: Desired['want'], peers?: Peer[]): void
  retire(): void
  spec(change: Partial<AllocationSpec>): AllocationSpec
  events(): AgentEvent[]
  /** A spare sandbox is at hand, its port bound. */
  spareIsReady(): Promise<boolean>
  /** The steps under way come to their end, memory is gone; then a new life on the same disk. */
  crash(): Promise<void>
  /** Like kill -9: whatever is under way never gets any further. */
  kill(): void
  /** A clean stop, as by SIGTERM. */
  stop(): Promise<void>
  close(): Promise<void>
}

export interface RigOptions {
  dockerHost: string
  image: string
  wrapDocker?: (docker: Docker) => Docker
  agentId?: string
  clusterId?: string
  /** keeps a spare sandbox, as the agent does */
  spare?: boolean
  /** instead of the fake one */
  attendantOf?: (journal: SqliteJournal) => Attendant
  gangNetwork?: 'host' | 'bridge'
}

/** The reconcile loop on a real Docker Engine, a real journal and a fake attendant. */
export function startRig(options: RigOptions): Rig {
  const dir = mkdtempSync(join(tmpdir(), 'drover-rig-'))
  const { clusterId = randomUUID(), agentId = 'rig' } = options
  const blobs = new Map<string, Buffer>()
  const plain = connectDocker({ dockerHost: options.dockerHost, clusterId, agentId })
  const docker = options.wrapDocker?.(plain) ?? plain
  const state = { desired: [] as Desired[], retiring: false, attendant: fakeAttendant() }
  const begin = (): Life => startLife({ ...options, dir, clusterId, agentId, docker, plain, blobs, fake: state.attendant, desired: () => state.desired, retiring: () => state.retiring })
  let life = begin()
  return {
    dir, clusterId, docker, blobs,
    get journal() {
      return life.journal
    },
    get attendant() {
      return state.attendant
    },
    set attendant(fresh) {
      state.attendant = fresh
    },
    spec: (change) => aSpec({ clusterId, image: options.image, ...change }),
    want: (spec, want, peers) => {
      const bytes = Buffer.from(JSON.stringify(spec))
      const digest = createHash('sha256').update(bytes).digest('hex')
      blobs.set(digest, bytes)
      state.desired = [...state.desired.filter((one) => one.alloc !== spec.alloc), { alloc: spec.alloc, want, ...(want === 'discard' ? {} : { spec: digest }), ...(peers ? { peers } : {}) }]
      life.wake()
    },
    spareIsReady: () => life.spareIsReady(),
    retire: () => {
      state.retiring = true
      life.wake()
    },
    events: () => life.journal.outbox.after(0, 10_000),
    crash: async () => {
      await life.end()
      state.attendant = fakeAttendant()
      life = begin()
    },
    kill: () => {
      life.abandon()
      state.attendant = fakeAttendant()
      life = begin()
    },
    stop: () => life.end(),
    close: async () => {
      await life.end()
      const { containers, sandboxes } = await plain.survey()
      for (const { id } of [...containers, ...sandboxes]) await plain.remove(id)
      rmSync(dir, { recursive: true })
    },
  }
}

interface Life {
  journal: SqliteJournal
  wake(): void
  spareIsReady(): Promise<boolean>
  end(): Promise<void>
  abandon(): void
}

interface LifeParts extends RigOptions {
  dir: string
  clusterId: string
  agentId: string
  docker: Docker
  plain: Docker
  blobs: Map<string, Buffer>
  fake: Attendant
  desired: () => Desired[]
  retiring: () => boolean
}

function startLife(parts: LifeParts): Life {
  const { agentId, clusterId } = parts
  const stop = new AbortController()
  const journal = openJournal(parts.dir, () => undefined)
  const common = { clock: realClock, random: Math.random, log: silentLog, signal: stop.signal }
  // the calls about sandboxes are its own: a test that freezes `inspect` means that of a run
  const sandboxDocker = { ...parts.plain, makeSandbox: parts.docker.makeSandbox, rename: parts.docker.rename }
  const sandboxes = createSandboxes({ docker: sandboxDocker, agentId, log: silentLog })
  const spare = parts.spare ? startSpareSandbox({ ...common, docker: sandboxDocker, sandboxes, listen: (pid) => listenInside(pid, GATEWAY_PORT), agentId, clusterId }) : null
  const attendant = parts.attendantOf?.(journal) ?? parts.fake
  const context: StepContext = {
    journal, docker: parts.docker, attendant, sandboxes, agentId, clusterId, stateDir: parts.dir, imageReady: new Set(), imagesSeen: new Set(), attached: new Set(),
    refused: openRefusals(journal), clock: realClock, log: silentLog,
    slots: () => [{ id: 'cpu-0', kind: 'cpu', uuid: 'cpu-0', brand: 'CPU', memoryMib: 0, index: 0 }, { id: 'cpu-1', kind: 'cpu', uuid: 'cpu-1', brand: 'CPU', memoryMib: 0, index: 1 }],
    places: createPlaces({ config: { masterUrl: 'https://127.0.0.1:1', gangNetwork: parts.gangNetwork ?? null, advertiseAddress: null }, docker: parts.plain, agentId, clusterId, random: Math.random }),
    blobs: {
      fetch: async (digest) => {
        const bytes = parts.blobs.get(digest)
        if (bytes === undefined) throw new BlobError(`no blob ${digest}`)
        return bytes
      },
    },
  }
  const view = openContainerView(parts.docker)
  const loop = startReconcile({ context, desired: parts.desired, retiring: parts.retiring, view, onStep: () => undefined, random: Math.random, signal: stop.signal })
  const watching = watchDocker({ ...common, docker: parts.docker, onChange: () => {
    view.markStale()
    loop.wake()
  } })
  return {
    journal,
    wake: loop.wake,
    spareIsReady: async () => (await sandboxes.spare()) !== null,
    abandon: () => {
      stop.abort()
      journal.close()
    },
    end: async () => {
      if (stop.signal.aborted) return
      stop.abort()
      await Promise.all([loop.ended, watching, spare?.ended])
      await Promise.all([attendant.close(), removeSpare({ docker: sandboxDocker, sandboxes, clock: realClock, log: silentLog })])
      journal.close()
    },
  }
}

export async function until(what: string, test: () => boolean | Promise<boolean>, ms = 20_000): Promise<void> {
  const end = performance.now() + ms
  while (!(await test())) {
    if (performance.now() > end) throw new Error(`waited ${ms} ms in vain until ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}
