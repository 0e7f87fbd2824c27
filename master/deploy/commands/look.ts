import { CliError, EXIT } from '../../cli/fail.ts'
import type { Invocation } from '../../cli/invocation.ts'
import { failuresOf } from '../reasons.ts'
import { templateOf } from '../template.ts'
import { configOf, placeOf, withStacks, type Options } from './context.ts'
import { curesOf, toldOf } from './up.ts'

const DAY_MS = 86_400_000

/** The installations of a region. */
export async function list(invocation: Invocation, options: Options): Promise<void> {
  const { region } = placeOf(invocation, options)
  const { terminal } = invocation
  await withStacks(invocation, region, async (stacks) => {
    const all = await stacks.list()
    if (terminal.json) return terminal.data(all)
    await terminal.table(['NAME', 'STATUS', 'MADE', 'ADDRESS'], all.map((one) => [one.name, one.status, one.createdAt.toISOString().slice(0, 10), one.outputs['Address'] ?? '']))
  })
}

/** How one installation stands: the stack, its machines, whether the master answers. */
export async function status(invocation: Invocation, options: Options): Promise<number> {
  const { name, region } = placeOf(invocation, options)
  const { terminal, signal } = invocation
  return withStacks(invocation, region, async (stacks) => {
    const stack = await stacks.find(name)
    if (stack === null) throw new CliError(EXIT.failed, `there is no installation ${name} in ${region}`, 'drover deploy aws list shows those there are; drover deploy aws up makes one')
    const { openMachines } = await import('../aws/herd.ts')
    const machines = await openMachines({ region, signal }).living(name)
    const failures = failuresOf(await stacks.events(name, new Date(Date.now() - DAY_MS)))
    const bad = /ROLLBACK|FAILED/.test(stack.status)
    if (terminal.json) {
      terminal.data({ ...stack, machines, failures })
      return bad ? EXIT.failed : EXIT.ok
    }
    terminal.line(`${name} in ${region}: ${stack.status}${stack.reason === '' ? '' : ` (${stack.reason})`}`)
    for (const [key, value] of Object.entries(stack.outputs)) terminal.line(`  ${key.padEnd(20)} ${value}`)
    terminal.line('')
    await terminal.table(['MACHINE', 'TYPE', 'STATE', 'NAME'], machines.map((one) => [one.id, one.type, one.state, one.name]))
    if (bad) terminal.line(`${toldOf(failures).trim()}\n  ${curesOf(failures)}`)
    return bad ? EXIT.failed : EXIT.ok
  })
}

/** Without AWS: the template that `up` would use, as JSON. */
export async function printTemplate(invocation: Invocation, options: Options): Promise<void> {
  invocation.terminal.data(templateOf(await configOf(invocation, options)))
}
