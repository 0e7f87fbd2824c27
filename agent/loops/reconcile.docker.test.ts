import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { gzipSync } from 'node:zlib'
import { pack } from 'tar-stream'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { containerOptions } from '../plan/container-spec.ts'
import { allocationPaths } from '../plan/paths.ts'
import { fakeAttendant, startRig, until, type Rig } from './rig.fixture.ts'

const dockerHost = process.env['DROVER_TEST_DOCKER'] ?? ''
const image = process.env['DROVER_TEST_IMAGE'] ?? ''
const missing = dockerHost === '' || image === ''
if (missing) process.stderr.write('Docker tests of the agent skipped: DROVER_TEST_DOCKER or DROVER_TEST_IMAGE is not set\n')

const A = 'trial-1.1'
let rig: Rig

describe.skipIf(missing)('allocations on a real Docker Engine', () => {
  beforeEach(() => {
    rig = startRig({ dockerHost, image })
  })
  afterEach(() => rig.close(), 60_000)

  const sh = (script: string, change: Parameters<Rig['spec']>[0] = {}) => rig.spec({ entrypoint: ['sh', '-c', script], ...change })
  const phase = (alloc = A) => rig.journal.allocation(alloc)?.phase
  const reach = (wanted: string, alloc = A) => until(`${alloc} is ${wanted} (it is ${phase(alloc)}: ${JSON.stringify(rig.events().slice(-3))})`, () => phase(alloc) === wanted)
  const exitOf = (alloc = A) => {
    const found = rig.events().filter((event) => event.kind === 'exit' && event.alloc === alloc)
    expect(found).toHaveLength(1)
    return found[0]
  }
  const containerId = () => rig.journal.allocation(A)?.containerId ?? ''

  test('from assigned to drained to discarded, with the events in order', async () => {
    const spec = sh('pwd; cat hello.txt sub/deep.txt; id -u; stat -c %u hello.txt; ls -A /run/drover; touch $DROVER_CHECKPOINT_DIR/x; echo done >&2', { context: await modelDefinition(), user: { name: 'u', uid: 1234, group: 'g', gid: 1234 } })
    rig.want(spec, 'run')
    await reach('drained')
    expect(rig.events().map((event) => (event.kind === 'state' ? event.state : event.kind))).toEqual(['PULLING', 'STARTING', 'RUNNING', 'exit', 'drained'])
    expect(rig.events().map((event) => event.seq)).toEqual([1, 2, 3, 4, 5])
    expect(exitOf()).toMatchObject({ exit: 'completed', code: 0, oomKilled: false })
    expect(rig.attendant.calls).toEqual([`attach ${A} alive`, `drain ${A}`])
    expect((await rig.docker.tail(containerId(), 20)).split('\n').filter(Boolean).sort()).toEqual(['/run/determined/workdir', '1234', '1234', 'checkpoints', 'deep', 'done', 'gateway-ready', 'hello', 'metrics.jsonl', 'storage'].sort())
    expect(existsSync(`${allocationPaths(rig.dir, A).checkpoints}/x`)).toBe(true)
    rig.want(spec, 'discard')
    await until('it is gone', async () => phase() === undefined && (await rig.docker.list()).length === 0)
    expect(existsSync(allocationPaths(rig.dir, A).root)).toBe(false)
    expect(rig.attendant.calls.at(-1)).toBe(`detach ${A}`)
  })

  test('a failing script: code, last lines, user error', async () => {
    rig.want(sh('for i in $(seq 1 30); do echo line $i; done; sleep 0.3; echo boom >&2; exit 3'), 'run')
    await reach('drained')
    expect(exitOf()).toMatchObject({ exit: 'user-error', code: 3, text: expect.stringMatching(/code 3\n.*\nline 12\n[^]*boom$/) })
  })

  test('the log file is a plain json-file that is never rotated', async () => {
    rig.want(sh('echo x'), 'run')
    await reach('drained')
    const [found] = JSON.parse(execFileSync('docker', ['inspect', containerId()], { env: { ...process.env, DOCKER_HOST: dockerHost }, encoding: 'utf8' })) as { HostConfig: { LogConfig: unknown; PidsLimit: number; CapDrop: string[] } }[]
    expect(found?.HostConfig).toMatchObject({ LogConfig: { Type: 'json-file', Config: { 'max-file': '1' } }, CapDrop: ['ALL'] })
    expect(readFileSync((await rig.docker.inspect(containerId())).logPath, 'utf8')).toContain('"log":"x\\n"')
  })

  test('the agent dies in mid-run: same container, taken up again, ended once', async () => {
    const spec = sh('while [ ! -e /run/drover/go ]; do sleep 0.05; done; exit 0')
    rig.want(spec, 'run')
    await reach('started')
    const before = containerId()
    await rig.crash()
    await until('it is attended again', () => rig.attendant.calls.includes(`attach ${A} alive`))
    expect([containerId(), (await rig.docker.list()).length]).toEqual([before, 1])
    execFileSync('touch', [`${allocationPaths(rig.dir, A).run}/go`])
    await reach('drained')
    expect(exitOf()).toMatchObject({ exit: 'completed' })
    expect(rig.events().filter((event) => event.kind === 'state' && event.state === 'RUNNING')).toHaveLength(1)
  })

  test('it ends while the agent is away: reported by the next life', async () => {
    rig.want(sh('sleep 1; exit 7'), 'run')
    await reach('started')
    const before = containerId()
    await rig.crash()
    await reach('drained')
    expect(exitOf()).toMatchObject({ exit: 'user-error', code: 7 })
    expect(containerId()).toBe(before)
  })

  test('an agent that dies while it drains drains again and says so once', async () => {
    rig.attendant.gate = new Promise(() => undefined)
    rig.want(sh('exit 0'), 'run')
    await until('it drains', () => rig.attendant.calls.includes(`drain ${A}`))
    await rig.crash()
    await reach('drained')
    expect(rig.events().filter((event) => event.kind === 'drained')).toHaveLength(1)
    expect(exitOf()).toMatchObject({ exit: 'completed' })
  })

  test('removed by a person: vanished, and it still drains (F7)', async () => {
    rig.want(sh('sleep 600'), 'run')
    await reach('started')
    await rig.docker.remove(containerId())
    await reach('drained')
    expect(exitOf()).toMatchObject({ exit: 'vanished' })
    expect(rig.attendant.calls).toContain(`drain ${A}`)
  })

  test('preempt: the attendant is asked; a deaf run gets SIGTERM, then SIGKILL, and is not charged', async () => {
    const spec = sh('trap "" TERM; while true; do sleep 0.1; done', { preemptSeconds: 1, stopGraceSeconds: 1 })
    rig.want(spec, 'run')
    await reach('started')
    rig.want(spec, 'preempt')
    await reach('drained')
    expect(rig.attendant.calls).toContain(`preempt ${A}`)
    expect(exitOf()).toMatchObject({ exit: 'stopped', code: 137 })
    expect(rig.events().flatMap((event) => (event.kind === 'note' ? [event.text.split(/ within|,/)[0]] : []))).toEqual(['asked to save and stop', 'stopping with SIGTERM'])
  })

  test('stop and kill', async () => {
    const spec = sh('trap "exit 9" TERM; while true; do sleep 0.05; done')
    rig.want(spec, 'run')
    await reach('started')
    await until('the trap is set', async () => existsSync(allocationPaths(rig.dir, A).run))
    await new Promise((resolve) => setTimeout(resolve, 300))
    rig.want(spec, 'stop')
    await reach('drained')
    expect(exitOf()).toMatchObject({ exit: 'stopped', code: 9 })
    const other = sh('sleep 600', { alloc: 'trial-1.2' })
    rig.want(other, 'run')
    await reach('started', 'trial-1.2')
    rig.want(other, 'kill')
    await reach('drained', 'trial-1.2')
    expect(exitOf('trial-1.2')).toMatchObject({ exit: 'stopped', code: 137 })
  })

  test('two that want the same slot run one after the other (I1)', async () => {
    rig.want(sh('sleep 1'), 'run')
    rig.want(sh('sleep 0.1', { alloc: 'trial-2.1' }), 'run')
    await reach('drained')
    await reach('drained', 'trial-2.1')
    const times = (alloc: string) => rig.events().flatMap((event) => (event.kind === 'exit' && event.alloc === alloc ? [event.startedAt ?? 0, event.endedAt] : []))
    const spans = [times(A), times('trial-2.1')].sort((a, b) => (a[0] ?? 0) - (b[0] ?? 0))
    expect(spans[1]?.[0]).toBeGreaterThanOrEqual(spans[0]?.[1] ?? Number.POSITIVE_INFINITY)
  })

  test('the journal is lost: the container is adopted by its labels, not started again', async () => {
    const spec = sh('while [ ! -e /run/drover/go ]; do sleep 0.05; done')
    rig.want(spec, 'run')
    await reach('started')
    const before = containerId()
    execFileSync('cp', ['/dev/null', `${rig.dir}/journal.db`])
    await rig.crash()
    await until('it is attended again', () => rig.attendant.calls.includes(`attach ${A} alive`))
    expect([rig.journal.inc, containerId(), phase()]).toEqual([2, before, 'started'])
    expect(await rig.docker.list()).toHaveLength(1)
  })
})

