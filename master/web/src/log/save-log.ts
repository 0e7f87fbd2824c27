import { formatTime } from '../words/format.ts'
import type { LogRow } from './log-store.ts'

/** Gives the shown lines to the browser as a text file. */
export function saveLog(rows: readonly LogRow[], name: string): void {
  const text = rows.map((row) => `${formatTime(row.time, true)} [rank ${row.rank}] ${row.level} ${row.text}\n`)
  const url = URL.createObjectURL(new Blob(text, { type: 'text/plain' }))
  const link = document.createElement('a')
  link.href = url
  link.download = name
  link.click()
  // The browser has taken the bytes by the time the next task runs.
  setTimeout(() => URL.revokeObjectURL(url), 10_000)
}
