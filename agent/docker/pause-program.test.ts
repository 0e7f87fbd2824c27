import { execFileSync, spawn } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { pauseProgram } from './pause-program.ts'

test('it runs, waits and takes no time', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'drover-pause-'))
  writeFileSync(join(dir, 'pause'), pauseProgram(process.arch), { mode: 0o755 })
  const child = spawn(join(dir, 'pause'), { stdio: 'ignore' })
  const ended = new Promise((resolve) => child.once('exit', (_code, signal) => resolve(signal)))
  await new Promise((resolve) => setTimeout(resolve, 200))
  const [state, ticks] = execFileSync('ps', ['-o', 'state=,cputimes=', '-p', String(child.pid)], { encoding: 'utf8' }).trim().split(/\s+/)
  child.kill('SIGKILL')
  expect([state, ticks, await ended]).toEqual(['S', '0', 'SIGKILL'])
  rmSync(dir, { recursive: true })
})

test('the program for arm64 is the wait of that machine, instruction by instruction', () => {
  const code = pauseProgram('arm64').subarray(120)
  const words = Array.from({ length: code.length / 4 }, (_, index) => code.readUInt32LE(index * 4))
  const movz = (register: number, value: number): number => (0xd2800000 | (value << 5) | register) >>> 0
  const branchBack = (instructions: number): number => (0x14000000 | (-instructions & 0x03ffffff)) >>> 0
  expect(words).toEqual([movz(0, 0), movz(1, 0), movz(2, 0), movz(3, 0), movz(8, 73), 0xd4000001, branchBack(6)])
})

test('a machine that the agent does not run on is named', () => {
  expect(() => pauseProgram('riscv64')).toThrow('there is no sandbox program for riscv64')
})
