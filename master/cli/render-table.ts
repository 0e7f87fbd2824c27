import Table from 'cli-table3'
import { neutralName } from './neutral.ts'

const NONE = { top: '', 'top-mid': '', 'top-left': '', 'top-right': '', bottom: '', 'bottom-mid': '', 'bottom-left': '', 'bottom-right': '', left: '', 'left-mid': '', mid: '', 'mid-mid': '', right: '', 'right-mid': '', middle: '  ' }

/** Columns with two blanks between, no colours and no frame: reads well, greps well. */
export function renderTable(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const table = new Table({ head: [...head], chars: NONE, style: { head: [], border: [], compact: true, 'padding-left': 0, 'padding-right': 0 } })
  table.push(...rows.map((row) => row.map(neutralName)))
  return table
    .toString()
    .split('\n')
    .map((line) => line.trimEnd())
    .join('\n')
}
