import { backoffMs } from '../protocol/kit/backoff.ts'
import type { Clock } from '../protocol/kit/clock.ts'
import type { Ec2Instance } from './config-ec2.ts'
import { ConfigError, readConfig, type AgentConfig } from './config.ts'
import { IMDS_ENDPOINT, ImdsError, openImds, type Imds } from './host/imds.ts'

export interface LoadDeps {
  hostname: string
  clock: Clock
  random: () => number
  /** one line for people: the log does not stand yet */
  say: (line: string) => void
  signal: AbortSignal
}

/** With pauses up to 5 s between them: about a minute; a service that has just come up needs less. */
const TRIES = 20

/**
 * The settings from the environment and, with DROVER_CLOUD=ec2, from the instance's metadata, which is waited for.
 * Null when `signal` ended the waiting. Throws ConfigError where they are wrong or the service never answers.
 */
export async function loadConfig(env: Readonly<Record<string, string | undefined>>, deps: LoadDeps): Promise<AgentConfig | null> {
  if (env['DROVER_CLOUD'] !== 'ec2') return readConfig(env, deps.hostname)
  const metadataUrl = (env['AWS_EC2_METADATA_SERVICE_ENDPOINT'] || IMDS_ENDPOINT).replace(/\/+$/, '')
  if (!URL.canParse(metadataUrl) || new URL(metadataUrl).protocol !== 'http:') throw new ConfigError([`AWS_EC2_METADATA_SERVICE_ENDPOINT ${JSON.stringify(metadataUrl.slice(0, 80))} is no http:// URL: correct it, or leave it out for ${IMDS_ENDPOINT}`])
  const instance = await readInstance(openImds({ endpoint: metadataUrl, clock: deps.clock }), metadataUrl, deps)
  return instance === null ? null : readConfig(env, deps.hostname, instance)
}

async function readInstance(imds: Imds, metadataUrl: string, deps: LoadDeps): Promise<Ec2Instance | null> {
  for (let tried = 1; !deps.signal.aborted; tried += 1) {
    try {
      return await askInstance(imds, metadataUrl)
    } catch (error) {
      if (!(error instanceof ImdsError)) throw error
      if (tried >= TRIES) throw new ConfigError([`${error.message} (tried ${TRIES} times): DROVER_CLOUD=ec2 needs the instance's metadata service; enable it with HttpTokens=required, or unset DROVER_CLOUD on a machine that is not on EC2`])
      if (tried === 1) deps.say(`drover-agent: ${error.message}, will be tried again`)
      await deps.clock.sleep(backoffMs(tried, deps.random, { baseMs: 200, capMs: 5_000, floorMs: 100 }), deps.signal)
    }
  }
  return null
}

async function askInstance(imds: Imds, metadataUrl: string): Promise<Ec2Instance> {
  const instanceId = await fact(imds, 'instance-id', /^i-[0-9a-f]{8,32}$/)
  const instanceType = await fact(imds, 'instance-type', /^[a-z0-9-]{1,32}\.[a-z0-9-]{1,31}$/)
  const zone = await fact(imds, 'placement/availability-zone', /^[a-z0-9-]{1,64}$/)
  const region = await fact(imds, 'placement/region', /^[a-z0-9-]{1,64}$/)
  return { instanceId, instanceType, zone, region, userData: await imds.get('user-data'), metadataUrl }
}

async function fact(imds: Imds, name: string, shape: RegExp): Promise<string> {
  const text = (await imds.get(`meta-data/${name}`))?.trim() ?? ''
  if (shape.test(text)) return text
  throw new ImdsError('broken', `the metadata service says ${JSON.stringify(text.slice(0, 80))} for ${name}, which is none`)
}
