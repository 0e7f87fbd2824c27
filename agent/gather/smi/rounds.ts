import { cellsOf, nameOf } from './csv.ts'

/** Reads what `nvidia-smi --query-gpu=index,count,... --format=csv -l <s>` writes, line by line, into rounds. */
export interface Rounds {
  header: string | null
  rows: string[]
  /** lines between that are no row: errors of the driver */
  notes: string[]
  last: number
}

export const NO_ROUNDS: Rounds = { header: null, rows: [], notes: [], last: -1 }

export interface Step {
  rounds: Rounds
  /** the text of a whole round: header, rows, notes */
  done: string | null
}

/** A round is whole when every GPU that the driver counts has its row, or when the next one begins. */
export function takeLine(rounds: Rounds, line: string): Step {
  const cells = cellsOf(line, true)
  if (rounds.header === null) return { rounds: { ...rounds, header: line.includes('index') ? line : null, notes: line.includes('index') ? rounds.notes : [...rounds.notes, line].slice(-20) }, done: null }
  const names = cellsOf(rounds.header, true).map(nameOf)
  const index = Number(cells[names.indexOf('index')])
  if (cells.length !== names.length || !Number.isSafeInteger(index)) return { rounds: { ...rounds, notes: [...rounds.notes, line].slice(-20) }, done: null }
  if (index <= rounds.last && rounds.rows.length > 0) return { rounds: { header: rounds.header, rows: [line], notes: [], last: index }, done: textOfRound(rounds) }
  const grown = { ...rounds, rows: [...rounds.rows, line].slice(-1024), last: index }
  const count = Number(cells[names.indexOf('count')])
  if (grown.rows.length !== count) return { rounds: grown, done: null }
  return { rounds: { header: rounds.header, rows: [], notes: [], last: -1 }, done: textOfRound(grown) }
}

/** What stands when nothing more comes: a round whose missing rows are explained by an error between them. */
export function endRound(rounds: Rounds): Step {
  if (rounds.header === null || rounds.rows.length === 0 || rounds.notes.length === 0) return { rounds, done: null }
  return { rounds: { header: rounds.header, rows: [], notes: [], last: -1 }, done: textOfRound(rounds) }
}

function textOfRound(rounds: Rounds): string {
  return `${[rounds.header ?? '', ...rounds.rows, ...rounds.notes].join('\n')}\n`
}
