/**
 * The settings that the master writes into an instance's user data:
 *
 *   #drover
 *   DROVER_MASTER_URL=https://10.0.0.5:8443
 *   DROVER_JOIN_TOKEN=<secret>.<fingerprint>
 *
 * One `KEY=value` a line; empty lines and lines that begin with # mean nothing.
 */
export const USER_DATA_KEYS = ['DROVER_MASTER_URL', 'DROVER_JOIN_TOKEN', 'DROVER_POOL', 'DROVER_STARTUP_SCRIPT', 'DROVER_LOG_LEVEL', 'DROVER_CPU_SLOTS'] as const
export type UserDataKey = (typeof USER_DATA_KEYS)[number]

export interface UserData {
  settings: Partial<Record<UserDataKey, string>>
  /** each with its cure; never with a value, which may be a secret */
  problems: string[]
}

const FIRST_LINE = '#drover'
const CURE = 'write the user data as `#drover`, then one KEY=value a line'

/** Null: the instance was launched without user data. */
export function parseUserData(text: string | null): UserData {
  const found: UserData = { settings: {}, problems: [] }
  if (text === null || text.trim() === '') return found
  const lines = text.split('\n').map((line) => line.trim())
  if (lines[0] !== FIRST_LINE) {
    found.problems.push(`the user data of the instance does not begin with the line ${FIRST_LINE}: ${CURE}, or launch the instance without user data and set the environment`)
    return found
  }
  lines.forEach((line, index) => takeLine(line, index + 1, found))
  return found
}

function takeLine(line: string, number: number, found: UserData): void {
  if (line === '' || line.startsWith('#')) return
  const match = /^([A-Z][A-Z0-9_]{0,63})\s*=\s*(.*)$/.exec(line)
  if (match === null) return void found.problems.push(`line ${number} of the user data is not KEY=value: ${CURE}`)
  const [, name = '', value = ''] = match
  const key = USER_DATA_KEYS.find((known) => known === name)
  if (key === undefined) return void found.problems.push(`line ${number} of the user data sets ${name}, which user data may not: leave it out; allowed are ${USER_DATA_KEYS.join(', ')}`)
  if (found.settings[key] !== undefined) return void found.problems.push(`line ${number} of the user data sets ${key} a second time: leave one of the two out`)
  found.settings[key] = value
}
