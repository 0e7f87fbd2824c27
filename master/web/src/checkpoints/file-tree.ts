/** A directory or file of a checkpoint. */
export interface TreeNode {
  name: string
  /** full path within the checkpoint, without a slash at its end */
  path: string
  /** bytes; of a directory all below it */
  size: number
  isFile: boolean
  children: TreeNode[]
}

/**
 * Paths with sizes as a tree: directories first, then by name. A path that ends with a slash is an empty directory.
 * Sizes may be texts, as the API writes 64 bit numbers.
 */
export function fileTree(files: readonly { name: string; size: number | string }[]): TreeNode[] {
  const root: TreeNode = { name: '', path: '', size: 0, isFile: false, children: [] }
  const directories = new Map<string, TreeNode>([['', root]])
  for (const file of files) {
    const isFile = !file.name.endsWith('/')
    const path = isFile ? file.name : file.name.slice(0, -1)
    const parts = path.split('/')
    const parents = isFile ? parts.slice(0, -1) : parts
    const size = isFile ? Number(file.size) || 0 : 0
    let at = root
    at.size += size
    for (const part of parents) {
      at = child(directories, at, part)
      at.size += size
    }
    if (isFile) at.children.push({ name: parts.at(-1) ?? path, path, size, isFile, children: [] })
  }
  for (const directory of directories.values()) directory.children.sort(byKindAndName)
  return root.children
}

function child(directories: Map<string, TreeNode>, parent: TreeNode, name: string): TreeNode {
  const path = parent.path === '' ? name : `${parent.path}/${name}`
  const known = directories.get(path)
  if (known) return known
  const made: TreeNode = { name, path, size: 0, isFile: false, children: [] }
  directories.set(path, made)
  parent.children.push(made)
  return made
}

function byKindAndName(a: TreeNode, b: TreeNode): number {
  if (a.isFile !== b.isFile) return a.isFile ? 1 : -1
  return a.name.localeCompare(b.name, 'en', { numeric: true })
}
