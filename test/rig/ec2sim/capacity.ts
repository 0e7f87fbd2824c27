/** How many instances of a (type, zone, market) may run at once; what is not set is without limit. */
export interface Capacity {
  /** null = without limit again */
  set(type: string, zone: string, market: string, size: number | null): void
  size(type: string, zone: string, market: string): number | null
  list(): { type: string; zone: string; market: string; size: number }[]
}

/** A running instance, as far as capacity goes. */
export interface Taken {
  type: string
  zone: string
  market: string
}

export interface Wish {
  type: string
  /** '' = any */
  zone: string
  market: string
  min: number
  max: number
}

export function openCapacity(): Capacity {
  const sizes = new Map<string, number>()
  const key = (...parts: string[]): string => parts.join(' ')
  return {
    set: (type, zone, market, size) => void (size === null ? sizes.delete(key(type, zone, market)) : sizes.set(key(type, zone, market), size)),
    size: (type, zone, market) => sizes.get(key(type, zone, market)) ?? null,
    list: () => [...sizes].map(([name, size]) => {
      const [type = '', zone = '', market = ''] = name.split(' ')
      return { type, zone, market, size }
    }),
  }
}

/** What EC2 grants between min and max, and where: zone '' = no matter. Null = less than min. */
export function grant(capacity: Capacity, wish: Wish, zones: readonly string[], taken: readonly Taken[]): { zone: string; count: number } | null {
  const free = (zone: string): number => {
    const size = capacity.size(wish.type, zone, wish.market)
    if (size === null) return Infinity
    return size - taken.filter((one) => one.type === wish.type && one.zone === zone && one.market === wish.market).length
  }
  const best = wish.zone === '' ? zones.toSorted((a, b) => free(b) - free(a))[0] : wish.zone
  if (best === undefined) return { zone: '', count: wish.max }
  const limited = capacity.size(wish.type, best, wish.market) !== null || zones.some((zone) => capacity.size(wish.type, zone, wish.market) !== null)
  const count = Math.min(wish.max, free(best))
  if (count < wish.min || count < 1) return null
  return { zone: limited ? best : wish.zone, count }
}
