import pg from 'pg'

const EXPERIMENTS = 100_000
const CHECKPOINTS = 1_000_000
/** Ended experiments; the first few hold all checkpoints, ten trials each. */
const HOLDERS = 100
const TRIALS_EACH = 10

/** Rows as an old cluster has them. An experiment and a trial with many checkpoints. */
export async function seedMany(url: string): Promise<{ experiment: number; trial: number }> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    await client.query('SET synchronous_commit = off')
    const config = JSON.stringify({ name: 'old', searcher: { name: 'single', metric: 'loss', smaller_is_better: true }, hyperparameters: {}, checkpoint_storage: null, environment: {}, resources: { slots_per_trial: 1 } })
    const { rows: [first] } = await client.query<{ id: number }>(`INSERT INTO experiments (name, slug, state, owner_id, config, original_config, resource_pool, slots_per_trial, priority, max_restarts, ended_at)
      SELECT 'old ' || n, 'old', 'COMPLETED', (SELECT id FROM users WHERE username = 'admin'), $1::jsonb, '', 'default', 1, 42, 5, now() FROM generate_series(1, ${EXPERIMENTS}) n RETURNING id`, [config])
    const experiment = first?.id ?? 0
    await client.query(`INSERT INTO tasks (id, kind, experiment_id, epoch, ended_at) SELECT 'old-' || n, 'TRIAL', $1::int + (n - 1) / ${TRIALS_EACH}, 1, now() FROM generate_series(1, ${HOLDERS * TRIALS_EACH}) n`, [experiment])
    const { rows: [one] } = await client.query<{ id: number }>(`INSERT INTO trials (experiment_id, request_id, task_id, state, hparams, seed, ended_at)
      SELECT $1::int + (n - 1) / ${TRIALS_EACH}, n::text, 'old-' || n, 'COMPLETED', '{}', 1, now() FROM generate_series(1, ${HOLDERS * TRIALS_EACH}) n RETURNING id`, [experiment])
    const trial = one?.id ?? 0
    await client.query(`INSERT INTO checkpoints (uuid, task_id, trial_id, experiment_id, allocation_id, epoch, ordinal, steps, state, prefix, resources, bytes, declared_at, report_time, pointer_written)
      SELECT gen_random_uuid(), 'old-' || (1 + n % ${HOLDERS * TRIALS_EACH}), $1::int + n % ${HOLDERS * TRIALS_EACH}, $2::int + (n % ${HOLDERS * TRIALS_EACH}) / ${TRIALS_EACH}, 'old-' || (1 + n % ${HOLDERS * TRIALS_EACH}) || '.1', 1, n, n, 'COMPLETED', 'p', '{"a": 1}', 1, now(), now() + n * interval '1 ms', true
      FROM generate_series(1, ${CHECKPOINTS}) n`, [trial, experiment])
    // as autovacuum leaves them
    await client.query('VACUUM ANALYZE experiments, trials, tasks, checkpoints')
    return { experiment, trial }
  } finally {
    await client.end()
  }
}
