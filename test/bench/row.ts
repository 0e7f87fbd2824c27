/** One measured row: ours and the peer's, interleaved in the same run. Printed, never asserted. */
export interface Row {
  /** begins with the row's id where an issue gives one */
  name: string
  unit: string
  ours: number[]
  peer: number[]
  peerName: string
  /** the ratio (median ours / median peer) that is aimed at; `atMost` = smaller is better */
  goal: { atMost: number } | { atLeast: number }
}

export interface Measured extends Omit<Row, 'goal'> {
  ratio: number
  goal: string
  met: boolean
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  const middle = Math.floor(sorted.length / 2)
  return sorted.length % 2 === 1 ? (sorted[middle] ?? NaN) : ((sorted[middle - 1] ?? NaN) + (sorted[middle] ?? NaN)) / 2
}

export function measured(row: Row): Measured {
  const ratio = median(row.ours) / median(row.peer)
  const met = 'atMost' in row.goal ? ratio <= row.goal.atMost : ratio >= row.goal.atLeast
  return { ...row, ratio, goal: 'atMost' in row.goal ? `<= ${row.goal.atMost}` : `>= ${row.goal.atLeast}`, met }
}

export function table(rows: readonly Measured[]): string {
  const cells = rows.map((row) => [row.name, `${round(median(row.ours))} ${row.unit}`, `${round(median(row.peer))} ${row.unit}`, row.peerName, round(row.ratio), row.goal, row.met ? 'met' : 'NOT met', `${row.ours.length}`])
  const head = ['row', 'ours (median)', 'peer (median)', 'peer', 'ratio', 'goal', '', 'runs']
  const widths = head.map((title, column) => Math.max(title.length, ...cells.map((row) => row[column]?.length ?? 0)))
  return [head, ...cells].map((row) => row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join('  ').trimEnd()).join('\n')
}

function round(value: number): string {
  return Number(value.toPrecision(4)).toString()
}
