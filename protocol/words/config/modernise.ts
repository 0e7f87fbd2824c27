import { isMapping } from './fields.ts'

type Mapping = Readonly<Record<string, unknown>>

/**
 * Short and old forms written out, so that documents merge field by field: one image or one list of variables for all
 * devices becomes a map of three, `gpu` becomes `cuda`. What is wrong stays as it is, for the reader to name.
 */
export function modernise(document: Mapping): Record<string, unknown> {
  const environment = document['environment']
  if (!isMapping(environment)) return { ...document }
  return { ...document, environment: { ...environment, ...spread(environment, 'image', (value) => typeof value === 'string'), ...spread(environment, 'environment_variables', Array.isArray) } }
}

function spread(environment: Mapping, key: string, isShort: (value: unknown) => boolean): Mapping {
  const value = environment[key]
  if (isShort(value)) return { [key]: { cpu: value, cuda: value, rocm: value } }
  if (!isMapping(value) || !Object.hasOwn(value, 'gpu') || Object.hasOwn(value, 'cuda')) return {}
  const { gpu, ...rest } = value
  return { [key]: { ...rest, cuda: gpu } }
}
