export interface SettingMistake {
  key: string
  value: string
  cure: string
}

/** Reads keys of a parsed YAML document, the environment over it, and gathers mistakes instead of throwing. */
export interface Tree {
  /** Text at a dotted key; `fallback` null = required. Numbers and booleans count as text. */
  text(key: string, variable: string | null, fallback: string | null): string
  /** A list of texts, or one comma separated text; required. */
  texts(key: string, variable: string): string[]
  /** A list of mappings; empty when absent. */
  list(key: string): Record<string, unknown>[]
  /** As it was parsed; undefined when absent. */
  value(key: string): unknown
  variable(name: string): string | undefined
  onlyKeys(key: string, allowed: readonly string[]): void
  wrong(key: string, value: string, cure: string): void
}

export function readTree(document: unknown, env: Readonly<Record<string, string | undefined>>, mistakes: SettingMistake[]): Tree {
  const wrong = (key: string, value: string, cure: string): void => void mistakes.push({ key, value, cure })
  if (!isMapping(document)) wrong('master.yaml', show(document), 'write a mapping of keys to values')
  const variable = (name: string): string | undefined => env[name] || undefined

  return {
    text(key, name, fallback) {
      const value = (name === null ? undefined : variable(name)) ?? at(document, key)
      if (value === undefined || value === null) {
        if (fallback === null) wrong(key, 'absent', name === null ? 'it is required' : `it is required: set it, or ${name} in the environment`)
        return fallback ?? ''
      }
      if (typeof value === 'object') {
        wrong(key, show(value), 'write one text')
        return fallback ?? ''
      }
      return String(value)
    },
    texts(key, name) {
      const given = variable(name) ?? at(document, key)
      const parts = Array.isArray(given) ? given : typeof given === 'string' ? given.split(',') : []
      const texts = parts.filter((part) => typeof part === 'string').map((part) => part.trim()).filter((part) => part !== '')
      if (texts.length === 0) wrong(key, given === undefined ? 'absent' : show(given), `it is required: a list of texts, or ${name} in the environment, comma separated`)
      return texts
    },
    list(key) {
      const value = at(document, key)
      if (value === undefined || value === null) return []
      if (Array.isArray(value) && value.every(isMapping)) return value
      wrong(key, show(value), 'write a list of mappings')
      return []
    },
    value: (key) => at(document, key),
    variable,
    onlyKeys(key, allowed) {
      const value = key === '' ? document : at(document, key)
      if (!isMapping(value)) return
      for (const name of Object.keys(value)) {
        if (!allowed.includes(name)) wrong(key === '' ? name : `${key}.${name}`, show(value[name]), `unknown key; known are ${allowed.join(', ')}`)
      }
    },
    wrong,
  }
}

function at(document: unknown, key: string): unknown {
  let value = document
  for (const part of key.split('.')) {
    if (!isMapping(value) || !Object.hasOwn(value, part)) return undefined
    value = value[part]
  }
  return value
}

function isMapping(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function show(value: unknown): string {
  return (JSON.stringify(value) ?? 'absent').slice(0, 200)
}
