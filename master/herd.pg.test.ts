import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { readConfig } from './config.ts'
import { setUpHerd } from './herd.ts'
import { loadAuthority } from './identity/authority.ts'
import { provider } from './loops/herd-rig.ts'
import { freshDb, PG_ADMIN_URL, type FreshDb } from './store/fresh-db.ts'

describe.skipIf(!PG_ADMIN_URL)('whether a master has a herd', () => {
  let fresh: FreshDb
  let stateDir = ''
  beforeAll(async () => {
    fresh = await freshDb()
    stateDir = await mkdtemp(join(tmpdir(), 'drover-herd-'))
  })
  afterAll(async () => {
    await fresh.drop()
    await rm(stateDir, { recursive: true })
  })

  test('none without providers; one with; one for the instances that a former configuration left', async () => {
    const plain = readConfig('', { DROVER_STATE_DIR: stateDir, DROVER_DB_URL: fresh.url, DROVER_NATS_URL: 'nats://127.0.0.1:4222', DROVER_BUCKET: 'file:///tmp/b' }, 1)
    const identities = { authority: await loadAuthority(stateDir, Date.now()) }
    expect(await setUpHerd({ config: plain }, fresh.db, identities)).toBeNull()
    expect(await readdir(stateDir)).not.toContain('launch-key')
    const config = { ...plain, resourcePools: [...plain.resourcePools, { name: 'gpu', description: '', provider: provider() }] }
    const setup = await setUpHerd({ config }, fresh.db, identities)
    expect(setup?.pools.map((pool) => pool.name)).toEqual(['gpu'])
    expect(setup?.launchToken('l1')).toEqual((await setUpHerd({ config }, fresh.db, identities))?.launchToken('l1'))
    expect(setup?.launchToken('l1').token).toMatch(new RegExp(`\\.${identities.authority.fingerprint}$`))
    await fresh.db.insertInto('launches').values({ id: 'l1', pool: 'gpu', type: 't', zone: 'us-east-1a', subnet: null, market: 'spot', gang: false, count: 1, slots: 1, per_hour: null, state: 'LAUNCHING', error_kind: null }).execute()
    expect(await setUpHerd({ config: plain }, fresh.db, identities)).toMatchObject({ pools: [] })
    await fresh.db.updateTable('launches').set({ state: 'DONE' }).execute()
    expect(await setUpHerd({ config: plain }, fresh.db, identities)).toBeNull()
  })
})
