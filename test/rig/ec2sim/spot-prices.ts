import { filtersOf, listAt, passes, type Form } from './form.ts'
import { xml, type Xml } from './xml.ts'

export interface SpotPrice {
  type: string
  zone: string
  perHour: number
  /** from when it holds */
  at: Date
  product: string
}

export interface SpotPrices {
  add(price: { type: string; zone: string; perHour: number; at?: Date; product?: string }): void
  clear(): void
  /** The lowest a spot instance costs there now; zone '' = in any. Null = not known. */
  current(type: string, zone: string): number | null
  history(): readonly SpotPrice[]
}

const PRODUCT = 'Linux/UNIX'

export function openSpotPrices(wallMs: () => number): SpotPrices {
  let history: SpotPrice[] = []
  return {
    add: ({ at = new Date(wallMs()), product = PRODUCT, ...price }) => void history.push({ ...price, at, product }),
    clear: () => void (history = []),
    current(type, zone) {
      const newest = new Map<string, SpotPrice>()
      for (const price of history.toSorted((a, b) => a.at.getTime() - b.at.getTime())) {
        if (price.type === type && (zone === '' || price.zone === zone) && price.product === PRODUCT && price.at.getTime() <= wallMs()) newest.set(price.zone, price)
      }
      return newest.size === 0 ? null : Math.min(...[...newest.values()].map((price) => price.perHour))
    },
    history: () => history,
  }
}

/** What DescribeSpotPriceHistory is asked for, newest first: all that changed in the time asked for, and what held at its start. */
export function askedPrices(form: Form, history: readonly SpotPrice[], wallMs: number): SpotPrice[] {
  const time = (name: string, fallback: number): number => (form.entries.has(name) ? Date.parse(form.entries.get(name) ?? '') : fallback)
  const from = time('StartTime', -Infinity)
  const to = time('EndTime', wallMs)
  const wanted = history.filter((price) => price.at.getTime() <= to && isWanted(form, price))
  const heldAtStart = new Map<string, SpotPrice>()
  for (const price of wanted.toSorted((a, b) => a.at.getTime() - b.at.getTime())) if (price.at.getTime() <= from) heldAtStart.set(`${price.type} ${price.zone} ${price.product}`, price)
  return wanted
    .filter((price) => price.at.getTime() > from || [...heldAtStart.values()].includes(price))
    .toSorted((a, b) => b.at.getTime() - a.at.getTime())
}

function isWanted(form: Form, price: SpotPrice): boolean {
  const told: Record<string, string> = { 'instance-type': price.type, 'availability-zone': price.zone, 'product-description': price.product, 'spot-price': price.perHour.toFixed(6) }
  const types = listAt(form, 'InstanceType')
  const products = listAt(form, 'ProductDescription')
  const zone = form.entries.get('AvailabilityZone')
  return (
    (types.length === 0 || types.includes(price.type)) &&
    (products.length === 0 || products.includes(price.product)) &&
    (zone === undefined || zone === price.zone) &&
    filtersOf(form).every((filter) => passes(filter, told[filter.name] ?? ''))
  )
}

export function priceXml(price: SpotPrice): Xml {
  return xml('item', [
    xml('instanceType', price.type), xml('productDescription', price.product), xml('spotPrice', price.perHour.toFixed(6)),
    xml('timestamp', price.at.toISOString()), xml('availabilityZone', price.zone),
  ])
}
