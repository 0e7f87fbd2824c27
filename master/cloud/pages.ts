import { CloudError } from './door.ts'

/** More pages than any account has: a token that never ends is an error of EC2, not an answer. */
const PAGES_MAX = 500

/** All pages of a listing, in order. */
export async function allPages<T>(ask: (token: string | undefined) => Promise<{ items: T[]; next: string | undefined }>): Promise<T[]> {
  const all: T[] = []
  let token: string | undefined
  for (let page = 0; page < PAGES_MAX; page += 1) {
    const { items, next } = await ask(token)
    all.push(...items)
    if (next === undefined || next === '') return all
    token = next
  }
  throw new CloudError('unavailable', 'EndlessPages', `EC2 gave ${PAGES_MAX} pages and still another one`)
}
