import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { startRig, until, type Rig } from './rig.fixture.ts'

const [dockerHost, image] = [process.env['DROVER_TEST_DOCKER'] ?? '', process.env['DROVER_TEST_IMAGE'] ?? '']
const skipped = dockerHost === '' || image === ''
if (skipped) console.warn('retire.docker.test.ts skipped: DROVER_TEST_DOCKER or DROVER_TEST_IMAGE is not set')

let rig: Rig
beforeEach(() => {
  if (!skipped) rig = startRig({ dockerHost, image })
})
afterEach(async () => {
  if (!skipped) await rig.close()
})

describe.skipIf(skipped)('an agent that is being retired', () => {
  test('accepts nothing new, and carries what it has to its end', async () => {
    const running = rig.spec({ alloc: 'trial-1.1', entrypoint: ['sh', '-c', 'sleep 2'], slots: ['cpu-0'] })
    rig.want(running, 'run')
    await until('it runs', () => rig.journal.allocation(running.alloc)?.phase === 'started')
    rig.retire()
    const late = rig.spec({ alloc: 'trial-2.1', slots: ['cpu-1'] })
    rig.want(late, 'run')
    await until('the first has drained', () => rig.journal.allocation(running.alloc)?.phase === 'drained')
    expect(rig.events().find((event) => event.kind === 'exit')).toMatchObject({ alloc: running.alloc, code: 0 })
    expect([rig.journal.allocation(late.alloc), rig.journal.highestEpoch('trial-2')]).toEqual([null, 0])
    rig.want(running, 'discard')
    await until('nothing is left', async () => rig.journal.allocations().length === 0 && (await rig.docker.list()).length === 0)
  })
})
