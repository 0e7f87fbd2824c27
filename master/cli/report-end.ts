import type { Client } from './client.ts'
import { CliError } from './fail.ts'
import { stateWord } from './shapes.ts'
import type { Experiment, Why } from './shapes.ts'
import type { Terminal } from './terminal.ts'
import { whyLines } from './why-lines.ts'

/** The last words of a followed or awaited experiment: its state and, unless all is well, the reason. */
export async function reportEnd(terminal: Terminal, client: Client, experiment: Experiment): Promise<void> {
  const state = stateWord(experiment.state)
  const reason = experiment.drover?.stateReason ?? ''
  terminal.line(`experiment ${experiment.id} ${state}${reason === '' ? '' : `: ${reason}`}`)
  if (state === 'COMPLETED') return
  try {
    const [summary = ''] = whyLines(await client.get<Why>(`/api/v1/drover/why/experiments/${experiment.id}`))
    if (summary !== '' && (reason === '' || !summary.includes(reason))) terminal.line(`  ${summary}`)
  } catch (error) {
    // the state is told; only the reason could not be had
    terminal.note(`the reason could not be had: ${error instanceof CliError ? error.message : String(error)}`)
  }
}
