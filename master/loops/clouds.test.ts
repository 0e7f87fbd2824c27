import { expect, test } from 'vitest'
import { createCloudDouble } from '../cloud/double.ts'
import { createClouds, regionOfZone } from './clouds.ts'

test.each([
  ['us-east-1a', 'us-east-1'], ['ap-southeast-2c', 'ap-southeast-2'], ['us-gov-west-1b', 'us-gov-west-1'], ['us-west-2-lax-1a', 'us-west-2'], ['us-east-1-wl1-bos-wlz-1', 'us-east-1'], ['', null], ['here', null],
])('zone %j lies in %j', (zone, region) => {
  expect(regionOfZone(zone)).toBe(region)
})

test('each region is opened once, one that failed again; all are closed', async () => {
  const opened: string[] = []
  let closed = 0
  let broken = true
  const clouds = createClouds((region) => {
    opened.push(region)
    if (region === 'bad' && broken) return Promise.reject(new Error('no'))
    return Promise.resolve({ ...createCloudDouble('c').open(region), close: () => void (closed += 1) })
  })
  expect(await clouds.of('a')).toBe(await clouds.of('a'))
  await expect(clouds.of('bad')).rejects.toThrow('no')
  broken = false
  await clouds.of('bad')
  expect(opened).toEqual(['a', 'bad', 'bad'])
  await clouds.close()
  expect(closed).toBe(2)
})