async function modelDefinition(): Promise<string> {
  const tar = pack()
  tar.entry({ name: 'hello.txt' }, 'hello\n')
  tar.entry({ name: 'sub', type: 'directory' })
  tar.entry({ name: 'sub/deep.txt' }, 'deep\n')
  tar.entry({ name: 'link', type: 'symlink', linkname: '/etc/passwd' })
  tar.finalize()
  const chunks: Buffer[] = []
  for await (const chunk of tar) chunks.push(Buffer.from(chunk as Uint8Array))
  const bytes = gzipSync(Buffer.concat(chunks))
  const digest = createHash('sha256').update(bytes).digest('hex')
  rig.blobs.set(digest, bytes)
  return digest
}

describe.skipIf(missing)('launches that cannot be', () => {
  beforeEach(() => {
    rig = startRig({ dockerHost, image })
  })
  afterEach(() => rig.close(), 60_000)

  const outcome = async (change: Parameters<Rig['spec']>[0], ms = 20_000) => {
    const spec = rig.spec({ entrypoint: ['true'], ...change })
    rig.want(spec, 'run')
    await until('it is answered', () => rig.events().some((event) => event.kind === 'drained'), ms)
    return rig.events().find((event) => event.kind === 'exit')
  }

  test('an image that is not here, of a registry out of reach', async () => {
    expect(await outcome({ image: 'registry.invalid/nothing:1' }, 60_000)).toMatchObject({ exit: 'image', text: expect.stringMatching(/registry.invalid\/nothing:1 is not on this agent and its registry could not be reached/) })
    expect(rig.events().some((event) => event.kind === 'note' && /next try in 5 s/.test(event.text))).toBe(true)
  }, 70_000)

  test('a kill ends the waiting for an image at once', async () => {
    const spec = rig.spec({ image: 'registry.invalid/nothing:1' })
    rig.want(spec, 'run')
    await until('it waits', () => rig.events().some((event) => event.kind === 'note' && /next try/.test(event.text)))
    rig.want(spec, 'kill')
    await until('it is answered', () => rig.events().some((event) => event.kind === 'drained'), 3_000)
    expect(rig.events().find((event) => event.kind === 'exit')).toMatchObject({ exit: 'stopped' })
  })

  test.each([
    ['an image name that is none', { image: 'Not A Name' }, 'image', /no image name|environment.image/],
    ['a mount that does not exist', { binds: [{ hostPath: '/does/not/exist', containerPath: '/x', readOnly: false, propagation: 'rprivate' }] }, 'create', /host_path must exist/],
    ['an entrypoint that is not in the image', { entrypoint: ['/no/such/program'] }, 'user-error', /code 127: the entrypoint was not found/],
    ['a slot that this host does not have', { slots: ['gpu-5'] }, 'agent-error', /gpu-5 is not on this agent/],
    ['a model definition that the master does not have', { context: 'e'.repeat(64) }, 'agent-error', /model definition cannot be had/],
  ] as const)('%s', async (_name, change, exit, text) => {
    expect(await outcome(change as Parameters<Rig['spec']>[0])).toMatchObject({ exit, text: expect.stringMatching(text) })
  })

  test('a model definition that leads outside', async () => {
    const tar = pack()
    tar.entry({ name: '../../etc/evil' }, 'x')
    tar.finalize()
    const chunks: Buffer[] = []
    for await (const chunk of tar) chunks.push(Buffer.from(chunk as Uint8Array))
    const bytes = gzipSync(Buffer.concat(chunks))
    const digest = createHash('sha256').update(bytes).digest('hex')
    rig.blobs.set(digest, bytes)
    expect(await outcome({ context: digest })).toMatchObject({ exit: 'create', text: expect.stringContaining('leads outside') })
  })

  test('the name is taken by a stranger: free of charge', async () => {
    const options = containerOptions(rig.spec({}), allocationPaths(rig.dir, A), [], 'another-agent')
    const id = await rig.docker.create({ ...options, HostConfig: { ...options.HostConfig, Mounts: [] } })
    try {
      expect(await outcome({})).toMatchObject({ exit: 'agent-error', text: expect.stringContaining('is taken in Docker by a container that is not this agent') })
    } finally {
      await rig.docker.remove(id)
    }
  })

  test('a spec of another shape is answered once, also after a restart', async () => {
    rig.want({ ...rig.spec({}), slots: 'all' } as unknown as ReturnType<Rig['spec']>, 'run')
    await until('it is answered', () => rig.events().some((event) => event.kind === 'drained'))
    await rig.crash()
    await new Promise((resolve) => setTimeout(resolve, 500))
    expect(rig.events().map((event) => event.kind)).toEqual(['exit', 'drained'])
    rig.attendant = fakeAttendant()
  })
})
