/** `-q` and `-q -x` say the same in two notations; both are read into this. */
export interface Node {
  /** tag or key in lower case, all but letters and digits as _ */
  key: string
  /** tag or key as printed, with its attributes */
  label: string
  value: string | null
  children: Node[]
}

export interface Tree {
  root: Node
  /** the text ended inside an element, or its tags do not match */
  broken: string | null
}

export function node(label: string): Node {
  return { key: keyOf(label), label, value: null, children: [] }
}

export function keyOf(label: string): string {
  return label.toLowerCase().replaceAll(/[^a-z0-9]+/g, '_').replaceAll(/^_+|_+$/g, '')
}

export function childOf(parent: Node, ...keys: string[]): Node | null {
  return parent.children.find((child) => keys.includes(child.key)) ?? null
}

export function valueAt(parent: Node, ...keys: string[]): string | null {
  for (const key of keys) {
    const value = childOf(parent, key)?.value
    if (value !== null && value !== undefined) return value
  }
  return null
}

/** Dotted path -> value, the first of each path; what is below a key in `without` is left out. */
export function flatten(parent: Node, without: ReadonlySet<string>): Map<string, string> {
  const said = new Map<string, string>()
  const visit = (from: Node, prefix: string): void => {
    for (const child of from.children) {
      if (without.has(child.key)) continue
      const path = `${prefix}${child.key}`
      if (child.value !== null && !said.has(path)) said.set(path, child.value)
      visit(child, `${path}.`)
    }
  }
  visit(parent, '')
  return said
}
