import { CliError, EXIT } from '../fail.ts'
import type { Invocation } from '../invocation.ts'

const DONE = { pause: 'asked to pause', activate: 'activated', cancel: 'asked to save and end', kill: 'killed' } as const

/** Each id by itself: one that cannot be steered does not keep the others from it; the worst exit code stands. */
export async function steerExperiments(invocation: Invocation, verb: keyof typeof DONE, ids: readonly number[]): Promise<number> {
  const { terminal } = invocation
  const client = await invocation.client()
  const failures: CliError[] = []
  for (const id of ids) {
    try {
      await client.post(`/api/v1/experiments/${id}/${verb}`, {})
      if (!terminal.json) terminal.line(`experiment ${id} ${DONE[verb]}`)
    } catch (error) {
      if (!(error instanceof CliError) || error.exit === EXIT.interrupted || ids.length === 1) throw error
      failures.push(error)
      terminal.note(`drover: experiment ${id}: ${error.message}\n  ${error.cure}`)
    }
  }
  if (terminal.json) terminal.data({ [verb]: ids, failed: failures.length })
  return failures[0]?.exit ?? EXIT.ok
}
