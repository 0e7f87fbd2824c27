import { readdir, readFile, statfs } from 'node:fs/promises'
import { availableParallelism } from 'node:os'
import type { Inventory, Slot } from '../../protocol/wire/heartbeat.ts'
import { DROVER_VERSION } from '../../protocol/wire/version.ts'

/** Facts that hold as long as the host is up. */
export type HostFacts = Pick<Inventory, 'hostname' | 'version' | 'bootId' | 'kernel' | 'os' | 'cpus' | 'memoryMib' | 'instanceId' | 'instanceType' | 'zone'>

const MIB = 1024 ** 2
/** The inventory must not change with every byte written. */
const DISK_STEP_MIB = 1024

/** Once at the start: systeminformation for what it knows, plain reads for the boot id and what EC2 writes into DMI. */
export async function readHostFacts(hostname: string): Promise<HostFacts> {
  const { default: systeminformation } = await import('systeminformation')
  const [memory, system, bootId, vendor, asset, product] = await Promise.all([
    systeminformation.mem(), systeminformation.osInfo(), readOr('/proc/sys/kernel/random/boot_id'), readOr('/sys/devices/virtual/dmi/id/sys_vendor'), readOr('/sys/devices/virtual/dmi/id/board_asset_tag'), readOr('/sys/devices/virtual/dmi/id/product_name'),
  ])
  const onEc2 = vendor?.startsWith('Amazon') === true
  return {
    hostname, version: DROVER_VERSION, bootId: bootId ?? 'unknown', kernel: system.kernel, os: `${system.distro} ${system.release}`.trim() || 'Linux',
    cpus: availableParallelism(), memoryMib: Math.floor(memory.total / MIB),
    instanceId: onEc2 && /^i-[0-9a-f]+$/.test(asset ?? '') ? (asset ?? null) : null,
    instanceType: onEc2 && /^[a-z0-9-]+\.[a-z0-9-]+$/.test(product ?? '') ? (product ?? null) : null,
    zone: null,
  }
}

/** Free space below `path`, MiB, in steps of 1 GiB. */
export async function readDiskFreeMib(path: string): Promise<number> {
  const { bavail, bsize } = await statfs(path)
  return Math.floor((bavail * bsize) / MIB / DISK_STEP_MIB) * DISK_STEP_MIB
}

/** What a host without GPU offers: `count` CPU slots. */
export async function cpuSlotList(count: number): Promise<Slot[]> {
  const { default: systeminformation } = await import('systeminformation')
  const { manufacturer, brand } = await systeminformation.cpu()
  const name = `${manufacturer} ${brand}`.trim().slice(0, 256) || 'CPU'
  return Array.from({ length: count }, (_, index) => ({ id: `cpu-${index}`, kind: 'cpu', uuid: `cpu-${index}`, brand: name, memoryMib: 0, index }))
}

/** Whether an NVIDIA device of a display class (VGA, 3D) is on the PCI bus, working or not. True where the bus cannot be read. */
export async function gpuOnBus(): Promise<boolean> {
  const bus = '/sys/bus/pci/devices'
  const devices = await readdir(bus).catch(() => null)
  if (devices === null) return true
  const found = await Promise.all(devices.map(async (device) => (await readOr(`${bus}/${device}/vendor`)) === '0x10de' && (await readOr(`${bus}/${device}/class`))?.startsWith('0x03') === true))
  return found.includes(true)
}

/** Null where this kind of host has no such file. */
async function readOr(path: string): Promise<string | null> {
  try {
    return (await readFile(path, 'utf8')).trim()
  } catch {
    return null // missing or closed to us: the fact is simply not known
  }
}
