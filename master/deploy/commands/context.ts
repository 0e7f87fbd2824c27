import { randomUUID } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { CliError, EXIT } from '../../cli/fail.ts'
import type { Invocation } from '../../cli/invocation.ts'
import { ownCidr } from '../aws/caller.ts'
import type { Stacks } from '../aws/door.ts'
import { faultOf } from '../aws/faults.ts'
import { DeployConfigError, readStackConfig } from '../read-config.ts'
import type { StackConfig } from '../words.ts'

/** Options as the command line gives them. */
export type Options = Readonly<Record<string, unknown>>

const FLAGS = { name: 'name', region: 'region', masterImage: null, agentImage: 'agent_image', allow: 'allow_cidrs' } as const

/** The configuration: the file of --config, and over it the words of the command line. */
export async function configOf({ env, signal }: Invocation, options: Options): Promise<StackConfig> {
  const path = options['config']
  const yaml = typeof path === 'string' ? readText(path) : ''
  const flags: Record<string, unknown> = {}
  for (const [option, key] of Object.entries(FLAGS)) if (key !== null && options[option] !== undefined) flags[key] = options[option]
  if (options['myAddress'] === true) flags['allow_cidrs'] = [...listOf(options['allow']), await ownCidr(signal)]
  if (!('region' in flags) && !/^region:/m.test(yaml)) flags['region'] = regionOf(env) ?? undefined
  try {
    return readStackConfig(yaml, flags)
  } catch (error) {
    if (error instanceof DeployConfigError) throw new CliError(EXIT.usage, error.message, 'master/deploy/README.md lists every key')
    throw error
  }
}

function listOf(value: unknown): unknown[] {
  return Array.isArray(value) ? value : []
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    throw new CliError(EXIT.usage, `${path} cannot be read: ${error instanceof Error ? error.message : String(error)}`, 'name the file of --config as it lies on this machine')
  }
}

function regionOf(env: NodeJS.ProcessEnv): string | null {
  return env['AWS_REGION'] || env['AWS_DEFAULT_REGION'] || null
}

/** For commands that need no whole configuration: the region of --region, the file or the environment. */
export function placeOf({ env }: Invocation, options: Options): { name: string; region: string } {
  const text = typeof options['config'] === 'string' ? readText(options['config']) : ''
  const said = (key: string): string | undefined => new RegExp(`^${key}:\\s*['"]?([a-z0-9-]+)`, 'm').exec(text)?.[1]
  const region = typeof options['region'] === 'string' ? options['region'] : (said('region') ?? regionOf(env))
  if (!region) throw new CliError(EXIT.usage, 'no region is given', 'write --region us-east-1, or set AWS_REGION')
  return { name: typeof options['name'] === 'string' ? options['name'] : (said('name') ?? 'drover'), region }
}

/** Runs `body` with CloudFormation of a region; faults of AWS become one line with its cure. */
export async function withStacks<T>(invocation: Invocation, region: string, body: (stacks: Stacks) => Promise<T>): Promise<T> {
  const { openStacks } = await import('../aws/stacks.ts')
  try {
    return await body(openStacks({ region, signal: invocation.signal, nonce: () => randomUUID() }))
  } catch (error) {
    if (error instanceof CliError) throw error
    const fault = faultOf(error)
    if (fault === null) throw error
    throw new CliError(fault.denied ? EXIT.denied : EXIT.failed, fault.text, fault.cure)
  }
}
