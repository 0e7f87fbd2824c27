import { realClock } from '../../../protocol/kit/clock.ts'
import type { Client } from '../client.ts'
import { CliError, EXIT, isUnreachable } from '../fail.ts'
import type { Invocation } from '../invocation.ts'
import { reportEnd } from '../report-end.ts'
import { hasEnded, stateWord } from '../shapes.ts'
import type { Experiment } from '../shapes.ts'
import type { Terminal } from '../terminal.ts'

const POLL_MS = 1_000

/** Exit 0 only for COMPLETED. */
export async function waitExperiment(invocation: Invocation, experimentId: number, timeoutSeconds: number): Promise<number> {
  const { terminal, signal } = invocation
  const client = await invocation.client()
  const experiment = await awaitEnd({ client, experimentId, terminal, signal, timeoutSeconds })
  if (terminal.json) terminal.data({ experiment })
  else await reportEnd(terminal, client, experiment)
  return stateWord(experiment.state) === 'COMPLETED' ? EXIT.ok : EXIT.failed
}

export interface AwaitOptions {
  client: Client
  experimentId: number
  terminal: Terminal
  signal: AbortSignal
  /** 0: for ever */
  timeoutSeconds: number
}

/** Polls to the end. A master that was reached once and is lost is waited for; one never reached is an error. */
export async function awaitEnd({ client, experimentId, terminal, signal, timeoutSeconds }: AwaitOptions): Promise<Experiment> {
  const started = realClock.monotonicMs()
  let state = ''
  let lost = false
  for (;;) {
    try {
      const { experiment } = await client.get<{ experiment: Experiment }>(`/api/v1/experiments/${experimentId}`)
      if (hasEnded(experiment.state)) return experiment
      if (lost) terminal.note('the master is back')
      lost = false
      state = stateWord(experiment.state)
      terminal.status(`experiment ${experimentId} ${state}`)
    } catch (error) {
      if (!isUnreachable(error) || state === '') throw error
      if (!lost) terminal.note(`${error instanceof Error ? error.message : ''}; trying again`)
      lost = true
    }
    if (timeoutSeconds > 0 && realClock.monotonicMs() - started > timeoutSeconds * 1000) {
      throw new CliError(EXIT.failed, `experiment ${experimentId} is still ${state} after ${timeoutSeconds} s`, 'wait longer, or ask: drover why experiment')
    }
    await realClock.sleep(POLL_MS, signal)
    if (signal.aborted) throw new CliError(EXIT.interrupted, 'interrupted', `the experiment goes on; wait again: drover experiment wait ${experimentId}`)
  }
}
