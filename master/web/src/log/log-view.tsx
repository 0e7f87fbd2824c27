import { Button, Text } from '@mantine/core'
import { memo, type ReactNode, type UIEvent, useLayoutEffect, useRef, useState } from 'react'
import { formatTime } from '../words/format.ts'
import type { LogLevel, LogRow, LogStore } from './log-store.ts'
import { isAtEnd, splitHits, windowOf } from './window.ts'

/** Height of each row in px: one line of text, never wrapped, so that nothing moves as lines come. As in page.css. */
const ROW_PX = 20

interface Props {
  store: LogStore
  /** makes this draw again as lines come */
  version: number
  search: string
  follow: boolean
  onFollow: (follow: boolean) => void
  tall: boolean
  empty: string
}

/** Draws only the rows in view. Follows the end until the reader scrolls up; goes on when he comes back to it. */
export function LogView({ store, version, search, follow, onFollow, tall, empty }: Props): ReactNode {
  const view = useRef<HTMLDivElement>(null)
  const trimmed = useRef(store.shownDropped)
  const [place, setPlace] = useState({ top: 0, height: 600 })
  const rows = store.shown

  useLayoutEffect(() => {
    const element = view.current
    if (element === null) return
    const gone = store.shownDropped - trimmed.current
    trimmed.current = store.shownDropped
    if (follow) element.scrollTop = element.scrollHeight
    // Rows went at the top: what is being read stays where it is.
    else if (gone > 0) element.scrollTop -= gone * ROW_PX
  }, [store, rows, version, follow])

  useLayoutEffect(() => {
    const element = view.current
    if (element === null) return
    const observer = new ResizeObserver(() => setPlace({ top: element.scrollTop, height: element.clientHeight }))
    observer.observe(element)
    return () => observer.disconnect()
  }, [])

  const scrolled = (event: UIEvent<HTMLDivElement>): void => {
    const element = event.currentTarget
    const atEnd = isAtEnd(element, ROW_PX)
    // Only a move upwards by the reader ends following; a new line makes the end move away below him.
    if (follow && !atEnd && element.scrollTop < place.top) onFollow(false)
    if (!follow && atEnd && element.scrollTop > place.top) onFollow(true)
    setPlace({ top: element.scrollTop, height: element.clientHeight })
  }

  const { first, end } = windowOf(place.top, place.height, ROW_PX, rows.length)
  return (
    <div className="log-frame">
      <div ref={view} className={tall ? 'log-view log-tall' : 'log-view'} onScroll={scrolled} tabIndex={0} role="log" aria-live="off" aria-label="Log lines">
        <div style={{ height: rows.length * ROW_PX, minWidth: `calc(${store.longest}ch + 250px)`, position: 'relative' }}>
          <div style={{ transform: `translateY(${first * ROW_PX}px)` }}>
            {rows.slice(first, end).map((row) => <Line key={row.id} row={row} search={search} />)}
          </div>
        </div>
        {rows.length === 0 ? <Text size="sm" className="quiet" p="md" style={{ position: 'absolute', top: 0 }}>{empty}</Text> : null}
      </div>
      {!follow && rows.length > 0 ? <Button className="log-end" size="compact-sm" onClick={() => onFollow(true)}>Go to the newest line</Button> : null}
    </div>
  )
}

/** INFO is the rule and goes unsaid. */
const LEVEL_MARKS: Readonly<Record<LogLevel, string>> = { TRACE: 'trace', DEBUG: 'debug', INFO: '', WARNING: 'warn', ERROR: 'ERROR', CRITICAL: 'CRIT' }

const Line = memo(function Line({ row, search }: { row: LogRow; search: string }): ReactNode {
  return (
    <div className="log-line" data-level={row.level} data-line={row.id}>
      <span className="log-number">{row.id}</span>
      <span className="log-time" title={`${formatTime(row.time, true)}, ${row.agentId}${row.stderr ? ', stderr' : ''}`}>{formatTime(row.time).slice(11)}</span>
      <span className="log-rank" title={`rank ${row.rank} on ${row.agentId}`}>r{row.rank}</span>
      <span className="log-level">{LEVEL_MARKS[row.level]}</span>
      <span className="log-text">{splitHits(row.text, search).map((part, index) => (index % 2 === 1 ? <mark key={index}>{part}</mark> : part))}</span>
    </div>
  )
})
