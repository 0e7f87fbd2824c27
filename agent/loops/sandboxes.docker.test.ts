import { execFileSync, spawnSync } from 'node:child_process'
import { existsSync, readlinkSync } from 'node:fs'
import { afterEach, describe, expect, test } from 'vitest'
import { realClock } from '../../protocol/kit/clock.ts'
import { createAttendant } from '../bucket/attendant.ts'
import type { SqliteJournal } from '../journal/sqlite.ts'
import { allocationPaths } from '../plan/paths.ts'
import { sandboxName } from '../plan/sandbox-name.ts'
import type { Attendant } from '../steps/attendant.ts'
import { silentLog } from './log.fixture.ts'
import { startRig, until, type Rig, type RigOptions } from './rig.fixture.ts'

const dockerHost = process.env['DROVER_TEST_DOCKER'] ?? ''
const image = process.env['DROVER_TEST_IMAGE'] ?? ''
const missing = dockerHost === '' || image === ''
if (missing) process.stderr.write('sandbox tests of the agent skipped: DROVER_TEST_DOCKER or DROVER_TEST_IMAGE is not set\n')

/** Whether a container on the host's network sees the network that this test sees. */
const docker = (...args: string[]): string => execFileSync('docker', args, { env: { ...process.env, DOCKER_HOST: dockerHost }, encoding: 'utf8' }).trim()
const shared = !missing && docker('run', '--rm', '--network', 'host', image, 'readlink', '/proc/self/ns/net') === readlinkSync('/proc/self/ns/net')
const networks = shared ? (['bridge', 'host'] as const) : (['bridge'] as const)
if (!missing && !shared) process.stderr.write('gangs on the host network are not tested here: the Docker Engine has a network namespace of its own\n')

const A = 'trial-1.1'
const B = 'trial-2.1'
const GO = 'while [ ! -e /run/drover/go ]; do sleep 0.02; done'
/** Asks the gateway with nothing but Python; prints what it says. */
const ASK = 'import os, urllib.request; print(urllib.request.urlopen(os.environ["DET_MASTER"] + "/health", timeout=5).read().decode())'

