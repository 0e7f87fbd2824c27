import type { Client } from '../client.ts'
import { CliError, EXIT } from '../fail.ts'
import { followExperiment } from '../follow-experiment.ts'
import { sizeText } from '../format.ts'
import type { Invocation } from '../invocation.ts'
import { loadConfig } from '../load-config.ts'
import type { CheckedConfig } from '../load-config.ts'
import { packContext } from '../pack-context.ts'
import { stateWord } from '../shapes.ts'
import type { Experiment } from '../shapes.ts'
import { reportEnd } from '../report-end.ts'
import { awaitEnd } from './wait-experiment.ts'

export interface CreateOptions {
  config: string
  dir: string | null
  follow: boolean
  wait: boolean
  paused: boolean
  overrides: string[]
}

interface Created {
  experiment: Experiment
  /** Determined's enum; `drover.warnings` says them in words */
  warnings?: string[]
  drover?: { warnings?: { path: string; message: string }[] }
}

/** Up to 127 MiB of JSON go up in one request. */
const UPLOAD_TIMEOUT_MS = 600_000

export async function createExperiment(invocation: Invocation, options: CreateOptions): Promise<number> {
  const { terminal } = invocation
  const checked = await loadConfig([options.config], options.overrides)
  refuseMistakes(invocation, options.config, checked)
  const context = options.dir === null ? null : await packContext(options.dir)
  if (context !== null) terminal.note(`sending ${options.dir}: ${context.files} file${context.files === 1 ? '' : 's'}, ${sizeText(context.size)} (${sizeText(context.bytes.length)} packed)`)
  const client = await invocation.client()
  const created = await client.post<Created>('/api/v1/experiments', {
    config: checked.text, activate: !options.paused, ...(context === null ? {} : { contextTgz: context.bytes.toString('base64') }),
  }, UPLOAD_TIMEOUT_MS)
  return report(invocation, client, created, options, new Set(checked.warnings.map(({ path, message }) => `${path}: ${message}`)))
}

function refuseMistakes({ terminal }: Invocation, file: string, checked: CheckedConfig): void {
  for (const { path, message } of checked.warnings) terminal.note(`warning: ${path}: ${message}`)
  if (checked.ok) return
  for (const { path, message } of checked.errors) terminal.note(`error: ${path === '' ? '' : `${path}: `}${message}`)
  throw new CliError(EXIT.failed, `${file} has ${checked.errors.length} mistake${checked.errors.length === 1 ? '' : 's'}; nothing was submitted`, 'mend what is named above; drover config check tries it without a master')
}

async function report(invocation: Invocation, client: Client, { experiment, warnings = [], drover }: Created, options: CreateOptions, known: ReadonlySet<string>): Promise<number> {
  const { terminal, signal } = invocation
  const said = (drover?.warnings ?? []).map(({ path, message }) => `${path === '' ? '' : `${path}: `}${message}`)
  for (const warning of said.length > 0 ? said : warnings) {
    if (!known.has(warning)) terminal.note(`warning: ${warning === 'LAUNCH_WARNING_CURRENT_SLOTS_EXCEEDED' ? 'the pool has fewer slots now than this needs' : warning}`)
  }
  const done = `created experiment ${experiment.id} (${experiment.name})${options.paused ? ', paused' : ''}`
  if (!options.follow && !options.wait) {
    if (terminal.json) terminal.data({ experiment, warnings })
    else terminal.line(done)
    return EXIT.ok
  }
  const log = terminal.json ? terminal.note : terminal.line
  log(done)
  const end = options.follow
    ? await followExperiment({ client, experimentId: experiment.id, out: { line: log, status: terminal.status }, signal })
    : await awaitEnd({ client, experimentId: experiment.id, terminal, signal, timeoutSeconds: 0 })
  if (terminal.json) terminal.data({ experiment: end, warnings })
  else await reportEnd(terminal, client, end)
  return stateWord(end.state) === 'COMPLETED' ? EXIT.ok : EXIT.failed
}
