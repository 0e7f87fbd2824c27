import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import type { Docker } from '../docker/door.ts'
import { allocationPaths } from '../plan/paths.ts'
import { startRig, until, type Rig } from './rig.fixture.ts'

const dockerHost = process.env['DROVER_TEST_DOCKER'] ?? ''
const image = process.env['DROVER_TEST_IMAGE'] ?? ''
const missing = dockerHost === '' || image === ''
if (missing) process.stderr.write('crash tests of the agent skipped: DROVER_TEST_DOCKER or DROVER_TEST_IMAGE is not set\n')

const A = 'trial-1.1'
type Effect = 'create' | 'fill' | 'start' | 'inspect' | 'remove' | 'makeSandbox' | 'rename'
type Moment = 'before' | 'after'

/** A Docker whose n-th call of one kind never comes back: before its effect, or after it. */
function freezing(docker: Docker, effect: Effect, moment: Moment, onFrozen: () => void): Docker {
  let left = 1
  const frozen = (): Promise<never> => {
    onFrozen()
    return new Promise<never>(() => undefined)
  }
  const wrap = (call: (...args: unknown[]) => Promise<unknown>) => async (...args: unknown[]): Promise<unknown> => {
    if (left === 0) return call(...args)
    left -= 1
    if (moment === 'before') return frozen()
    await call(...args)
    return frozen()
  }
  return { ...docker, [effect]: wrap(docker[effect] as (...args: unknown[]) => Promise<unknown>) }
}

const EFFECTS: Effect[] = ['create', 'fill', 'start', 'inspect', 'remove', 'makeSandbox', 'rename']
const points = EFFECTS.flatMap((effect) => (['before', 'after'] as const).map((moment) => [effect, moment] as const))

test.skipIf(missing).each(points)('kill -9 at docker %s, %s its effect: one container, started once, reported once, gone in the end', async (effect, moment) => {
  let frozen = false
  const rig: Rig = startRig({ dockerHost, image, spare: effect === 'rename', wrapDocker: (docker) => freezing(docker, effect, moment, () => void (frozen = true)) })
  try {
    const spec = rig.spec({ entrypoint: ['sh', '-c', 'echo started >> /run/drover/starts; exit 4'] })
    if (effect === 'rename') await until('a spare sandbox is ready', () => rig.spareIsReady())
    rig.want(spec, 'run')
    if (effect !== 'remove') await killWhenFrozen(rig, () => frozen)
    await until('it is drained', () => rig.journal.allocation(A)?.phase === 'drained')
    // first, since its text says why where the container never came
    expect(rig.events().find((event) => event.kind === 'exit')).toMatchObject({ exit: 'user-error', code: 4 })
    const [container, ...others] = await rig.docker.list()
    expect([container?.id, others]).toEqual([rig.journal.allocation(A)?.containerId, []])
    expect(readFileSync(`${allocationPaths(rig.dir, A).run}/starts`, 'utf8')).toBe('started\n')
    const kinds = rig.events().map((event) => (event.kind === 'state' ? event.state : event.kind))
    expect(kinds).toEqual(['PULLING', 'STARTING', 'RUNNING', 'exit', 'drained'])
    rig.want(spec, 'discard')
    if (effect === 'remove') await killWhenFrozen(rig, () => frozen)
    await until('it is gone', async () => rig.journal.allocations().length === 0 && (await rig.docker.list()).length === 0)
    await until('so is its network', async () => (await rig.docker.survey()).sandboxes.every(({ name }) => name.endsWith('.net-spare')))
  } finally {
    await rig.close()
  }
}, 60_000)

async function killWhenFrozen(rig: Rig, isFrozen: () => boolean): Promise<void> {
  await until('the call is frozen', isFrozen)
  rig.kill()
}
