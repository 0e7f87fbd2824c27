/** The plain XML that EC2's Query protocol answers with: elements and text, no comments, no CDATA, attributes kept as they stand. */
export interface Xml {
  name: string
  /** as it stands, with its leading space; '' = none */
  attributes: string
  /** elements, or a text as it stands (escaped); empty = `<name/>` */
  children: Xml[] | string
}

export interface XmlDocument {
  /** all that comes before the root */
  head: string
  root: Xml
}

const TAG = /<(\/?)([A-Za-z][\w.-]*)((?:\s+[\w:.-]+="[^"]*")*)\s*(\/?)>/y

/** `print(parse(text)) === text` for what EC2 and moto write. Throws on anything else. */
export function parseXml(text: string): XmlDocument {
  const start = text.search(/<[A-Za-z]/)
  if (start < 0) throw new Error(`no XML element in ${JSON.stringify(text.slice(0, 200))}`)
  const open: Xml[] = []
  for (let at = start; ; ) {
    TAG.lastIndex = at
    const tag = TAG.exec(text)
    if (!tag) throw new Error(`XML breaks off before ${JSON.stringify(text.slice(at, at + 100))}`)
    at = TAG.lastIndex
    const [, closing, name = '', attributes = '', empty] = tag
    const top = open.at(-1)
    if (closing) {
      if (top?.name !== name) throw new Error(`</${name}> closes <${top?.name ?? ''}>`)
      open.pop()
      if (open.length === 0) return { head: text.slice(0, start), root: top }
    } else {
      const element: Xml = { name, attributes, children: [] }
      if (top) childrenOf(top).push(element)
      if (empty && !top) return { head: text.slice(0, start), root: element }
      if (!empty) open.push(element)
    }
    at = takeText(text, at, open.at(-1))
  }
}

/** Text counts only where it is all that an element holds. */
function takeText(text: string, at: number, holder: Xml | undefined): number {
  const next = text.indexOf('<', at)
  if (next < 0) throw new Error('XML breaks off')
  const between = text.slice(at, next)
  if (holder && holder.children.length === 0 && text.startsWith(`</${holder.name}>`, next) && between !== '') holder.children = between
  return next
}

export function childrenOf(element: Xml): Xml[] {
  if (typeof element.children === 'string') throw new Error(`<${element.name}> holds text`)
  return element.children
}

export function printXml({ head, root }: XmlDocument): string {
  return head + print(root)
}

function print({ name, attributes, children }: Xml): string {
  if (children.length === 0) return `<${name}${attributes}/>`
  return `<${name}${attributes}>${typeof children === 'string' ? children : children.map(print).join('')}</${name}>`
}

/** A text, or elements. */
export function xml(name: string, children: string | Xml[] = []): Xml {
  return { name, attributes: '', children: typeof children === 'string' ? escape(children) : children }
}

/** The element at `path` below `element`; null where there is none. */
export function find(element: Xml, ...path: string[]): Xml | null {
  const [name, ...rest] = path
  if (name === undefined) return element
  const child = typeof element.children === 'string' ? undefined : element.children.find((one) => one.name === name)
  return child ? find(child, ...rest) : null
}

/** The text at `path`; '' where there is none. */
export function textAt(element: Xml, ...path: string[]): string {
  const found = find(element, ...path)
  return found && typeof found.children === 'string' ? unescape(found.children) : ''
}

/** Puts the child in the place of its namesake, else at the end. */
export function put(element: Xml, child: Xml): void {
  const children = childrenOf(element)
  const at = children.findIndex((one) => one.name === child.name)
  if (at < 0) children.push(child)
  else children[at] = child
}

export function without(element: Xml, ...names: string[]): void {
  element.children = childrenOf(element).filter((child) => !names.includes(child.name))
}

function escape(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;')
}

function unescape(text: string): string {
  return text.replaceAll('&lt;', '<').replaceAll('&gt;', '>').replaceAll('&quot;', '"').replaceAll('&#x27;', "'").replaceAll('&#39;', "'").replaceAll('&amp;', '&')
}
