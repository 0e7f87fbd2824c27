import { ends, logLines, onlyTrial, submit } from '../rig/client.ts'
import { until } from '../rig/processes.ts'
import type { Stack } from '../rig/stack.ts'
import type { Row } from './row.ts'
import { seedMany } from './seed-many.ts'

const IMAGE = process.env['DROVER_TEST_IMAGE'] ?? ''
const RUNS = 5
/** Determined's own load report calls slower answers bad; its listing of checkpoints hung (0.34.0). */
const SLOW_MS = 1_000

/**
 * A training script's side of the API, from its container: reports are acknowledged after the agent's fsync. `n` at once,
 * for half a second each; prints one line of JSON a combination. 1 Mi floats must be answered, whatever the answer.
 */
const REPORTS = `
import http.client, json, os, random, threading, time
trial, run, port = os.environ["DET_TRIAL_ID"], int(os.environ["DET_TRIAL_RUN_ID"]), int(os.environ["DET_MASTER_PORT"])
token, step = os.environ["DET_SESSION_TOKEN"], [0]
def body(floats):
    step[0] += 1
    return json.dumps({"group": "training", "metrics": {"trialId": int(trial), "trialRunId": run, "stepsCompleted": step[0], "metrics": {"avgMetrics": {"v": [round(random.random(), 6) for _ in range(floats)] if floats > 1 else 0.5}}}})
def post(connection, text):
    connection.request("POST", "/api/v1/trials/%s/metrics" % trial, text, {"Authorization": "Bearer " + token, "Content-Type": "application/json"})
    answer = connection.getresponse()
    answer.read()
    return answer.status
def measure(floats, at_once, seconds):
    text, took, statuses = body(floats), [], set()
    def worker():
        connection, end = http.client.HTTPConnection("127.0.0.1", port, timeout=60), time.time() + seconds
        while time.time() < end:
            began = time.time()
            try:
                statuses.add(post(connection, text))
            except OSError: # refused before it was read to its end
                statuses.add(413)
                connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
            took.append(time.time() - began)
    began = time.time()
    threads = [threading.Thread(target=worker) for _ in range(at_once)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    took.sort()
    print("measured " + json.dumps({"floats": floats, "atOnce": at_once, "perSecond": len(took) / (time.time() - began), "p99": 1000 * took[int(len(took) * 0.99)], "statuses": sorted(statuses)}), flush=True)
measure(1, 1, 0.2)
for floats, at_once in ((1, 1), (1, 8), (1, 32), (1024, 1), (1024, 32), (65536, 1), (65536, 4)):
    measure(floats, at_once, 0.5)
measure(1048576, 1, 0.1)
`
const LINES = 200_000
const LINE_BYTES = 100
const FLOOD = `import sys\nline = "x" * ${LINE_BYTES - 1} + "\\n"\nfor _ in range(${LINES / 1_000}):\n    sys.stdout.write(line * 1000)\n`
const TICKS = 'import time\nfor n in range(40):\n    print("tick %.3f" % time.time(), flush=True)\n    time.sleep(0.1)\n'

interface Measured { floats: number; atOnce: number; perSecond: number; p99: number; statuses: number[] }

/** What the API takes in and gives out, beside Determined's own figures (its load reports, docs and issues). */
export async function apiRows(stack: Stack): Promise<Row[]> {
  return [...await reportRows(stack), await floodRow(stack), await followRow(stack), ...await listRows(stack)]
}

