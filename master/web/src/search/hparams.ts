/** A hyperparameter of a trial as it is compared. */
export type HpValue = number | string

/** Nested hyperparameters as dotted names; what is no number and no text is written as JSON. */
export function flatHparams(hparams: Readonly<Record<string, unknown>>, prefix = ''): Record<string, HpValue> {
  const flat: Record<string, HpValue> = {}
  for (const [name, value] of Object.entries(hparams)) {
    const key = prefix === '' ? name : `${prefix}.${name}`
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) Object.assign(flat, flatHparams(value as Record<string, unknown>, key))
    else flat[key] = typeof value === 'number' || typeof value === 'string' ? value : (JSON.stringify(value) ?? '')
  }
  return flat
}

/** Names whose value differs between trials, in the order of their first appearance: the others tell nothing of a search. */
export function varyingNames(trials: readonly Readonly<Record<string, HpValue>>[]): string[] {
  const names = [...new Set(trials.flatMap((one) => Object.keys(one)))]
  return names.filter((name) => new Set(trials.map((one) => one[name])).size > 1)
}
