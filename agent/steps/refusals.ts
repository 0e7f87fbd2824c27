import type { Journal } from '../journal/door.ts'
import type { Refusals } from './context.ts'

const KEY = 'refused'

/** Refused allocations have no row; they are remembered here, so that each is answered for once also over restarts. */
export function openRefusals(journal: Pick<Journal, 'getMeta' | 'setMeta'>): Refusals {
  const refused = new Set<string>(JSON.parse(journal.getMeta(KEY) ?? '[]') as string[])
  const save = (): void => journal.setMeta(KEY, JSON.stringify([...refused]))
  return {
    has: (alloc) => refused.has(alloc),
    all: () => refused,
    add: (alloc) => {
      refused.add(alloc)
      save()
    },
    keepOnly: (allocs) => {
      const gone = [...refused].filter((alloc) => !allocs.has(alloc))
      if (gone.length === 0) return
      for (const alloc of gone) refused.delete(alloc)
      save()
    },
  }
}
