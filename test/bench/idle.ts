import { spawn } from 'node:child_process'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Stack } from '../rig/stack.ts'
import { cpuMs, residentMb } from './process.ts'
import type { Row } from './row.ts'

const WINDOW_MS = 10_000
const RUNS = 5
/** half a tick of the clock that counts processes' time, ms */
const HALF_TICK_MS = 5

/** Idle agent and master beside a bare Node process: resident memory in MB, CPU in ms a second. */
export async function idleRows(stack: Stack): Promise<Row[]> {
  const bare = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1e6)'], { stdio: 'ignore' })
  await sleep(5_000)
  const pids = { agent: stack.agent.pid, master: stack.master.pid, bare: bare.pid ?? 0 }
  const memory = { agent: [] as number[], master: [] as number[], bare: [] as number[] }
  const cpu = { agent: [] as number[], master: [] as number[], bare: [] as number[] }
  for (let run = 0; run < RUNS; run += 1) {
    const before = { agent: cpuMs(pids.agent), master: cpuMs(pids.master), bare: cpuMs(pids.bare) }
    await sleep(WINDOW_MS)
    for (const name of ['agent', 'master', 'bare'] as const) {
      memory[name].push(residentMb(pids[name]))
      cpu[name].push((cpuMs(pids[name]) - before[name]) / (WINDOW_MS / 1000))
    }
  }
  bare.kill()
  // a bare process may use less than one tick in the window: half a tick then stands for it
  const floor = cpu.bare.map((value) => Math.max(value, HALF_TICK_MS / (WINDOW_MS / 1000)))
  return [
    { name: 'E1 idle memory, agent', unit: 'MB', ours: memory.agent, peer: memory.bare, peerName: 'bare node', goal: { atMost: 1.45 } },
    { name: 'E1 idle CPU, agent', unit: 'ms/s', ours: cpu.agent, peer: floor, peerName: 'bare node', goal: { atMost: 3 } },
    { name: 'idle memory, master', unit: 'MB', ours: memory.master, peer: memory.bare, peerName: 'bare node', goal: { atMost: 3 } },
    { name: 'idle CPU, master', unit: 'ms/s', ours: cpu.master, peer: floor, peerName: 'bare node', goal: { atMost: 10 } },
  ]
}
