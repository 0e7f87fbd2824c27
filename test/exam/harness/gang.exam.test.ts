import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { ends, logLines, submit } from '../../rig/client.ts'
import { startProgram, until, type Program } from '../../rig/processes.ts'
import { missingParts, startStack, type Stack } from '../../rig/stack.ts'

const IMAGE = process.env['DROVER_TEST_DETERMINED_IMAGE']
const missing = missingParts() ?? (IMAGE ? null : 'DROVER_TEST_DETERMINED_IMAGE is not set: no image with the determined package')
if (missing) process.stderr.write(`harness gang exam skipped: ${missing}\n`)

let stack: Stack
let second: Program

const run = (hyperparameters: Record<string, unknown>): Promise<number> => submit(stack.client, {
  name: 'gang', entrypoint: 'python3 -m determined.launch.torch_distributed python3 gang.py', environment: { image: IMAGE }, hyperparameters,
  searcher: { name: 'single', metric: 'score' }, resources: { slots_per_trial: 2 }, max_restarts: 0,
}, { 'gang.py': readFileSync(join(import.meta.dirname, 'scripts/gang.py')) })

interface Checkpoint { uuid: string; state: string; metadata: Record<string, unknown>; resources: Record<string, string>; drover: { error: string } }
const checkpoints = async (experiment: number): Promise<Checkpoint[]> => (await stack.client.get<{ checkpoints: Checkpoint[] }>(`/api/v1/experiments/${experiment}/checkpoints?sortByAttr=SORT_BY_BATCH_NUMBER&orderBy=ORDER_BY_ASC`)).checkpoints

describe.skipIf(missing !== null)('the determined package on two agents', () => {
  beforeAll(async () => {
    stack = await startStack({ cpuSlots: 1 })
    const id = `${stack.agentId}-2`
    second = await startProgram({
      name: 'agent-2', command: process.execPath, args: [join(import.meta.dirname, '../../../dist/drover-agent.mjs')], logFile: join(stack.dir, 'agent-2.log'), ready: async () => true,
      env: { PATH: process.env['PATH'], DROVER_STATE_DIR: join(stack.dir, 'agent-2'), DROVER_MASTER_URL: stack.agentUrl, DROVER_JOIN_TOKEN: stack.joinToken, DROVER_AGENT_ID: id, DROVER_CPU_SLOTS: '1', DOCKER_HOST: stack.dockerHost, DROVER_LOG_LEVEL: 'debug' },
    })
    await until('two agents are there', 60_000, async () => (await stack.client.get<{ agents: unknown[] }>('/api/v1/agents')).agents.length === 2)
  }, 120_000)
  afterAll(async () => {
    await second?.kill('SIGTERM')
    for (const label of ['drover.agent', 'drover.sandbox']) for (const left of stack?.docker('ps', '-aq', '--filter', `label=${label}=${stack.agentId}-2`).split('\n').filter((one) => one !== '') ?? []) stack.docker('rm', '-f', left)
    await stack?.stop()
  })

  test('sharded or by the chief alone: the checkpoint is the union, and every node restores all of it', async () => {
    const experiment = await run({ again: 1 })
    await until('three checkpoints are committed', 120_000, async () => (await checkpoints(experiment)).filter((one) => one.state === 'STATE_COMPLETED').length === 3)
    const found = await checkpoints(experiment)
    expect(found.map((one) => Object.keys(one.resources).toSorted())).toEqual([
      ['metadata.json', 'same.txt', 'shard-0.bin', 'shard-1.bin'], ['metadata.json', 'up-0', 'up-1'], ['chief', 'metadata.json', 'part-0', 'part-1'],
    ])
    expect(found[0]?.metadata).toMatchObject({ of0: 0, of1: 1 })
    await stack.client.post(`/api/v1/experiments/${experiment}/pause`)
    await until('it is paused', 60_000, async () => (await stack.client.get<{ tasks?: unknown; allocationIdToSummary: object }>('/api/v1/tasks')).allocationIdToSummary && Object.keys((await stack.client.get<{ allocationIdToSummary: object }>('/api/v1/tasks')).allocationIdToSummary).length === 0)
    await stack.client.post(`/api/v1/experiments/${experiment}/activate`)
    await ends(stack.client, experiment, 'COMPLETED')
    const lines = (await logLines(stack.client, experiment)).map((line) => line.replace(/^\[rank=\d\] /, ''))
    for (const rank of [0, 1]) {
      expect(lines).toContain(`rank ${rank} of 2 on node ${rank} has sum 3.0`)
      expect(lines).toContain(`rank ${rank} restored ['chief', 'metadata.json', 'part-0', 'part-1']`)
    }
  })

  test('two nodes with one name and other bytes: the checkpoint fails with the path', async () => {
    const experiment = await run({ clash: 1 })
    await ends(stack.client, experiment, 'COMPLETED')
    const found = await checkpoints(experiment)
    expect(found.map((one) => one.state)).toEqual(['STATE_ERROR', 'STATE_COMPLETED', 'STATE_COMPLETED'])
    expect(found[0]?.drover.error).toMatch(/ranks 0 and 1 both saved same\.txt, with different content/)
  })
})
