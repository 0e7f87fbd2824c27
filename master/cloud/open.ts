import type { CloudOptions } from './create.ts'
import type { Cloud } from './door.ts'

/** A door for each region. The SDK is loaded only where there is one: a master without EC2 pays no memory for it. */
export async function openClouds(regions: readonly string[], options: Omit<CloudOptions, 'region'>): Promise<ReadonlyMap<string, Cloud>> {
  const clouds = new Map<string, Cloud>()
  if (regions.length === 0) return clouds
  const { createCloud } = await import('./create.ts')
  for (const region of new Set(regions)) clouds.set(region, createCloud({ ...options, region }))
  return clouds
}