describe.skipIf(missing)('network sandboxes', () => {
  let rigs: Rig[] = []
  afterEach(async () => {
    for (const rig of rigs) await rig.close()
    rigs = []
  }, 60_000)

  const begin = (options: Partial<RigOptions> = {}): Rig => {
    const rig = startRig({ dockerHost, image, spare: true, ...options })
    rigs.push(rig)
    return rig
  }
  const ready = async (rig: Rig) => {
    await until('a spare sandbox is ready', () => rig.spareIsReady())
    return (await rig.docker.survey()).sandboxes.find(({ name }) => name.endsWith('.net-spare'))?.id
  }
  const phase = (rig: Rig, alloc = A) => rig.journal.allocation(alloc)?.phase
  const reach = (rig: Rig, wanted: string, alloc = A) => until(`${alloc} is ${wanted} (it is ${phase(rig, alloc)}: ${JSON.stringify(rig.events().slice(-3))})`, () => phase(rig, alloc) === wanted)
  const letGo = (rig: Rig, alloc = A) => execFileSync('touch', [`${allocationPaths(rig.dir, alloc).run}/go`])
  const networkOf = async (rig: Rig, alloc = A) => (await rig.docker.inspect(rig.journal.allocation(alloc)?.containerId ?? '')).network
  const sandboxes = async (rig: Rig) => (await rig.docker.survey()).sandboxes

  test('a run takes the spare one, another takes its place, the discard removes it, a clean stop leaves none', async () => {
    const rig = begin()
    const spare = await ready(rig)
    const spec = rig.spec({ entrypoint: ['sh', '-c', GO] })
    rig.want(spec, 'run')
    await reach(rig, 'started')
    expect(await networkOf(rig)).toBe(`container:${spare}`)
    expect((await sandboxes(rig)).find(({ id }) => id === spare)).toMatchObject({ name: sandboxName(spec), running: true })
    expect(await ready(rig)).not.toBe(spare)
    letGo(rig)
    await reach(rig, 'drained')
    rig.want(spec, 'discard')
    await until('row and sandbox are gone', async () => phase(rig) === undefined && (await sandboxes(rig)).length === 1)
    await rig.stop()
    expect(await rig.docker.survey()).toEqual({ containers: [], sandboxes: [] })
  })

  test('two runs at once: each has its own network', async () => {
    const rig = begin()
    await ready(rig)
    for (const [alloc, slot] of [[A, 'cpu-0'], [B, 'cpu-1']] as const) rig.want(rig.spec({ alloc, slots: [slot], entrypoint: ['sh', '-c', GO] }), 'run')
    await Promise.all([reach(rig, 'started'), reach(rig, 'started', B)])
    const networks = await Promise.all([networkOf(rig), networkOf(rig, B)])
    expect(new Set(networks).size).toBe(2)
    expect(networks.every((network) => network.startsWith('container:'))).toBe(true)
    for (const alloc of [A, B]) letGo(rig, alloc)
    await Promise.all([reach(rig, 'drained'), reach(rig, 'drained', B)])
    expect(rig.events().flatMap((event) => (event.kind === 'exit' ? [event.exit] : []))).toEqual(['completed', 'completed'])
  })

  test('kill -9: the next life takes over the spare one, and the run with its network', async () => {
    const rig = begin()
    const spare = await ready(rig)
    rig.kill()
    expect(await ready(rig)).toBe(spare)
    rig.want(rig.spec({ entrypoint: ['sh', '-c', GO] }), 'run')
    await reach(rig, 'started')
    const before = await networkOf(rig)
    rig.kill()
    await until('it is attended again', () => rig.attendant.calls.includes(`attach ${A} alive`))
    expect([await networkOf(rig), before]).toEqual([before, `container:${spare}`])
    await ready(rig)
    expect((await sandboxes(rig)).map(({ running }) => running)).toEqual([true, true])
    letGo(rig)
    await reach(rig, 'drained')
  })

  test.each(['removed by a person', 'ended, as by a restart of Docker'])('the spare one is %s: the run gets another, and so does the next', async (how) => {
    const rig = begin()
    const spare = await ready(rig)
    if (how === 'removed by a person') await rig.docker.remove(spare ?? '')
    else await rig.docker.signal(spare ?? '', 'SIGKILL')
    rig.want(rig.spec({ entrypoint: ['true'] }), 'run')
    await reach(rig, 'drained')
    expect(rig.events().find((event) => event.kind === 'exit')).toMatchObject({ exit: 'completed' })
    expect(await ready(rig)).not.toBe(spare)
    expect((await sandboxes(rig)).map(({ running }) => running)).toEqual([true, true])
  })

  test('its sandbox is removed between create and start: container and sandbox are made again, and it is told once', async () => {
    let gone = false
    const rig = begin({ wrapDocker: (docker) => ({ ...docker, fill: async (...args) => {
      await docker.fill(...args)
      if (gone) return
      gone = true
      for (const { id, name } of (await docker.survey()).sandboxes) if (!name.endsWith('.net-spare')) await docker.remove(id)
    } }) })
    rig.want(rig.spec({ entrypoint: ['sh', '-c', 'echo started >> /run/drover/starts'] }), 'run')
    await reach(rig, 'drained')
    expect(gone).toBe(true)
    expect(rig.events().find((event) => event.kind === 'exit')).toMatchObject({ exit: 'completed' })
    expect(execFileSync('cat', [`${allocationPaths(rig.dir, A).run}/starts`], { encoding: 'utf8' })).toBe('started\n')
  })

  test('the sandbox of a live run is removed: the run goes on to its own end', async () => {
    const rig = begin()
    const spec = rig.spec({ entrypoint: ['sh', '-c', GO] })
    rig.want(spec, 'run')
    await reach(rig, 'started')
    for (const { id, name } of await sandboxes(rig)) if (name === sandboxName(spec)) await rig.docker.remove(id)
    await new Promise((resolve) => setTimeout(resolve, 300))
    expect(phase(rig)).toBe('started')
    letGo(rig)
    await reach(rig, 'drained')
    expect(rig.events().find((event) => event.kind === 'exit')).toMatchObject({ exit: 'completed' })
  })

  test('a sandbox without a row is nobody\'s and goes', async () => {
    const rig = begin()
    await ready(rig)
    await rig.docker.makeSandbox('drover-trial-99-1.lost.net', 'bridge')
    await until('it is swept', async () => (await sandboxes(rig)).every(({ name }) => name.endsWith('.net-spare')))
  })

  test('the gateway answers the first instruction of the entrypoint, without a shell in between', async () => {
    const rig = begin({ attendantOf: realAttendant })
    await ready(rig)
    rig.want(rig.spec({ entrypoint: ['python3', '-c', ASK] }), 'run')
    await until('it has ended', () => rig.events().some((event) => event.kind === 'exit'))
    expect(rig.events().find((event) => event.kind === 'exit')).toMatchObject({ exit: 'completed', code: 0 })
    expect(await rig.docker.tail(rig.journal.allocation(A)?.containerId ?? '', 5)).toContain('{"status":"up"}')
    expect(existsSync(`${allocationPaths(rig.dir, A).run}/gateway-ready`)).toBe(true)
  })

  test.each(networks)('a gang of two agents on one engine (%s): nobody starts early, ranks meet at rank 0', async (gangNetwork) => {
    const first = begin({ agentId: 'rig-0', gangNetwork, attendantOf: realAttendant })
    const pair = [first, begin({ agentId: 'rig-1', gangNetwork, clusterId: first.clusterId, attendantOf: realAttendant })]
    const specs = pair.map((rig, rank) => rig.spec({ rank, worldSize: 2, entrypoint: ['python3', '-c', MEET] }))
    pair.forEach((rig, rank) => rig.want(specs[rank] ?? rig.spec({}), 'run'))
    const placeOf = (rig: Rig) => rig.events().find((event) => event.kind === 'rendezvous')
    await until('both have told their places', () => pair.every((rig) => placeOf(rig) !== undefined))
    await new Promise((resolve) => setTimeout(resolve, 300))
    expect(pair.map((rig) => phase(rig))).toEqual(['accepted', 'accepted'])
    first.kill()
    const peers = pair.map((rig, rank) => {
      const place = placeOf(rig)
      return { rank, address: place?.kind === 'rendezvous' ? place.address : '', port: place?.kind === 'rendezvous' ? place.port : 0 }
    })
    pair.forEach((rig, rank) => rig.want(specs[rank] ?? rig.spec({}), 'run', peers))
    const out = async (rig: Rig) => rig.docker.tail(rig.journal.allocation(A)?.containerId ?? '', 5)
    await until('both have ended', () => pair.every((rig) => rig.events().some((event) => event.kind === 'exit')))
    expect(await Promise.all(pair.map(out))).toEqual(['rank 0 got 42 from 1 of 2 up\n', 'rank 1 sent 42 up\n'])
    expect(pair.map((rig) => rig.events().filter((event) => event.kind === 'rendezvous').length)).toEqual([1, 1])
  })

  test.skipIf(shared || process.getuid?.() !== 0)('the same on the host network: these tests again, beside the engine', () => {
    const door = docker('run', '-d', '--network', 'host', '--label', 'drover.test=door', image, 'sleep', '120')
    const pid = docker('inspect', door, '--format', '{{.State.Pid}}')
    const vitest = spawnSync('nsenter', [`--net=/proc/${pid}/ns/net`, process.execPath, 'node_modules/vitest/vitest.mjs', 'run', '--project', 'servers', 'agent/loops/sandboxes.docker.test.ts', '-t', 'host|found out'], { encoding: 'utf8', env: { ...process.env, NO_COLOR: '1' } })
    docker('rm', '-f', door)
    expect(vitest.stdout).toMatch(/a gang of two agents on one engine \(host\)[^]*Tests +2 passed/)
  }, 60_000)

  test('a gang that waits for its peers can be stopped', async () => {
    const rig = begin({ gangNetwork: 'bridge' })
    const spec = rig.spec({ worldSize: 2 })
    rig.want(spec, 'run')
    await until('it has told its place', () => rig.events().some((event) => event.kind === 'rendezvous'))
    rig.want(spec, 'kill')
    await reach(rig, 'drained')
    expect(rig.events().find((event) => event.kind === 'exit')).toMatchObject({ exit: 'stopped' })
    rig.want(spec, 'discard')
    await until('its network is gone', async () => phase(rig) === undefined && (await sandboxes(rig)).every(({ name }) => name.endsWith('.net-spare')))
  })

  test('which network a gang gets is found out from the engine', async () => {
    const rig = begin()
    rig.want(rig.spec({ worldSize: 2 }), 'run')
    await until('it has told its place', () => rig.events().some((event) => event.kind === 'rendezvous'))
    expect(rig.journal.allocation(A)?.place?.network).toBe(shared ? 'host' : 'bridge')
    expect((await sandboxes(rig)).some(({ name }) => name.endsWith('.net-probe'))).toBe(false)
  })
})

/** Ranks exchange a number over TCP by the variables of the contract, and each asks its gateway. */
const MEET = `
import os, socket, time, urllib.request
up = "up" if b"up" in urllib.request.urlopen(os.environ["DET_MASTER"] + "/health", timeout=5).read() else "down"
there = (os.environ["MASTER_ADDR"], int(os.environ["MASTER_PORT"]))
if os.environ["RANK"] == "0":
    server = socket.create_server(("", there[1]))
    peer, _ = server.accept()
    print("rank 0 got", peer.recv(16).decode(), "from 1 of", os.environ["WORLD_SIZE"], up)
else:
    for _ in range(200):
        try:
            socket.create_connection(there, timeout=1).sendall(b"42")
            break
        except OSError:
            time.sleep(0.05)
    print("rank 1 sent 42", up)
`

function realAttendant(journal: SqliteJournal): Attendant {
  const link = { request: () => Promise.reject(new Error('there is no master')) }
  return createAttendant({ journal, link, agentId: 'rig', clusterId: 'c', masterUrl: 'https://127.0.0.1:1', ca: '', log: silentLog, clock: realClock, random: Math.random })
}
