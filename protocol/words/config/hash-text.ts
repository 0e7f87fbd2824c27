/** 53 bits of a fast, well-mixed, non-cryptographic hash: for names and seeds derived from a text, never for identity. */
export function hashText(text: string): number {
  let a = 0xdeadbeef
  let b = 0x41c6ce57
  for (let i = 0; i < text.length; i += 1) {
    const c = text.charCodeAt(i)
    a = Math.imul(a ^ c, 2654435761)
    b = Math.imul(b ^ c, 1597334677)
  }
  a = Math.imul(a ^ (a >>> 16), 2246822507) ^ Math.imul(b ^ (b >>> 13), 3266489909)
  b = Math.imul(b ^ (b >>> 16), 2246822507) ^ Math.imul(a ^ (a >>> 13), 3266489909)
  return 4294967296 * (2097151 & b) + (a >>> 0)
}

const FIRST = ['amber', 'brave', 'calm', 'dapper', 'eager', 'fleet', 'gentle', 'hardy', 'ivory', 'jolly', 'keen', 'lively', 'mellow', 'noble', 'plucky', 'quiet', 'rapid', 'silver', 'tidy', 'upbeat', 'vivid', 'warm', 'young', 'zesty'] as const
const SECOND = ['alpine', 'autumn', 'coastal', 'dawn', 'desert', 'forest', 'frost', 'golden', 'hill', 'lunar', 'marsh', 'meadow', 'misty', 'northern', 'prairie', 'river', 'rocky', 'southern', 'spring', 'summer', 'valley', 'western', 'wild', 'winter'] as const
const THIRD = ['badger', 'bison', 'collie', 'crane', 'deer', 'falcon', 'finch', 'fox', 'goose', 'heron', 'horse', 'ibex', 'lark', 'lynx', 'marten', 'moose', 'otter', 'owl', 'raven', 'sheep', 'stork', 'swift', 'wren', 'yak'] as const

/** Three words that depend on nothing but the hash: the name of an experiment that was given none. */
export function wordsOf(hash: number): string {
  const first = FIRST[hash % FIRST.length] ?? FIRST[0]
  const second = SECOND[Math.floor(hash / 2 ** 12) % SECOND.length] ?? SECOND[0]
  const third = THIRD[Math.floor(hash / 2 ** 24) % THIRD.length] ?? THIRD[0]
  return `${first}-${second}-${third}`
}

/** 31 bits, as the seed of a random generator. */
export function seedOf(hash: number): number {
  return hash % 2 ** 31
}
