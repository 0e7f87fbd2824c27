/** Rows of equal height: which of them are to be drawn. */
interface RowWindow {
  first: number
  /** one past the last */
  end: number
}

/** Rows drawn beyond each edge, so that a quick scroll shows no gap. */
const OVERSCAN = 20

export function windowOf(scrollTop: number, viewHeight: number, rowHeight: number, count: number): RowWindow {
  // When rows go, the browser moves the view up only after this was drawn: it is foreseen, so that nothing blinks.
  const top = Math.max(0, Math.min(scrollTop, count * rowHeight - viewHeight))
  const first = Math.floor(top / rowHeight) - OVERSCAN
  const end = Math.ceil((top + viewHeight) / rowHeight) + OVERSCAN
  return { first: Math.max(0, Math.min(first, count)), end: Math.max(0, Math.min(end, count)) }
}

/** Whether the view stands at the end, give or take a row: then it follows. */
export function isAtEnd(view: { scrollTop: number; clientHeight: number; scrollHeight: number }, rowHeight: number): boolean {
  return view.scrollTop + view.clientHeight >= view.scrollHeight - rowHeight
}

/** Cuts a text at each occurrence of `search` (lower case): odd parts are the hits. */
export function splitHits(text: string, search: string): string[] {
  if (search === '') return [text]
  const parts: string[] = []
  const lower = text.toLowerCase()
  // Some letters change length when lowered (İ): then places do not agree, and no mark is better than a wrong one.
  if (lower.length !== text.length) return [text]
  let from = 0
  for (let hit = lower.indexOf(search); hit !== -1; hit = lower.indexOf(search, from)) {
    parts.push(text.slice(from, hit), text.slice(hit, hit + search.length))
    from = hit + search.length
  }
  parts.push(text.slice(from))
  return parts
}
