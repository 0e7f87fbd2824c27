import { readFileSync } from 'node:fs'
import { isMapping, readSection, type Found, type Section } from './config-section.ts'
import type { HerdConfig } from './config-types.ts'

const KEYS = ['agent_lost_after', 'ec2_list_period', 'launch_call_period', 'dry_period', 'price_file']
const REGION = /^[a-z]{2}(-[a-z]+)+-\d{1,2}$/
const PATH = { pattern: /^\//, cure: 'write the absolute path of a JSON file: {"us-east-1": {"g5.xlarge": 1.006}}, dollars an hour' }

/** `herd` of master.yaml. Reads the price file. */
export function readHerd(given: unknown, found: Found): HerdConfig {
  const herd = readSection('herd', given, found)
  herd.onlyKeys(KEYS, [])
  return {
    lostMs: period(herd, 'agent_lost_after', 300_000),
    listMs: period(herd, 'ec2_list_period', 60_000),
    callMs: period(herd, 'launch_call_period', 5_000),
    dryMs: period(herd, 'dry_period', 180_000),
    prices: readPrices(herd),
  }
}

function period(herd: Section, name: string, fallback: number): number {
  return herd.duration(name, { fallback, min: 10, cure: `write a time longer than 0; ${fallback / 1_000}s is usual` })
}

function readPrices(herd: Section): HerdConfig['prices'] {
  const path = herd.text('price_file', PATH, '')
  if (path === '') return {}
  const regions = parseFile(herd, path)
  if (!isMapping(regions)) return {}
  const prices: Record<string, Record<string, number>> = {}
  for (const [region, types] of Object.entries(regions)) {
    if (!REGION.test(region)) {
      herd.wrong('price_file', `${JSON.stringify(region)} is no region: ${PATH.cure}`)
      continue
    }
    const known: Record<string, number> = {}
    for (const [type, perHour] of Object.entries(isMapping(types) ? types : {})) {
      if (typeof perHour === 'number' && perHour > 0) known[type] = perHour
      else herd.wrong('price_file', `${region} ${type} is ${JSON.stringify(perHour)}: write dollars an hour greater than 0`)
    }
    if (!isMapping(types)) herd.wrong('price_file', `${region} is ${JSON.stringify(types)}: write a mapping of instance types to dollars an hour`)
    prices[region] = known
  }
  return prices
}

function parseFile(herd: Section, path: string): unknown {
  try {
    const document: unknown = JSON.parse(readFileSync(path, 'utf8'))
    if (isMapping(document)) return document
    herd.wrong('price_file', `it holds no mapping: ${PATH.cure}`)
  } catch (error) {
    herd.wrong('price_file', `it cannot be read (${error instanceof Error ? error.message : String(error)}): ${PATH.cure}`)
  }
  return null
}
