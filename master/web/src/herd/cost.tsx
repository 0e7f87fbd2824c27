import { Group, Text, Tooltip } from '@mantine/core'
import type { ReactNode } from 'react'
import type { ApiCost } from '../../../../protocol/wire/api.ts'
import { formatDollars } from '../words/format.ts'

const PARTS = [
  ['useful', 'useful', 'teal', 'A run went on and its work was kept.'],
  ['boot', 'boot', 'cyan', 'Paid until the agent registered.'],
  ['idle', 'idle', 'yellow', 'Nothing ran on it.'],
  ['lost', 'lost', 'red', 'Work that had to be done again.'],
] as const

/** `$1.23` over a bar of where it went; the parts in words beside it, since colour is never the only sign. */
export function CostSplit({ cost }: { cost: ApiCost }): ReactNode {
  const { total } = cost
  if (total === null) return <Tooltip label="The price of an instance it used is not known: set herd prices, or ask EC2 for the type's price."><span className="quiet">unknown</span></Tooltip>
  const parts = PARTS.map(([key, label, colour, hint]) => ({ label, colour, hint, dollars: cost[key] ?? 0 })).filter((part) => part.dollars > 0)
  return (
    <div data-testid="cost">
      <Group gap="xs" wrap="nowrap">
        <span>{formatDollars(total)}</span>
        {total > 0 ? <span className="cost-bar" aria-hidden="true">{parts.map((part) => <span key={part.label} style={{ flexGrow: (part.dollars / total) * 100, background: `var(--mantine-color-${part.colour}-6)` }} />)}</span> : null}
      </Group>
      {total > 0 ? (
        <Group gap={10} className="quiet" fz={12} fw={400} style={{ rowGap: 0 }}>
          {parts.map((part) => (
            <Tooltip key={part.label} label={part.hint}>
              <span><span className="legend-swatch" style={{ background: `var(--mantine-color-${part.colour}-6)` }} /> {part.label} {formatDollars(part.dollars)}</span>
            </Tooltip>
          ))}
        </Group>
      ) : null}
    </div>
  )
}

/** One cell of a table: the sum, with its parts under the pointer. */
export function CostCell({ cost }: { cost: ApiCost }): ReactNode {
  const words = PARTS.map(([key, label]) => `${label} ${formatDollars(cost[key])}`).join(', ')
  return cost.total === null ? <span className="quiet">unknown</span> : <Tooltip label={words}><Text span size="sm" className="numbers" tabIndex={0}>{formatDollars(cost.total)}</Text></Tooltip>
}
