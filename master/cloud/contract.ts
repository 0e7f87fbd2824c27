import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Cloud, CloudInstance, CloudLaunch, LaunchSettings } from './door.ts'

export interface CloudUnderTest {
  cloud: Cloud
  /** a door with another cluster's tag */
  other: Cloud
  /** an image with an EBS root volume */
  imageId: string
}

/** What a stand-in is known not to do as EC2 does. */
export type Lack = 'one token, one launch' | 'ending twice'

/** A launch of one g5.xlarge, with a token of its own. */
export function testLaunch(place: CloudLaunch['place'], imageId: string, changes: Partial<CloudLaunch> = {}): CloudLaunch {
  const settings: LaunchSettings = {
    imageId, placementGroup: null, efa: false, instanceProfile: null, securityGroups: [], publicIp: true, keyName: null, rootVolumeGib: 100, rootVolumeThroughput: 250, instanceName: 'drover-gpu', tags: [],
  }
  return { token: `test-${randomUUID()}`, pool: 'gpu', type: 'g5.xlarge', place, market: 'on-demand', spotMaxPrice: null, min: 1, max: 1, userData: '#!/bin/sh\n', settings, ...changes }
}

/** What every EC2 must do; run by the test of each stand-in. `open` gives doors to a region where neither cluster has instances. */
export function cloudContract(name: string, open: () => Promise<CloudUnderTest>, lacks: readonly Lack[] = []): void {
  describe(`${name} keeps the cloud contract`, () => {
    let given: CloudUnderTest
    let cloud: Cloud
    beforeAll(async () => {
      given = await open()
      cloud = given.cloud
    })
    afterAll(async () => {
      for (const door of [given.cloud, given.other]) {
        await door.terminate((await door.list()).filter(({ state }) => state !== 'terminated').map(({ id }) => id))
        door.close()
      }
    })

    async function launch(changes: Partial<CloudLaunch> = {}, door = cloud): Promise<{ launch: CloudLaunch; made: CloudInstance[] }> {
      const [place] = await door.places([])
      if (!place) throw new Error('the region has no default subnet')
      const intent = testLaunch(place, given.imageId, changes)
      return { launch: intent, made: await door.launch(intent) }
    }
    const idsOf = (instances: readonly CloudInstance[]): string[] => instances.map(({ id }) => id).sort()
    const unknown = ['i-00000000000000001', 'i-00000000000000002']

    test('types: GPUs and vCPUs as EC2 counts them, in the order asked; unknown ones are absent', async () => {
      expect(await cloud.types(['g5.12xlarge', 'no.such', 'm5.large', 'g4dn.xlarge'])).toEqual([
        { type: 'g5.12xlarge', gpus: 4, vcpus: 48 }, { type: 'm5.large', gpus: 0, vcpus: 2 }, { type: 'g4dn.xlarge', gpus: 1, vcpus: 4 },
      ])
      expect(await cloud.types([])).toEqual([])
    })

    test('places: one a zone by default, else the named subnets in their order; an unknown one is a mistake of parameters', async () => {
      const all = await cloud.places([])
      expect(all.length).toBeGreaterThan(1)
      expect(new Set(all.map(({ zone }) => zone)).size).toBe(all.length)
      const backwards = all.toReversed()
      expect(await cloud.places(backwards.flatMap(({ subnet }) => subnet ?? []))).toEqual(backwards)
      await expect(cloud.places(['subnet-00000000000000001'])).rejects.toMatchObject({ name: 'CloudError', kind: 'parameters', code: 'InvalidSubnetID.NotFound' })
    })

    test('a launch is listed and described with its token, pool, type, zone and market', async () => {
      const [, place] = await cloud.places([])
      const { launch: intent, made } = await launch({ min: 2, max: 2, ...(place ? { place } : {}) })
      expect(made).toHaveLength(2)
      const facts = { launch: intent.token, pool: 'gpu', type: 'g5.xlarge', zone: intent.place.zone, market: 'on-demand' }
      for (const instance of made) expect(instance).toMatchObject({ ...facts, state: expect.stringMatching(/^(pending|running)$/) })
      const listed = (await cloud.list()).filter((one) => one.launch === intent.token)
      expect(idsOf(listed)).toEqual(idsOf(made))
      for (const instance of [...listed, ...(await cloud.describe(idsOf(made)))]) expect(instance).toMatchObject(facts)
      expect(Math.abs(Date.now() - (made[0]?.launchedAt.getTime() ?? 0))).toBeLessThan(60_000)
    })

    test('spot instances say that they are', async () => {
      const { made } = await launch({ market: 'spot', spotMaxPrice: 0.5 })
      expect(made.map(({ market }) => market)).toEqual(['spot'])
      expect((await cloud.describe(idsOf(made))).map(({ market }) => market)).toEqual(['spot'])
    })

    test('the list ends at the own cluster', async () => {
      const { made } = await launch({}, given.other)
      expect(idsOf(await given.other.list())).toEqual(idsOf(made))
      expect((await cloud.list()).some(({ id }) => made.some((one) => one.id === id))).toBe(false)
    })

    test('ids that EC2 does not know are absent, however many', async () => {
      const { made } = await launch()
      expect(idsOf(await cloud.describe([...unknown, ...idsOf(made), 'no-id']))).toEqual(idsOf(made))
      expect(await cloud.describe(unknown)).toEqual([])
      expect(await cloud.describe([])).toEqual([])
    })

    test('what is ended is told as ended, with a reason; unknown ids count as ended', async () => {
      const { made } = await launch({ min: 2, max: 2 })
      await cloud.terminate([unknown[0] ?? '', ...idsOf(made), 'no-id'])
      await cloud.terminate(unknown)
      await cloud.terminate([])
      const ended = (await cloud.list()).filter(({ id }) => made.some((one) => one.id === id))
      expect(ended).toHaveLength(2)
      for (const instance of ended) expect(instance).toMatchObject({ state: expect.stringMatching(/^(shutting-down|terminated)$/), stateReason: expect.stringContaining('UserInitiatedShutdown') })
    })

    test.skipIf(lacks.includes('ending twice'))('ending twice is nothing', async () => {
      const { made } = await launch()
      await cloud.terminate(idsOf(made))
      await cloud.terminate(idsOf(made))
    })

    test.skipIf(lacks.includes('one token, one launch'))('the same token gives the same instances; with other parameters it is a mistake', async () => {
      const { launch: intent, made } = await launch({ min: 2, max: 2 })
      expect(idsOf(await cloud.launch(intent))).toEqual(idsOf(made))
      expect((await cloud.list()).filter((one) => one.launch === intent.token)).toHaveLength(2)
      await expect(cloud.launch({ ...intent, type: 'g5.2xlarge' })).rejects.toMatchObject({ kind: 'parameters', code: 'IdempotentParameterMismatch' })
    })

    test('an unknown image is a mistake of parameters', async () => {
      const [place] = await cloud.places([])
      if (!place) throw new Error('the region has no default subnet')
      await expect(cloud.launch(testLaunch(place, 'ami-00000000000000001'))).rejects.toMatchObject({ kind: 'parameters', code: 'InvalidAMIID.NotFound' })
    })

    test('the console has text, or none where the instance is unknown', async () => {
      const { made } = await launch()
      expect(typeof (await cloud.console(made[0]?.id ?? ''))).toBe('string')
      expect(await cloud.console(unknown[0] ?? '')).toBe('')
    })

    test('spot prices: one for each type and zone', async () => {
      const prices = await cloud.spotPrices(['g5.xlarge', 'no.such', 'g4dn.xlarge'])
      expect(new Set(prices.map(({ type }) => type))).toEqual(new Set(['g5.xlarge', 'g4dn.xlarge']))
      expect(new Set(prices.map(({ type, zone }) => `${type} ${zone}`)).size).toBe(prices.length)
      for (const { perHour } of prices) expect(perHour).toBeGreaterThan(0)
      expect(await cloud.spotPrices([])).toEqual([])
    })
  })
}
