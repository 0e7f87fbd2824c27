/** The named fields that are there: what is absent stays as it is in the row, and nothing else of the object gets near it. */
export function given<T extends object, K extends keyof T>(change: T, names: readonly K[]): { [P in K]?: Exclude<T[P], undefined> } {
  return Object.fromEntries(names.flatMap((name) => (change[name] === undefined ? [] : [[name, change[name]]]))) as { [P in K]?: Exclude<T[P], undefined> }
}
