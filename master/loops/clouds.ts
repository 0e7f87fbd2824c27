import type { Cloud } from '../cloud/door.ts'

/** EC2 by region, each opened when it is first asked: a cluster without providers never loads the SDK. */
export interface Clouds {
  of(region: string): Promise<Cloud>
  close(): Promise<void>
}

export function createClouds(open: (region: string) => Promise<Cloud>): Clouds {
  const opened = new Map<string, Promise<Cloud>>()
  return {
    of(region) {
      const found = opened.get(region)
      if (found) return found
      const made = open(region)
      opened.set(region, made)
      // one that could not be opened is opened anew by the next who asks
      made.catch(() => opened.delete(region))
      return made
    },
    async close() {
      for (const result of await Promise.allSettled(opened.values())) if (result.status === 'fulfilled') result.value.close()
    },
  }
}

/** `us-east-1a`, `us-west-2-lax-1a` -> their region; null = no zone of AWS. */
export function regionOfZone(zone: string): string | null {
  return /^[a-z]{2}(-[a-z]+)+-\d+/.exec(zone)?.[0] ?? null
}
