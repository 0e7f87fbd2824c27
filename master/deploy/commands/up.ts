import { CliError, EXIT } from '../../cli/fail.ts'
import type { Invocation } from '../../cli/invocation.ts'
import { followStack } from '../follow.ts'
import type { Failure } from '../reasons.ts'
import { templateOf } from '../template.ts'
import { agree } from './agree.ts'
import { configOf, withStacks, type Options } from './context.ts'
import { showPlan } from './plan.ts'

/** Makes the installation, or changes the one there is to what the configuration says. Run again, it changes nothing. */
export async function up(invocation: Invocation, options: Options): Promise<void> {
  const { terminal, signal } = invocation
  const config = await configOf(invocation, options)
  await withStacks(invocation, config.region, async (stacks) => {
    const preview = await stacks.preview(config.name, templateOf(config))
    if (!terminal.json) await showPlan(invocation, config, preview)
    if (preview.changes.length === 0 && preview.id !== null) await stacks.forget(config.name, preview)
    else {
      if (!(await agree(invocation, options, preview.id === null ? 'Make it?' : 'Change it?'))) {
        await stacks.forget(config.name, preview)
        throw new CliError(EXIT.failed, 'nothing was changed', 'answer y, or give --yes')
      }
      const since = new Date(Date.now() - 1_000)
      await stacks.apply(config.name, preview)
      const { ending, status, failures } = await followStack(stacks, config.name, since, { say: (text) => terminal.note(text), signal })
      if (ending !== 'done') throw new CliError(EXIT.failed, `the installation ended as ${status}${toldOf(failures)}`, curesOf(failures))
    }
    const outputs = (await stacks.find(config.name))?.outputs ?? {}
    if (terminal.json) return terminal.data({ name: config.name, region: config.region, changes: preview.changes, outputs })
    terminal.line(`\n${config.name} stands. WebUI and API: ${outputs['Address'] ?? 'unknown'}\nCheckpoints: s3://${outputs['Bucket'] ?? 'unknown'}`)
    terminal.line(`Next: drover deploy aws status --name ${config.name} --region ${config.region}`)
  })
}

export function toldOf(failures: readonly Failure[]): string {
  return failures.map((one) => `\n  ${one.resource} (${one.type}): ${one.reason}`).join('')
}

export function curesOf(failures: readonly Failure[]): string {
  const cures = [...new Set(failures.flatMap((one) => one.cure ?? []))]
  return cures.length > 0 ? cures.join('\n  ') : 'the words are those of AWS; mend what they name, then run the command again'
}
