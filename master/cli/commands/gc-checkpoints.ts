import { numberText, sizeText, whenText } from '../format.ts'
import type { Invocation } from '../invocation.ts'

/** GET /api/v1/drover/experiments/:id/retention */
interface Retention {
  policy: { save_experiment_best: number; save_trial_best: number; save_trial_latest: number }
  metric: string
  going: readonly { uuid: string; trialId: number; steps: number; searcherMetric: number | null; bytes: string; reportTime: string }[]
  bytes: string
}

/** So many the master takes in one call. */
const AT_ONCE = 1000

/** Shows what the policy lets go; only that which was shown is deleted, and only when it is said. */
export async function gcCheckpoints({ client, terminal }: Invocation, experiment: number, policy: Readonly<Record<string, number>>, yes: boolean): Promise<void> {
  const master = await client()
  const found = await master.get<Retention>(`/api/v1/drover/experiments/${experiment}/retention`, policy)
  const { going, policy: of } = found
  if (terminal.json) terminal.data({ ...found, deleted: yes })
  else if (going.length > 0) {
    await terminal.table(['UUID', 'TRIAL', 'STEPS', found.metric.toUpperCase(), 'SIZE', 'REPORTED'], going.map((one) => [one.uuid, String(one.trialId), String(one.steps), numberText(one.searcherMetric), sizeText(Number(one.bytes)), whenText(one.reportTime)]))
    terminal.line('')
  }
  if (yes) for (let from = 0; from < going.length; from += AT_ONCE) await master.post('/api/v1/checkpoints/rm', { checkpointUuids: going.slice(from, from + AT_ONCE).map((one) => one.uuid), checkpointGlobs: ['**/*'] })
  if (terminal.json) return
  const kept = `save_experiment_best ${of.save_experiment_best}, save_trial_best ${of.save_trial_best}, save_trial_latest ${of.save_trial_latest}`
  const what = `${going.length} checkpoint${going.length === 1 ? '' : 's'} of experiment ${experiment}, ${sizeText(Number(found.bytes))}`
  terminal.line(going.length === 0 ? `nothing to delete (${kept})` : yes ? `${what}: deleted (${kept}); the bucket follows` : `${what} would go (${kept}); nothing was deleted: give --yes to do it`)
}
