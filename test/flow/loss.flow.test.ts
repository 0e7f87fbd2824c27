import { readFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { ends, logLines, onlyTrial, submit } from '../rig/client.ts'
import { until } from '../rig/processes.ts'
import { missingParts, startStack, type Stack } from '../rig/stack.ts'

const missing = missingParts()
if (missing) process.stderr.write(`flow tests skipped: ${missing}\n`)

/** The agent as a process stands still for longer than it may be silent, its container trains on: a zombie (F10), on one slot. */
describe.skipIf(missing !== null)('a lost agent that comes back', () => {
  const dir = mkdtempSync(join(tmpdir(), 'drover-loss-'))
  let stack: Stack
  beforeAll(async () => {
    writeFileSync(join(dir, 'master.yaml'), 'herd:\n  agent_lost_after: 10s\n')
    stack = await startStack({ cpuSlots: 1, env: { DROVER_CONFIG: join(dir, 'master.yaml') } })
  }, 90_000)
  afterAll(async () => {
    await stack?.stop()
    rmSync(dir, { recursive: true })
  }, 60_000)

  interface Attempt { attempt: string; line: number }
  const attempts = async (id: number): Promise<Attempt[]> => (await logLines(stack.client, id)).flatMap((text) => {
    const match = /^line (\d+) of attempt (\S+)/.exec(text)
    return match ? [{ line: Number(match[1]), attempt: match[2] ?? '' }] : []
  })
  const events = async (id: number): Promise<{ kind: string; text: string }[]> =>
    (await stack.client.get<{ events: { kind: string; text: string }[] }>(`/api/v1/drover/events?experimentId=${id}&limit=500`)).events

  test('its attempt is sealed, its container is discarded, the next attempt resumes: one container at a time, one result', async () => {
    const id = await submit(stack.client, {
      name: 'loss', entrypoint: 'python3 train.py', environment: { image: process.env['DROVER_TEST_IMAGE'] ?? '' }, hyperparameters: { steps: 320, every: 20, pause: 0.1 },
      searcher: { name: 'single', metric: 'validation_loss' }, max_restarts: 0,
    }, { 'train.py': readFileSync(join(import.meta.dirname, 'training/train.py')) })
    await until('a checkpoint is committed', 60_000, async () => (await events(id)).some((event) => event.kind === 'checkpoint-completed'))
    const running = (): string[] => stack.docker('ps', '-q', '--filter', `label=drover.experiment=${id}`).split('\n').filter((line) => line !== '')
    const [zombie] = running()
    await stack.agent.kill('SIGSTOP')
    try {
      await until('the attempt is lost and sealed', 60_000, async () => (await events(id)).some((event) => event.kind === 'allocation-sealed'), 500)
      expect(running()).toEqual([zombie])
    } finally {
      await stack.agent.kill('SIGCONT')
    }
    let most = 0
    await until('the next attempt trains', 60_000, async () => {
      most = Math.max(most, running().length)
      return (await attempts(id)).some((one) => one.attempt.endsWith('.2'))
    })
    expect(most).toBe(1)
    expect(running()).not.toContain(zombie)
    expect((await events(id)).map((event) => event.kind)).toEqual(expect.arrayContaining(['allocation-lost', 'allocation-adopted', 'allocation-sealed']))
    expect((await onlyTrial(stack.client, id)).restarts).toBe(0)

    const lines = await attempts(id)
    const resumedAt = lines.find((one) => one.attempt.endsWith('.2'))?.line ?? 0
    expect(resumedAt % 20).toBe(1)
    expect(resumedAt).toBeGreaterThan(20)
    const turn = lines.findIndex((one) => one.attempt.endsWith('.2'))
    expect(lines.slice(turn).every((one) => one.attempt.endsWith('.2'))).toBe(true) // nothing of the sealed attempt arrives any more
    await ends(stack.client, id, 'COMPLETED', 120_000)
    const trial = await onlyTrial(stack.client, id)
    const { checkpoints } = await stack.client.get<{ checkpoints: { state: string; drover: { allocationId: string }; metadata: { steps_completed: number } }[] }>(`/api/v1/trials/${trial.id}/checkpoints`)
    const whole = checkpoints.filter((one) => one.state === 'STATE_COMPLETED').map((one) => [one.metadata.steps_completed, one.drover.allocationId] as const).toSorted((a, b) => a[0] - b[0])
    expect(whole.map(([steps]) => steps)).toEqual(Array.from({ length: 16 }, (_, index) => (index + 1) * 20))
    for (const [steps, allocation] of whole) expect(allocation).toBe(`trial-${trial.id}.${steps < resumedAt ? 1 : 2}`)
  }, 240_000)
})
