import { node, type Node, type Tree } from './tree.ts'

const DEPTH_MAX = 64
const NODES_MAX = 1_000_000

const TOKEN = /<!--[\s\S]*?(?:-->|$)|<!\[CDATA\[([\s\S]*?)(?:\]\]>|$)|<\?[\s\S]*?(?:\?>|$)|<!DOCTYPE[^>[]*(?:\[[^\]]*\]?)?[^>]*>?|<\/([^\s>]*)\s*>|<([A-Za-z_][^\s/>]*)((?:[^"'<>]|"[^"]*"|'[^']*')*?)(\/?)>|([^<]+)|</gy

/**
 * A bounded reader for what `-q -x` writes: elements, attributes left as they are, text. No entity but the five of XML
 * is known and none is ever expanded; what is not closed ends where the text ends, and a leaf that was open there has no value.
 */
export function readXml(text: string): Tree {
  const root = node('')
  const open: { at: Node; text: string }[] = [{ at: root, text: '' }]
  const tree: Tree = { root, broken: null }
  let nodes = 0
  TOKEN.lastIndex = 0
  for (let match = TOKEN.exec(text); match !== null && TOKEN.lastIndex <= text.length; match = TOKEN.exec(text)) {
    const [whole, cdata, closing, opening, attributes, selfClosed, words] = match
    const top = open.at(-1)
    if (top === undefined) break
    if (words !== undefined || cdata !== undefined) top.text += cdata ?? words ?? ''
    else if (closing !== undefined) tree.broken = close(open, closing) ?? tree.broken
    else if (opening !== undefined) {
      nodes += 1
      if (nodes > NODES_MAX || open.length > DEPTH_MAX) return { root, broken: 'more or deeper elements than nvidia-smi ever writes' }
      const child = node(opening)
      child.label = `${opening}${attributes ?? ''}`.trim()
      top.at.children.push(child)
      if (selfClosed === '/') child.value = ''
      else open.push({ at: child, text: '' })
    } else if (whole === '<') tree.broken = `the text ends inside a tag, or < stands alone, in ${top.at.label || 'the beginning'}`
  }
  if (open.length > 1) tree.broken ??= `the text ends inside <${open.at(-1)?.at.label ?? ''}>`
  root.value = open[0]?.text.trim() ?? null
  return tree
}

/** A closing tag of an outer element closes the inner ones too; one of nothing open is passed over. */
function close(open: { at: Node; text: string }[], name: string): string | null {
  const depth = open.findLastIndex((each, index) => index > 0 && each.at.label.split(/\s/)[0] === name)
  if (depth < 1) return `</${name}> closes nothing`
  const unclosed = open.length - 1 - depth
  if (unclosed > 0) {
    open.length = depth
    return `<${name}> is closed while an element in it is open`
  }
  const done = open.pop()
  if (done !== undefined && done.at.children.length === 0) done.at.value = decode(done.text.trim())
  return null
}

const ENTITIES: Record<string, string> = { '&amp;': '&', '&lt;': '<', '&gt;': '>', '&quot;': '"', '&apos;': "'" }

function decode(text: string): string {
  return text.replaceAll(/&(?:amp|lt|gt|quot|apos);/g, (entity) => ENTITIES[entity] ?? entity)
}
