import { sql } from 'kysely'
import type { NewAgentEvent } from '../../protocol/wire/events.ts'
import { takeEvents } from '../../master/intake/take-events.ts'
import { addAgent, newExperiment, numbered, openRig, type Rig } from '../../master/loops/rig.ts'
import { forgetSearches, loadSearch } from '../../master/store/searches.ts'
import type { Row } from './row.ts'

const TRIALS = 50_000
const AGENTS = 16
/** events of one batch; divides each agent's share, so that all batches are alike */
const BATCH = 125

/** A search of 50,000 trials, all alive, through the intake: each reports at the first rung, so that every report is judged. Then a master that knows nothing takes over. */
export async function searchDurableRows(): Promise<Row[]> {
  const rig = await openRig()
  try {
    const { experimentId } = await rig.commands.createExperiment(newExperiment(rig, {
      hyperparameters: { lr: { type: 'log', minval: -4, maxval: -1, base: 10, count: null } },
      searcher: { name: 'async_halving', metric: 'loss', smaller_is_better: true, max_trials: TRIALS, num_rungs: 3, divisor: 4, max_concurrent_trials: TRIALS, time_metric: 'batches', max_time: 16 },
    }))
    const shares = await place(rig, experimentId)
    const marks: { reports: number; at: number }[] = [{ reports: 0, at: performance.now() }]
    await Promise.all(shares.map((allocations, agent) => reportAll(rig, `a${agent}`, allocations, (reports) => {
      marks.push({ reports: (marks.at(-1)?.reports ?? 0) + reports, at: performance.now() })
    })))
    forgetSearches()
    const from = performance.now()
    await rig.db.transaction().execute((tx) => loadSearch(tx, experimentId))
    return rows(marks, performance.now() - from)
  } finally {
    await rig.drop()
  }
}

function rows(marks: readonly { reports: number; at: number }[], tookMs: number): Row[] {
  const tenth = Math.floor(marks.length / 10)
  const cost = (from: number, to: number): number => {
    const [a, b] = [marks[from], marks[to]]
    return a === undefined || b === undefined ? NaN : ((b.at - a.at) * 1000) / (b.reports - a.reports)
  }
  // the first tenth makes plans and fills caches: flat means the last beside the second
  const last = marks.length - 1
  return [
    { name: 'search durable, 50,000 trials', unit: 'reports/s', ours: [1_000_000 / cost(0, last)], peer: [5_000], peerName: 'the goal', goal: { atLeast: 1 } },
    { name: 'search durable, last tenth', unit: 'us/report', ours: [cost(last - tenth, last)], peer: [cost(tenth, 2 * tenth)], peerName: 'its second tenth', goal: { atMost: 1.1 } },
    { name: 'search durable, state made anew', unit: 'ms', ours: [tookMs], peer: [3_000], peerName: 'the limit of 3 s', goal: { atMost: 1 } },
  ]
}

/** All trials run, spread over the agents, without a container. */
async function place(rig: Rig, experimentId: number): Promise<string[][]> {
  for (let agent = 0; agent < AGENTS; agent += 1) await addAgent(rig, `a${agent}`, 1)
  const trials = await rig.db.selectFrom('trials').select(['id', 'number']).where('experiment_id', '=', experimentId).orderBy('number').execute()
  await sql`INSERT INTO allocation_members (allocation_id, rank, agent_id, slot_ids, spec_digest, state)
    SELECT 'trial-' || id || '.1', 0, 'a' || number % ${sql.lit(AGENTS)}, '[]', '', 'RUNNING' FROM trials WHERE experiment_id = ${experimentId}`.execute(rig.db)
  await sql`UPDATE allocations SET state = 'RUNNING' WHERE state = 'PENDING'`.execute(rig.db)
  await sql`ANALYZE`.execute(rig.db)
  return Array.from({ length: AGENTS }, (_, agent) => trials.filter((trial) => trial.number % AGENTS === agent).map((trial) => `trial-${trial.id}.1`))
}

async function reportAll(rig: Rig, agent: string, allocations: readonly string[], done: (reports: number) => void): Promise<void> {
  const events = allocations.map((alloc, index): NewAgentEvent => ({
    kind: 'metrics', t: Date.now(), alloc, reports: [{ group: 'validation', steps: 1, t: Date.now(), values: { loss: (index * 7919) % 10_007, batches: 1 } }],
  }))
  for (let from = 0; from < events.length; from += BATCH) {
    const batch = events.slice(from, from + BATCH)
    await takeEvents(rig.events, agent, { v: 1, inc: 1, events: numbered(from + 1, batch) })
    done(batch.length)
  }
}
