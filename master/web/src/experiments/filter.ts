import { bareState } from '../words/states.ts'

/**
 * The rows that pass. The master filters too; this makes the table answer at once while a key is pressed.
 * Name: part of it, letter case ignored, or the whole id. States: bare names, empty = all.
 */
export function matching<E extends { id: number; name: string; state: string }>(experiments: readonly E[], filter: { name: string; states: readonly string[] }): E[] {
  const name = filter.name.trim().toLowerCase()
  return experiments.filter((experiment) => {
    if (filter.states.length > 0 && !filter.states.includes(bareState(experiment.state))) return false
    return name === '' || experiment.name.toLowerCase().includes(name) || String(experiment.id) === name.replace(/^#/, '')
  })
}