async function reportRows(stack: Stack): Promise<Row[]> {
  const id = await run(stack, 'reports', REPORTS)
  await ends(stack.client, id, 'COMPLETED')
  const measured = (await logLines(stack.client, id)).flatMap((line) => (line.startsWith('measured ') ? [JSON.parse(line.slice(9)) as Measured] : [])).slice(1)
  for (const one of measured) process.stderr.write(`reports of ${one.floats} floats, ${one.atOnce} at once: ${Math.round(one.perSecond)}/s, p99 ${one.p99.toFixed(1)} ms, answered ${one.statuses.join(' ')}\n`)
  const huge = measured.find((one) => one.floats === 1_048_576)
  if (!huge) throw new Error('a report of 1 Mi floats was never answered')
  return measured.filter((one) => one.statuses.every((status) => status === 200) && one !== huge).map((one) => ({
    name: `metric reports of ${one.floats} floats, ${one.atOnce} at once, p99`, unit: 'ms', ours: [one.p99], peer: [SLOW_MS], peerName: 'what Determined\'s own report flags', goal: { atMost: 1 },
  }))
}

/** From the first line's commit to the last's. */
async function floodRow(stack: Stack): Promise<Row> {
  const id = await run(stack, 'flood', FLOOD)
  const from = performance.now()
  await ends(stack.client, id, 'COMPLETED')
  const seconds = (performance.now() - from) / 1000
  const rate = (LINES * LINE_BYTES) / 1e6 / seconds
  process.stderr.write(`log lines in, from submit to the seal: ${Math.round(LINES / seconds)} lines/s\n`)
  return { name: 'log text in, container start and seal included', unit: 'MB/s', ours: [rate], peer: [12.5], peerName: 'Determined into Aurora, 10 to 15', goal: { atLeast: 0.8 } }
}

/** From print to the follower's hand; the same host's clock. */
async function followRow(stack: Stack): Promise<Row> {
  const id = await run(stack, 'ticks', TICKS)
  const trial = await onlyTrial(stack.client, id)
  const response = await stack.client.raw(`/api/v1/trials/${trial.id}/logs?follow=true`)
  const took: number[] = []
  let rest = ''
  for await (const chunk of response.body ?? []) {
    const lines = (rest + Buffer.from(chunk).toString('utf8')).split('\n')
    rest = lines.pop() ?? ''
    for (const line of lines) {
      const printed = /tick (\d+\.\d+)/.exec(line)?.[1]
      if (printed !== undefined) took.push(Date.now() - Number(printed) * 1000)
    }
  }
  return { name: 'follow: print to reader', unit: 'ms', ours: took, peer: [2_000], peerName: 'Determined, 1 s batch and 1 s poll', goal: { atMost: 0.15 } }
}

async function listRows(stack: Stack): Promise<Row[]> {
  const { experiment, trial } = await seedMany(stack.databaseUrl)
  const questions: readonly [name: string, path: string][] = [
    ['experiment list among 100,000', '/api/v1/experiments?limit=200&archived=false&users=admin'],
    ['experiment list among 100,000, last page', '/api/v1/experiments?limit=200&offset=99800'],
    ['checkpoint list of an experiment among 1,000,000', `/api/v1/experiments/${experiment}/checkpoints?limit=100&sortByAttr=SORT_BY_END_TIME`],
    ['checkpoint list of a trial among 1,000,000', `/api/v1/trials/${trial}/checkpoints?limit=100`],
  ]
  const rows: Row[] = []
  for (const [name, path] of questions) {
    const ours: number[] = []
    for (let n = 0; n <= RUNS; n += 1) {
      const from = performance.now()
      await stack.client.get(path)
      // the first finds nothing in any cache
      if (n > 0) ours.push(performance.now() - from)
    }
    rows.push({ name, unit: 'ms', ours, peer: [SLOW_MS], peerName: 'what Determined\'s own report flags', goal: { atMost: 1 } })
  }
  return rows
}

async function run(stack: Stack, name: string, script: string): Promise<number> {
  const id = await submit(stack.client, { name, entrypoint: 'python3 run.py', environment: { image: IMAGE }, searcher: { name: 'single', metric: 'x' }, max_restarts: 0 }, { 'run.py': script })
  await until(`${name} runs`, 60_000, async () => ['STATE_RUNNING', 'STATE_COMPLETED'].includes((await stack.client.get<{ experiment: { state: string } }>(`/api/v1/experiments/${id}`)).experiment.state), 20)
  return id
}
