import type { Invocation } from '../../cli/invocation.ts'
import type { Change, Preview } from '../aws/door.ts'
import { askPrices } from '../aws/prices.ts'
import { fixedCosts, total, type FixedCost } from '../cost.ts'
import { templateOf } from '../template.ts'
import type { StackConfig } from '../words.ts'
import { configOf, withStacks, type Options } from './context.ts'

/** What would be made, changed, replaced, deleted, and what it costs a month. Nothing is left behind. */
export async function plan(invocation: Invocation, options: Options): Promise<void> {
  const config = await configOf(invocation, options)
  await withStacks(invocation, config.region, async (stacks) => {
    const preview = await stacks.preview(config.name, templateOf(config))
    try {
      await showPlan(invocation, config, preview)
    } finally {
      await stacks.forget(config.name, preview)
    }
  })
}

export async function showPlan({ terminal, signal }: Invocation, config: StackConfig, preview: Preview): Promise<void> {
  const costs = fixedCosts(config, await askPrices(config, signal))
  if (terminal.json) return terminal.data({ name: config.name, region: config.region, new: preview.id === null, changes: preview.changes, monthly: { total: total(costs), parts: costs } })
  terminal.line(`${preview.id === null ? 'New installation' : 'Installation'} ${config.name} in ${config.region}: ${summaryOf(preview.changes)}`)
  if (preview.changes.length > 0) await terminal.table(['', 'RESOURCE', 'TYPE', 'BECAUSE OF'], preview.changes.map((one) => [one.action, one.id, one.type.replace(/^AWS::/, ''), one.because.join(', ')]))
  const lost = preview.changes.filter((one) => one.action.includes('replace') || one.action === 'delete')
  if (lost.length > 0) terminal.line(`\nReplaced or deleted: ${lost.map((one) => one.id).join(', ')}. What such a resource holds is gone with it${lost.some((one) => one.id === 'Database') ? '; the database holds all that Drover knows, back it up first: drover master backup' : ''}.`)
  terminal.line('')
  await terminal.table(['EACH MONTH, WHETHER OR NOT ANYBODY TRAINS', 'DOLLARS', ''], [...costs.map(costRow), ['sum', dollars(total(costs)), 'agents, traffic, S3 and logs are paid by use']])
}

function costRow({ what, monthly, basis }: FixedCost): string[] {
  return [what, dollars(monthly), basis]
}

function dollars(amount: number | null): string {
  return amount === null ? 'unknown' : amount.toFixed(2)
}

function summaryOf(changes: readonly Change[]): string {
  if (changes.length === 0) return 'nothing would change'
  const kinds = ['create', 'update', 'replace', 'perhaps replace', 'delete'] as const
  return kinds.flatMap((kind) => {
    const count = changes.filter((one) => one.action === kind).length
    return count === 0 ? [] : [`${count} to ${kind}`]
  }).join(', ')
}
