import { expect, it } from 'vitest'
import { fileTree, type TreeNode } from './file-tree.ts'

const shape = (nodes: readonly TreeNode[]): unknown[] => nodes.map((node) => (node.isFile ? `${node.path}=${node.size}` : [node.path, node.size, shape(node.children)]))

it('nests, adds up and sorts directories first', () => {
  const tree = fileTree([{ name: 'b.txt', size: 1 }, { name: 'shard10', size: '10' }, { name: 'shard2', size: 2 }, { name: 'opt/state/x.bin', size: '5' }, { name: 'opt/a', size: 3 }, { name: 'logs/', size: 0 }])
  expect(shape(tree)).toEqual([['logs', 0, []], ['opt', 8, [['opt/state', 5, ['opt/state/x.bin=5']], 'opt/a=3']], 'b.txt=1', 'shard2=2', 'shard10=10'])
})

it('is not led astray by names of Object', () => {
  expect(shape(fileTree([{ name: '__proto__/constructor', size: 1 }]))).toEqual([['__proto__', 1, ['__proto__/constructor=1']]])
})

it('is empty for no file', () => {
  expect(fileTree([])).toEqual([])
})
