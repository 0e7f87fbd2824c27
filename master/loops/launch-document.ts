import { CloudError } from '../cloud/door.ts'

/** EC2 takes at most so many bytes of user data. */
const BYTES_MAX = 16 * 1024

export interface LaunchDocument {
  masterUrl: string
  /** `<secret>.<SHA-256 of the CA certificate, hex>` */
  joinToken: string
  pool: string
  /** slots of a machine without GPUs; null = the agent's default */
  cpuSlots: number | null
  /** '' = none */
  startupScript: string
}

/**
 * The user data of an instance, one `NAME=value` a line; its agent reads it at boot. The same input gives the same
 * bytes: EC2 refuses a repeated call that differs. CloudError, with the cure, where it is too long.
 */
export function composeDocument(input: LaunchDocument): string {
  const script = input.startupScript === '' ? [] : [`DROVER_STARTUP_SCRIPT=${Buffer.from(input.startupScript).toString('base64')}`]
  const slots = input.cpuSlots === null ? [] : [`DROVER_CPU_SLOTS=${input.cpuSlots}`]
  const text = ['#drover', `DROVER_MASTER_URL=${input.masterUrl}`, `DROVER_JOIN_TOKEN=${input.joinToken}`, `DROVER_POOL=${input.pool}`, ...slots, ...script, ''].join('\n')
  const bytes = Buffer.byteLength(text)
  if (bytes > BYTES_MAX) throw new CloudError('parameters', 'UserDataTooLong', `the user data of pool ${input.pool} has ${bytes} bytes, EC2 takes ${BYTES_MAX}: make startup_script shorter, let it fetch what is long`)
  return text
}
