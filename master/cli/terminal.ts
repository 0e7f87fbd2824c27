import { neutralJson, neutralText } from './neutral.ts'

/** Where a command writes. `line` is its output; `status` one line that changes on a terminal; `note` is for people only. */
export interface Terminal {
  readonly json: boolean
  line(text: string): void
  status(text: string): void
  note(text: string): void
  /** one JSON document; `compact` puts it on one line */
  data(value: unknown, compact?: boolean): void
  /** rows under a head; cells are made safe here */
  table(head: readonly string[], rows: readonly (readonly string[])[]): Promise<void>
  /** takes the status line away */
  close(): void
}

export interface TerminalOptions {
  stdout: NodeJS.WriteStream
  stderr: NodeJS.WriteStream
  json: boolean
  /** false where the terminal cannot erase a line */
  capable: boolean
  nowMs: () => number
}

/** Without a terminal the status is written as a plain line, at most this often. */
const PLAIN_STATUS_MS = 10_000

export function createTerminal({ stdout, stderr, json, capable, nowMs }: TerminalOptions): Terminal {
  const live = capable && stderr.isTTY === true
  let shown = ''
  let plainAt = nowMs()

  function erase(): void {
    if (live && shown !== '') stderr.write('\r\u001b[2K')
  }

  function draw(): void {
    if (live && shown !== '') stderr.write(shown.slice(0, Math.max(20, (stderr.columns || 80) - 1)))
  }

  function write(stream: NodeJS.WriteStream, text: string): void {
    erase()
    stream.write(`${text}\n`)
    draw()
  }

  return {
    json,
    line: (text) => write(stdout, neutralText(text)),
    note: (text) => write(stderr, neutralText(text)),
    data: (value, compact = false) => write(stdout, neutralJson(value, compact ? 0 : 2)),
    async table(head, rows) {
      const { renderTable } = await import('./render-table.ts')
      write(stdout, renderTable(head, rows))
    },
    status(text) {
      const clean = neutralText(text).replace(/[\t\n]/g, ' ')
      if (clean === shown) return
      erase()
      const changed = clean !== ''
      shown = clean
      if (live) return draw()
      if (!changed || nowMs() - plainAt < PLAIN_STATUS_MS) return
      plainAt = nowMs()
      stderr.write(`${clean}\n`)
    },
    close() {
      erase()
      shown = ''
    },
  }
}
