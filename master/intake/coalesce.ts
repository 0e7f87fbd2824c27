/**
 * Contentless messages of one subject say nothing more when they come twice: the first goes at once, those of the next `ms` milliseconds
 * as one at their end.
 */
export function coalesce(publish: (subject: string) => void, ms: number): (subject: string) => void {
  const said = new Map<string, { again: boolean }>()

  function say(subject: string): void {
    const state = { again: false }
    said.set(subject, state)
    publish(subject)
    setTimeout(() => {
      said.delete(subject)
      if (state.again) say(subject)
    }, ms).unref()
  }

  return (subject) => {
    const state = said.get(subject)
    if (state === undefined) say(subject)
    else state.again = true
  }
}
