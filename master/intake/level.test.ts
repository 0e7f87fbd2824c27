import { expect, test } from 'vitest'
import { levelOf } from './level.ts'

test.each([
  ['INFO: epoch 1', 'INFO'], ['[rank=3] ERROR: boom', 'ERROR'], ['[2026-01-01 10:00:00] WARN something', 'WARNING'], ['[rank=0] [2026-01-01T10:00:00Z] [77] DEBUG: x', 'DEBUG'],
  ['FATAL', 'CRITICAL'], ['[ERROR] x', 'ERROR'], ['INFORMATION about it', ''], ['loss 0.3', ''], ['', ''], ['an ERROR inside', ''], ['\u0000INFO: x', ''],
])('%j -> %j', (text, level) => {
  expect(levelOf(text)).toBe(level)
})
