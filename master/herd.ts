import { openClouds } from './cloud/open.ts'
import type { BootDeps, Identities } from './boot.ts'
import { launchToken, loadLaunchKey } from './identity/launch-token.ts'
import { createBackground } from './loops/background.ts'
import { createClouds } from './loops/clouds.ts'
import type { LoopDeps } from './loops/deps.ts'
import { databaseTime, type HerdDeps } from './loops/herd-deps.ts'
import type { HerdPool } from './loops/herd-pool.ts'
import { createFacts } from './loops/scale-facts.ts'
import { startScaleLoop } from './loops/scale-loop.ts'
import { startTruthLoop } from './loops/truth-loop.ts'
import type { Wakes } from './loops/wakes.ts'
import { scale } from './scale/decide.ts'
import type { Db } from './store/db.ts'

/** What the loops of the herd need beyond those of every master; null = this master has no instances to care for. */
export interface HerdSetup {
  pools: readonly HerdPool[]
  launchToken: HerdDeps['launchToken']
}

/**
 * Only where a pool has a provider, or instances of one that is no longer configured are left. A master without them
 * loads neither the SDK nor these loops.
 */
export async function setUpHerd({ config }: Pick<BootDeps, 'config'>, db: Db, identities: Pick<Identities, 'authority'>): Promise<HerdSetup | null> {
  const pools = config.resourcePools.flatMap(({ name, provider }) => (provider === null ? [] : [{ name, provider }]))
  if (pools.length === 0 && !(await anyLeft(db))) return null
  const key = await loadLaunchKey(config.stateDir)
  return { pools, launchToken: (launch) => launchToken(key, launch, identities.authority.fingerprint) }
}

async function anyLeft(db: Db): Promise<boolean> {
  const instance = await db.selectFrom('instances').select('id').where('state', '<>', 'GONE').limit(1).executeTakeFirst()
  return instance !== undefined || (await db.selectFrom('launches').select('id').where('state', '=', 'LAUNCHING').limit(1).executeTakeFirst()) !== undefined
}

/** Starts the loops of scale and truth. `ended` resolves when they, and every call of EC2 that they began, have ended. */
export function startHerd(given: LoopDeps & BootDeps, setup: HerdSetup, wakes: Wakes): { ended: Promise<void> } {
  const { config, clusterId, log, clock, signal } = given
  const background = createBackground(log)
  const clouds = createClouds(async (region) => {
    const cloud = (await openClouds([region], { clusterId, log, clock, signal })).get(region)
    if (cloud === undefined) throw new Error(`EC2 of ${region} was not opened`)
    return cloud
  })
  const facts = createFacts({ ...given, pools: setup.pools, prices: config.herd.prices, clouds, background, onNews: () => wakes.wake('scale') })
  const deps: HerdDeps = { ...given, ...setup, herd: config.herd, background, clouds, facts, decide: scale, now: databaseTime }
  const loops = { scale: startScaleLoop(deps), truth: startTruthLoop(deps) }
  wakes.on('scale', loops.scale.wake)
  wakes.on('truth', loops.truth.wake)
  const ended = Promise.all([loops.scale.ended, loops.truth.ended]).then(() => background.settled()).then(() => clouds.close())
  return { ended }
}
