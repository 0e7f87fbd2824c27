import { isMapping } from './fields.ts'
import { addError, show, under } from './findings.ts'
import type { Findings } from './findings.ts'
import { checked, choice, idle, list, object, text, whole } from './shape.ts'
import type { Shape } from './shape.ts'

const ACTIONS = ['cancel_retries', 'exclude_node'] as const
type Action = (typeof ACTIONS)[number]

interface LogPolicy {
  name: string | null
  /** null switches the policy of that name off */
  pattern: string | null
  action: Action | null
}

const POLICY: Shape<LogPolicy> = checked(object({
  name: text(null, { max: 256 }),
  pattern: text(null, { max: 4096 }),
  action: { read: readAction, schema: { anyOf: [{ enum: [...ACTIONS, null] }, { type: 'object', properties: { type: { enum: ACTIONS } }, required: ['type'] }] } },
}), (found, path, { name, pattern }) => {
  if (pattern === null && name === null) addError(found, under(path, 'pattern'), 'is missing; a regular expression for lines of the log is needed')
  const mistake = pattern === null ? null : patternMistake(pattern)
  if (mistake !== null) addError(found, under(path, 'pattern'), `found ${show(pattern)}; ${mistake}`)
})

/** Determined's own; a policy of the same name stands in their place. */
const OWN: readonly LogPolicy[] = [
  { name: 'CUDA OOM', pattern: '.*CUDA out of memory.*', action: null },
  { name: 'ECC Error', pattern: '.*uncorrectable ECC error encountered.*', action: null },
]
const POLICIES = list(POLICY, 100, '{name, pattern, action}')

export const LOGS = {
  log_policies: idle({ ...POLICIES, read: readPolicies }, 'no line of a log starts an action; exit codes and max_restarts decide'),
  retention_policy: idle(object({ log_retention_days: whole(null, -1, 32_767) }), 'logs are kept'),
}

function readPolicies(found: Findings, path: string, value: unknown): LogPolicy[] {
  const given = POLICIES.read(found, path, value)
  const names = new Set(given.map((policy) => policy.name))
  return [...OWN.filter((policy) => !names.has(policy.name)), ...given]
}

/** `cancel_retries`, or the older `{type: cancel_retries}`. */
function readAction(found: Findings, path: string, value: unknown): Action | null {
  if (value === null || value === undefined) return null
  const old = isMapping(value)
  const named = old ? value['type'] : value
  const place = old ? under(path, 'type') : path
  for (const key of old ? Object.keys(value) : []) {
    if (key !== 'type') addError(found, under(path, key), 'unknown key; an action has a type only')
  }
  if (named !== null && named !== undefined) return choice(ACTIONS[0], ACTIONS).read(found, place, named)
  addError(found, place, `is missing; allowed: ${ACTIONS.join(', ')}`)
  return null
}

/** Patterns are of RE2. What it has and JavaScript has not is taken out before the syntax is checked. */
function patternMistake(pattern: string): string | null {
  if (/\(\?<?[=!]/.test(pattern)) return 'patterns of RE2 know no look-around'
  try {
    RegExp(pattern.replace(/\(\?[imsU-]+\)/g, '').replace(/\(\?[imsU-]+:/g, '(?:').replaceAll('(?P<', '(?<'))
    return null
  } catch (error) {
    return `it is no regular expression (${error instanceof Error ? error.message.split(': ').at(-1) : 'unknown fault'})`
  }
}
