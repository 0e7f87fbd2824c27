import { execFile } from 'node:child_process'
import { readFile, statfs } from 'node:fs/promises'
import { hostname } from 'node:os'
import type { Inventory, Slot } from '../../protocol/wire/heartbeat.ts'
import { DROVER_VERSION } from '../../protocol/wire/version.ts'
import { parseGpuCsv } from '../gather/gpu-csv.ts'

/** Facts of this host that do not change while it is up. */
export type HostFacts = Omit<Inventory, 'held' | 'diskFreeMib' | 'slots' | 'docker'>
const NVIDIA_DEADLINE_MS = 10_000

export async function readHostFacts(): Promise<HostFacts> {
  const { cpu, mem, osInfo } = await import('systeminformation')
  const [processor, memory, system, bootId] = await Promise.all([cpu(), mem(), osInfo(), readFile('/proc/sys/kernel/random/boot_id', 'utf8')])
  const driver = await nvidia(['--query-gpu=driver_version', '--format=csv,noheader'])
  return {
    hostname: hostname(), version: DROVER_VERSION, bootId: bootId.trim(), kernel: system.kernel, os: `${system.distro} ${system.release}`.trim(),
    cpus: processor.cores, memoryMib: Math.floor(memory.total / 1_048_576), driver: driver?.split('\n')[0]?.trim() || null, instanceId: null, instanceType: null,
  }
}

/** GPUs by nvidia-smi; where there is none, `cpuSlots` CPU slots. */
export async function readSlots(cpuSlots: number): Promise<Slot[]> {
  const csv = await nvidia(['--query-gpu=index,name,uuid,memory.total', '--format=csv,noheader,nounits'])
  const gpus = csv === null ? [] : parseGpuCsv(csv)
  if (gpus.length > 0) return gpus.map((gpu) => ({ id: `gpu-${gpu.index}`, kind: 'cuda' as const, uuid: gpu.uuid, brand: gpu.name, memoryMib: gpu.memoryMib ?? 0, index: gpu.index }))
  const { cpu } = await import('systeminformation')
  const processor = await cpu()
  return Array.from({ length: cpuSlots }, (_, index) => ({ id: `cpu-${index}`, kind: 'cpu' as const, uuid: `${hostname()}-cpu-${index}`, brand: `${processor.manufacturer} ${processor.brand}`.trim(), memoryMib: 0, index }))
}

export async function readDiskFreeMib(path: string): Promise<number> {
  const disk = await statfs(path)
  // in steps of 1 GiB, so that the inventory's hash changes only when it matters
  return Math.floor((disk.bavail * disk.bsize) / 1_073_741_824) * 1024
}

/** Output of nvidia-smi; null where it is not installed, fails or hangs: then the host has no usable GPU. */
function nvidia(args: string[]): Promise<string | null> {
  return new Promise((resolve) => {
    execFile('nvidia-smi', args, { timeout: NVIDIA_DEADLINE_MS, killSignal: 'SIGKILL', maxBuffer: 4 << 20 }, (error, stdout) => resolve(error ? null : stdout))
  })
}
