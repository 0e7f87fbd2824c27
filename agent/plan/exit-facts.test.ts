import { describe, expect, test } from 'vitest'
import { exitKindOfRow, exitText, type ExitFacts } from './exit-facts.ts'
import { aRow } from './world.fixture.ts'

const facts = (code: number, change: Partial<ExitFacts> = {}): ExitFacts => ({ code, oomKilled: false, error: '', tail: '', ...change })

describe('kind of an exit', () => {
  test.each([
    ['exit 0', {}, facts(0), 'completed'],
    ['exit 75', {}, facts(75), 'preempted'],
    ['exit 3', {}, facts(3), 'user-error'],
    ['killed for memory', {}, facts(137, { oomKilled: true }), 'oom'],
    ['a killed child sets the flag too: the code decides', {}, facts(1, { oomKilled: true }), 'user-error'],
    ['asked to save, exit 0', { preemptAt: 1 }, facts(0), 'preempted'],
    ['asked to save, fails', { preemptAt: 1 }, facts(1), 'user-error'],
    ['asked to save, reminded by SIGTERM, then saved', { preemptAt: 1, stopAt: 2 }, facts(0), 'preempted'],
    ['asked to save, reminded by SIGTERM, exit 75', { preemptAt: 1, stopAt: 2 }, facts(75), 'preempted'],
    ['asked to save, had to be killed: free of charge', { preemptAt: 1, stopAt: 2 }, facts(137), 'stopped'],
    ['stopped', { stopAt: 2 }, facts(143), 'stopped'],
  ] as const)('%s', (_name, row, found, kind) => {
    expect(exitKindOfRow(aRow({ phase: 'started', ...row }), found)).toBe(kind)
  })
})

describe('text of an exit', () => {
  test('a failure shows the end of its log', () => {
    expect(exitText('user-error', facts(3, { tail: 'ValueError: no data' }), 0)).toBe('container exited with code 3\nlast lines of the log:\nValueError: no data')
  })
  test('a success does not', () => {
    expect(exitText('completed', facts(0, { tail: 'bye' }), 0)).toBe('container exited with code 0')
  })
  test('a bus error names the cure', () => {
    expect(exitText('user-error', facts(135), 64 << 20)).toContain('shared memory is 64 MiB, raise resources.shm_size')
  })
  test('bounded, with the end of the log kept and nothing that Postgres cannot hold', () => {
    const text = exitText('user-error', facts(1, { tail: `${'\u0000x'.repeat(9_000)}\ud800the end` }), 0)
    expect(text.length).toBeLessThanOrEqual(4096)
    expect(text.startsWith('container exited with code 1')).toBe(true)
    expect(text.endsWith('the end')).toBe(true)
    expect(text).not.toContain('\u0000')
    expect(text.isWellFormed()).toBe(true)
  })
})
