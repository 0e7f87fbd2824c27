import { sql } from 'kysely'
import type { Market } from '../../protocol/words/instances.ts'
import { cleanText } from '../store/clean.ts'
import type { Tx } from '../store/leader.ts'
import type { Refusal } from './cloud-words.ts'
import { plusMs, providerOf, type HerdDeps } from './herd-deps.ts'

const DAY_MS = 86_400_000
/** Two calls of a pool are so much further apart than they must be: a pass may come a sweep late. */
const SWEEP_MS = 1_000

/** An offer that EC2 refused, as its launch names it. */
export interface RefusedOffer {
  pool: string
  type: string
  zone: string
  market: Market
}

/**
 * Remembers what EC2 refused, as wide as the refusal reaches: no capacity and too low a bid hold for (type, zone,
 * market); a quota, a missing permission and wrong parameters for (type, every zone, market); a type that a zone does
 * not have for both markets, a day long; the others for dry_period, or a round of the pool's offers where that is longer. Returns what comes next, in words.
 */
export async function markDry(tx: Tx, deps: HerdDeps, offer: RefusedOffer, refusal: Refusal): Promise<string> {
  const local = refusal.kind === 'capacity' || refusal.kind === 'price'
  const unsupported = refusal.kind === 'unsupported'
  const zone = local || unsupported ? offer.zone : ''
  const ms = unsupported ? DAY_MS : Math.max(deps.herd.dryMs, roundMs(deps, offer.pool))
  for (const market of unsupported ? (['on-demand', 'spot'] as const) : [offer.market]) {
    await tx.insertInto('dry_marks').values({ pool: offer.pool, type: offer.type, zone, market, until: sql<Date>`${plusMs(deps.now(), ms)}`, kind: refusal.kind, code: refusal.code, text: cleanText(refusal.text) })
      .onConflict((conflict) => conflict.columns(['pool', 'type', 'zone', 'market']).doUpdateSet((excluded) => ({
        until: excluded.ref('excluded.until'), kind: excluded.ref('excluded.kind'), code: excluded.ref('excluded.code'), text: excluded.ref('excluded.text'),
      }))).execute()
  }
  const what = `${offer.type} in ${zone === '' ? 'every zone' : zone}${unsupported ? '' : `, ${offer.market},`}`
  return `${what} is left alone for ${unsupported ? '24 hours' : `${Math.round(ms / 1000)} s`}, the pool's other offers are tried`
}

/** So long it takes until every offer of the pool was asked for once: a mark that is over sooner keeps those at the end of the list from their turn. */
function roundMs({ facts, herd, pools }: HerdDeps, pool: string): number {
  const policy = providerOf({ pools }, pool)?.policy
  const places = facts.of(pool)?.places.length ?? 0
  return (policy?.instanceTypes.length ?? 0) * places * (policy?.market === 'spot-then-on-demand' ? 2 : 1) * (herd.callMs + SWEEP_MS)
}
