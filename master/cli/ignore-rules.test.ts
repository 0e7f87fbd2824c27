import { expect, test } from 'vitest'
import { DEFAULT_RULES, parseIgnoreRules } from './ignore-rules.ts'

test.each<[string[], string, boolean, boolean]>([
  [['*.log'], 'a.log', false, true],
  [['*.log'], 'deep/er/a.log', false, true],
  [['*.log'], 'a.log.txt', false, false],
  [['/a.log'], 'a.log', false, true],
  [['/a.log'], 'b/a.log', false, false],
  [['data/'], 'data', true, true],
  [['data/'], 'data', false, false],
  [['data/'], 'x/data', true, true],
  [['a/b'], 'a/b', false, true],
  [['a/b'], 'x/a/b', false, false],
  [['a/*.py'], 'a/b.py', false, true],
  [['a/*.py'], 'a/b/c.py', false, false],
  [['a/**/c'], 'a/c', false, true],
  [['a/**/c'], 'a/x/y/c', false, true],
  [['**/c'], 'x/c', false, true],
  [['a/**'], 'a/b/c', false, true],
  [['a/**'], 'a', true, false],
  [['?.txt'], 'a.txt', false, true],
  [['?.txt'], 'ab.txt', false, false],
  [['[a-c].txt'], 'b.txt', false, true],
  [['[!a-c].txt'], 'b.txt', false, false],
  [['[!a-c].txt'], 'd.txt', false, true],
  [['*.txt', '!keep.txt'], 'keep.txt', false, false],
  [['!keep.txt', '*.txt'], 'keep.txt', false, true],
  [['# note', '', '\\#x'], '#x', false, true],
  [['a.b'], 'axb', false, false],
  [['(a|b)+$'], '(a|b)+$', false, true],
  [['trail  '], 'trail', false, true],
  [DEFAULT_RULES, 'pkg/__pycache__', true, true],
  [DEFAULT_RULES, 'x.pyc', false, true],
  [DEFAULT_RULES, '.git', true, true],
  [DEFAULT_RULES, 'train.py', false, false],
])('%j %s (directory: %s) -> %s', (lines, path, isDirectory, ignored) => {
  expect(parseIgnoreRules(lines).ignores(path, isDirectory)).toBe(ignored)
})
