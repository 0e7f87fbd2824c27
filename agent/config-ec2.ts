/** What the metadata service says of the instance that the agent lives on. */
export interface Ec2Instance {
  readonly instanceId: string
  readonly instanceType: string
  readonly zone: string
  readonly region: string
  /** null: launched without */
  readonly userData: string | null
  /** where the service was asked */
  readonly metadataUrl: string
}

/** Settings that an agent has on EC2 only. */
export interface Ec2Config extends Omit<Ec2Instance, 'userData'> {
  /** run once before the agent enrols */
  readonly startupScript: string | null
  /** 0 = never */
  readonly deadmanMs: number
  /** for `/bin/sh -c` */
  readonly poweroffCommand: string
}

const DEADMAN_MINUTES_MAX = 60 * 24 * 30

export function readEc2(env: Readonly<Record<string, string | undefined>>, instance: Ec2Instance, problems: string[]): Ec2Config {
  const { userData: _, ...facts } = instance
  return Object.freeze({
    ...facts,
    startupScript: readScript(env['DROVER_STARTUP_SCRIPT'], problems),
    deadmanMs: readMinutes(env['DROVER_DEADMAN_MINUTES'], problems),
    poweroffCommand: env['DROVER_POWEROFF_COMMAND'] || 'systemctl poweroff',
  })
}

function readScript(text: string | undefined, problems: string[]): string | null {
  if (!text) return null
  if (/^[A-Za-z0-9+/]+={0,2}$/.test(text)) return Buffer.from(text, 'base64').toString('utf8')
  problems.push('DROVER_STARTUP_SCRIPT is not base64: encode the script with `base64 -w0`')
  return null
}

function readMinutes(text: string | undefined, problems: string[]): number {
  const minutes = Number(text || '60')
  if (minutes >= 0 && minutes <= DEADMAN_MINUTES_MAX) return Math.round(minutes * 60_000)
  problems.push(`DROVER_DEADMAN_MINUTES ${JSON.stringify((text ?? '').slice(0, 80))} is not a number from 0 to ${DEADMAN_MINUTES_MAX}: set minutes, 0 for never`)
  return 0
}
