import { node, type Node, type Tree } from './tree.ts'

const LINE = /^(\s*)(\S.*?)\s*(?:(?: :|:(?=\s|$))\s*(.*))?$/
const DEPTH_MAX = 64

/**
 * `nvidia-smi -q`: a key and, after a colon, its value; deeper indentation belongs to the line above. A last line
 * without its end that is a bare number may have been cut inside the number, so it has no value.
 */
export function readIndented(text: string): Tree {
  const root = node('')
  const tree: Tree = { root, broken: null }
  const open: { at: Node; indent: number }[] = [{ at: root, indent: -1 }]
  const lines = text.split('\n')
  lines.forEach((line, number) => {
    const match = LINE.exec(line.replaceAll('\t', '    '))
    const key = match?.[2]
    if (match === null || key === undefined || /^[=\s]*$/.test(key)) return
    const indent = match[1]?.length ?? 0
    const value = match[3]?.trim() ?? null
    while (open.length > 1 && (open.at(-1)?.indent ?? -1) >= indent) open.pop()
    const parent = open.at(-1)?.at ?? root
    const child = node(key)
    const cut = number === lines.length - 1 && value !== null && /^\d+$/.test(value)
    child.value = cut ? null : value
    if (cut) tree.broken = `the last line, ${JSON.stringify(key)}, may be cut inside its number`
    parent.children.push(child)
    if (open.length < DEPTH_MAX) open.push({ at: child, indent })
  })
  return tree
}
