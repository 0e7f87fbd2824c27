import pg from 'pg'
import { setTimeout as sleep } from 'node:timers/promises'
import { Agent, request } from 'node:http'
import type { Client } from '../rig/client.ts'
import { seedAgents } from './sim-agents.ts'
import type { Stack } from '../rig/stack.ts'
import { until } from '../rig/processes.ts'
import type { Row } from './row.ts'

const RUNS = 5
const PER_SECOND = 500
const SECONDS = 2
const POOL = 'simulated'

/**
 * Submit -> assigned on a free slot, at 500 submissions a second: from before the HTTP request to the commit of the
 * assignment, which a trigger of the bench's own tells (NOTIFY is delivered at commit). Agents are rows with fresh times;
 * whatever was placed stays, so that the world grows to 6,000 live allocations.
 */
export async function assignRows(stack: Stack): Promise<Row[]> {
  const watch = await watchAssignments(stack.databaseUrl)
  const seeded = await seedAgents(stack, { pool: POOL, agents: 64, slots: 128 })
  try {
    await burst(stack.client, watch, 0.5)
    const p50: number[] = []
    const p99: number[] = []
    for (let run = 0; run < RUNS; run += 1) {
      const took = (await burst(stack.client, watch, SECONDS)).sort((a, b) => a - b)
      p50.push(took[Math.floor(took.length * 0.5)] ?? NaN)
      p99.push(took[Math.floor(took.length * 0.99)] ?? NaN)
      await sleep(1_000)
    }
    return [
      { name: 'submit to assigned at 500/s, p50', unit: 'ms', ours: p50, peer: p50.map(() => 5), peerName: 'the limit of 5 ms', goal: { atMost: 1 } },
      { name: 'submit to assigned at 500/s, p99', unit: 'ms', ours: p99, peer: p99.map(() => 20), peerName: 'the limit of 20 ms', goal: { atMost: 1 } },
    ]
  } finally {
    seeded.stop()
    await watch.close()
  }
}

interface Watch {
  /** time of the commit, by experiment */
  seen: Map<number, number>
  close(): Promise<void>
}

async function watchAssignments(url: string): Promise<Watch> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  await client.query(`
    CREATE OR REPLACE FUNCTION bench_assigned() RETURNS trigger LANGUAGE plpgsql AS $$
      BEGIN PERFORM pg_notify('bench_assigned', (SELECT experiment_id::text FROM tasks WHERE id = NEW.task_id)); RETURN NULL; END $$;
    DROP TRIGGER IF EXISTS bench_assigned ON allocations;
    CREATE TRIGGER bench_assigned AFTER UPDATE ON allocations FOR EACH ROW WHEN (OLD.state = 'PENDING' AND NEW.state = 'ASSIGNED') EXECUTE FUNCTION bench_assigned();
    LISTEN bench_assigned`)
  const seen = new Map<number, number>()
  client.on('notification', ({ payload }) => void seen.set(Number(payload), performance.now()))
  return {
    seen,
    async close() {
      await client.query('DROP TRIGGER bench_assigned ON allocations')
      await client.end()
    },
  }
}

/** Submits at an even pace, whatever the answers take; milliseconds of each. */
async function burst(client: Client, watch: Watch, seconds: number): Promise<number[]> {
  const config = JSON.stringify({ name: 'assign', entrypoint: ['true'], environment: { image: 'none' }, searcher: { name: 'single', metric: 'loss' }, max_restarts: 0, resources: { resource_pool: POOL } })
  const body = JSON.stringify({ config, activate: true })
  const count = Math.round(seconds * PER_SECOND)
  const from = performance.now()
  const sent: Promise<{ id: number; at: number }>[] = []
  for (let n = 0; n < count; n += 1) {
    const due = from + (n * 1000) / PER_SECOND
    const early = due - performance.now()
    if (early > 0) await sleep(early)
    const at = performance.now()
    sent.push(post(client, body).then((id) => ({ id, at })))
  }
  const submitted = await Promise.all(sent)
  await until('all of them are assigned', 60_000, async () => submitted.every(({ id }) => watch.seen.has(id)), 20)
  return submitted.map(({ id, at }) => (watch.seen.get(id) ?? NaN) - at)
}

const agent = new Agent({ keepAlive: true, maxSockets: 64 })

/** Plain node:http: a client that costs as much as the server would be measured instead of it. */
function post(client: Client, body: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const sending = request(`${client.url}/api/v1/experiments`, { method: 'POST', agent, headers: { authorization: `Bearer ${client.token}`, 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) } }, (response) => {
      const chunks: Buffer[] = []
      response.on('data', (chunk: Buffer) => chunks.push(chunk))
      response.on('end', () => {
        const id = /"experiment":\{"id":(\d+)/.exec(Buffer.concat(chunks).toString('utf8'))?.[1]
        if (id === undefined) reject(new Error(`submission was answered with ${response.statusCode}: ${Buffer.concat(chunks).toString('utf8').slice(0, 300)}`))
        else resolve(Number(id))
      })
    })
    sending.on('error', reject)
    sending.end(body)
  })
}
