/** A call of EC2's Query protocol: `Action=RunInstances&InstanceId.1=...`. */
export interface Form {
  action: string
  /** as they were sent */
  entries: Map<string, string>
}

export function parseForm(body: string): Form {
  const entries = new Map(new URLSearchParams(body))
  return { action: entries.get('Action') ?? '', entries }
}

export function printForm(form: Form): string {
  return new URLSearchParams([...form.entries]).toString()
}

/** `Name.1`, `Name.2`, ... in order. */
export function listAt(form: Form, name: string): string[] {
  return numbered(form, name).flatMap((number) => form.entries.get(`${name}.${number}`) ?? [])
}

export interface Filter {
  name: string
  values: string[]
}

/** `Filter.1.Name`, `Filter.1.Value.1`, ... */
export function filtersOf(form: Form): Filter[] {
  return numbered(form, 'Filter').map((number) => ({ name: form.entries.get(`Filter.${number}.Name`) ?? '', values: listAt(form, `Filter.${number}.Value`) }))
}

export function withFilters(form: Form, filters: readonly Filter[]): Form {
  const entries = new Map([...form.entries].filter(([key]) => !key.startsWith('Filter.')))
  for (const [f, filter] of filters.entries()) {
    entries.set(`Filter.${f + 1}.Name`, filter.name)
    for (const [v, value] of filter.values.entries()) entries.set(`Filter.${f + 1}.Value.${v + 1}`, value)
  }
  return { action: form.action, entries }
}

/** EC2's wildcards: `*` any text, `?` any one character. */
export function passes(filter: Filter, value: string): boolean {
  return filter.values.some((pattern) => new RegExp(`^${pattern.replaceAll(/[.+^${}()|[\]\\]/g, '\\$&').replaceAll('*', '.*').replaceAll('?', '.')}$`, 's').test(value))
}

function numbered(form: Form, name: string): number[] {
  const numbers = [...form.entries.keys()].flatMap((key) => (key.startsWith(`${name}.`) ? Number(key.slice(name.length + 1).split('.')[0]) : []))
  return [...new Set(numbers)].filter((number) => Number.isInteger(number)).toSorted((a, b) => a - b)
}
