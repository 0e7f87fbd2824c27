import type { Client } from './client.ts'
import { CliError } from './fail.ts'
import { stateWord } from './shapes.ts'
import type { Experiment } from './shapes.ts'
import type { Terminal } from './terminal.ts'
import { whyLines } from './why-lines.ts'

/** The last words of a followed or awaited experiment: its state and, unless all is well, the reason. */
export async function reportEnd(terminal: Terminal, client: Client, experiment: Experiment): Promise<void> {
  const state = stateWord(experiment.state)
  terminal.line(`experiment ${experiment.id} ${state}${experiment.stateReason ? `: ${experiment.stateReason}` : ''}`)
  if (state === 'COMPLETED' || experiment.stateReason) return
  try {
    for (const line of whyLines(await client.get<unknown>(`/api/v1/drover/why/experiments/${experiment.id}`))) terminal.line(`  ${line}`)
  } catch (error) {
    // the state is told; only the reason could not be had
    terminal.note(`the reason could not be had: ${error instanceof CliError ? error.message : String(error)}`)
  }
}
