import { CloudError } from './door.ts'

/** EC2 answers for so many ids in one request without paging. */
const IDS_MAX = 200

/**
 * Asks for ids where one that EC2 does not know fails the whole request: those it names are left out and the rest is
 * asked again, so that each is answered for. Where it names none of them the ids are halved.
 */
export async function askKnown<T>(ids: readonly string[], ask: (ids: readonly string[]) => Promise<T[]>): Promise<T[]> {
  const answers: T[] = []
  const waiting: (readonly string[])[] = Array.from({ length: Math.ceil(ids.length / IDS_MAX) }, (_, index) => ids.slice(index * IDS_MAX, (index + 1) * IDS_MAX))
  for (let some = waiting.shift(); some !== undefined; some = waiting.shift()) {
    try {
      answers.push(...(await ask(some)))
    } catch (error) {
      if (!(error instanceof CloudError) || error.kind !== 'not-found') throw error
      waiting.push(...without(some, error.message))
    }
  }
  return answers
}

function without(ids: readonly string[], message: string): (readonly string[])[] {
  if (ids.length <= 1) return []
  const named = new Set(message.match(/[\w-]+/g))
  const rest = ids.filter((id) => !named.has(id))
  if (rest.length < ids.length) return rest.length === 0 ? [] : [rest]
  const half = Math.ceil(ids.length / 2)
  return [ids.slice(0, half), ids.slice(half)]
}
