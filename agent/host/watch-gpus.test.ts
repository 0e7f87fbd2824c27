import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { realClock } from '../../protocol/kit/clock.ts'
import type { Log } from '../../protocol/kit/log.ts'
import type { Slot } from '../../protocol/wire/heartbeat.ts'
import { openNvidiaSmi } from './nvidia-smi.ts'
import { watchGpus, type GpuWatch } from './watch-gpus.ts'

const A = 'GPU-11111111-2222-3333-4444-555555555555'
const B = 'GPU-66666666-7777-8888-9999-aaaaaaaaaaaa'
const HEAD = 'index, count, uuid, name, driver_version, memory.total [MiB], mig.mode.current, pci.bus_id'
const ROW_A = `0, 2, ${A}, NVIDIA L4, 550.90.07, 23034 MiB, Disabled, 00000000:00:1D.0`
const ROW_B = `1, 2, ${B}, NVIDIA L4, 550.90.07, 23034 MiB, Disabled, 00000000:00:1E.0`
const CPU: Slot = { id: 'cpu-0', kind: 'cpu', uuid: 'cpu-0', brand: 'CPU', memoryMib: 0, index: 0 }
const TIMING = { everyS: 0.2, lateMs: 300, killMs: 500, retryMs: 50 }

let dir: string
let stop: AbortController
let logged: { level: string; fields: object; message: string }[]
let watch: GpuWatch
let onBus: boolean

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'drover-smi-'))
  stop = new AbortController()
  logged = []
  onBus = true
})

afterEach(async () => {
  stop.abort()
  await watch.ended
  await rm(dir, { recursive: true })
})

function record(): Log {
  const at = (level: string) => (fields: object, message: string) => void logged.push({ level, fields, message })
  return { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error'), child: record }
}

/** An nvidia-smi of /bin/sh; each of its lives leaves a line in `lives`: its process and arguments. */
async function fake(body: string): Promise<string> {
  const program = join(dir, 'nvidia-smi')
  await writeFile(program, `#!/bin/sh\necho "$$ $*" >> ${dir}/lives\n${body}\n`, { mode: 0o755 })
  return program
}

async function begin(body: string): Promise<GpuWatch> {
  return open(await fake(body))
}

async function open(program: string): Promise<GpuWatch> {
  watch = watchGpus({ cpuSlots: () => Promise.resolve([CPU]), gpuOnBus: () => Promise.resolve(onBus), clock: realClock, log: record(), signal: stop.signal, smi: openNvidiaSmi(program), timing: TIMING })
  await watch.first
  return watch
}

async function lives(): Promise<string[]> {
  return (await readFile(join(dir, 'lives'), 'utf8')).trim().split('\n')
}

function alive(life: string | undefined): boolean {
  try {
    return process.kill(Number(life?.split(' ')[0]), 0)
  } catch {
    return false
  }
}

const uuids = (): string[] => watch.list().slots.map((slot) => slot.uuid)

test('one process lists the GPUs again and again; one that is gone is said and its slot goes', async () => {
  await begin(`echo '${HEAD}'; for i in 1 2 3; do echo '${ROW_A}'; echo '${ROW_B}'; sleep 0.1; done
while :; do echo '${ROW_A}'; echo 'Unable to determine the device handle for GPU0000:00:1E.0: Unknown Error'; sleep 0.6; done`)
  expect(watch.list()).toEqual({ driver: '550.90.07', verdict: null, slots: [
    { id: 'gpu-0', kind: 'cuda', uuid: A, brand: 'NVIDIA L4', memoryMib: 23_034, index: 0 }, { id: 'gpu-1', kind: 'cuda', uuid: B, brand: 'NVIDIA L4', memoryMib: 23_034, index: 1 },
  ] })
  await vi.waitFor(() => expect(uuids()).toEqual([A]), { timeout: 5000, interval: 50 })
  expect(logged).toContainEqual({ level: 'warn', fields: { notes: ['Unable to determine the device handle for GPU0000:00:1E.0: Unknown Error'], left: [], trouble: [], gone: ['gpu-1'] }, message: 'the list of GPUs is not as it should be' })
  expect(await lives()).toHaveLength(1)
  stop.abort()
  await watch.ended
  await vi.waitFor(async () => expect(alive((await lives())[0])).toBe(false))
})

test.each([
  ['sleeps for ever', 'sleep 3600'],
  ['ignores TERM', "trap '' TERM INT HUP; while :; do sleep 1; done"],
  ['prints half a line', `printf '${HEAD}\\n0, 2, GPU-1111'; sleep 3600`],
  ['prints one row of two', `echo '${HEAD}'; echo '${ROW_A}'; sleep 3600`],
])('%s: a hang is the verdict, nothing waits for it, and it is ended', async (_name, body) => {
  let worst = 0
  let before = performance.now()
  const beat = setInterval(() => {
    worst = Math.max(worst, performance.now() - before - 20)
    before = performance.now()
  }, 20)
  await begin(body)
  expect(watch.list()).toEqual({ slots: [], driver: null, verdict: { kind: 'hang', what: expect.stringMatching(/no answer within 0.3 s: a GPU or its driver may hang/) } })
  expect(logged).toContainEqual({ level: 'error', fields: { verdict: 'hang', what: expect.stringMatching(/hang/) }, message: 'no list of GPUs, the slots stay as they were' })
  await vi.waitFor(async () => expect((await lives()).length).toBeGreaterThan(1), { timeout: 8000, interval: 20 })
  clearInterval(beat)
  expect(alive((await lives())[0])).toBe(false)
  expect(worst).toBeLessThan(500)
})

test('a hang after good answers leaves the slots as they were, and the next answer lifts the verdict', async () => {
  await begin(`if [ -e ${dir}/hang ]; then rm ${dir}/hang; sleep 3600; fi
case "$*" in *-l*) echo '${HEAD}'; echo '${ROW_A}'; echo '${ROW_B}'; touch ${dir}/hang; sleep 3600;; *) sleep 3600;; esac`)
  expect(uuids()).toEqual([A, B])
  await vi.waitFor(() => expect(watch.list().verdict?.kind).toBe('hang'), { timeout: 5000, interval: 20 })
  expect(uuids()).toEqual([A, B])
  await vi.waitFor(() => expect(logged).toContainEqual({ level: 'info', fields: { verdict: 'hang' }, message: 'nvidia-smi answers again' }), { timeout: 8000, interval: 50 })
})

test('not there: CPU slots', async () => {
  await open(join(dir, 'none'))
  expect(watch.list()).toEqual({ slots: [CPU], driver: null, verdict: null })
})

test.each([
  ["echo 'Failed to initialize NVML: Driver/library version mismatch'; echo 'NVML library version: 535.161'; exit 18", /kernel and its library differ/],
  ["echo \"NVIDIA-SMI has failed because it couldn't communicate with the NVIDIA driver.\"; exit 9", /driver is not loaded/],
  ['exit 3', /^nvidia-smi ended with exit code 3 and said nothing$/],
  ["echo 'something new'; exit 4", /^nvidia-smi ended with exit code 4, saying "something new"$/],
])('%s: named, no slots', async (body, what) => {
  await begin(body)
  expect(watch.list()).toEqual({ slots: [], driver: null, verdict: { kind: 'failed', what: expect.stringMatching(what) } })
})

test('an error of our own is logged and tried again, the agent goes on', async () => {
  let asked = 0
  watch = watchGpus({
    cpuSlots: () => ((asked += 1) === 1 ? Promise.reject(new Error('no such file')) : Promise.resolve([CPU])),
    gpuOnBus: () => Promise.resolve(true), clock: realClock, log: record(), signal: stop.signal, smi: openNvidiaSmi(join(dir, 'none')), timing: TIMING,
  })
  await watch.first
  expect(logged).toEqual([{ level: 'error', fields: { err: new Error('no such file') }, message: 'the GPUs could not be read, the slots stay as they were' }])
  await vi.waitFor(() => expect(watch.list().slots).toEqual([CPU]))
})

test('a driver without any GPU on the bus: CPU slots', async () => {
  onBus = false
  await begin("echo 'No devices were found'; exit 6")
  expect(watch.list()).toEqual({ slots: [CPU], driver: null, verdict: null })
})

test('a list that ends with a warning and a code is a list', async () => {
  await begin(`echo '${HEAD}'; echo '${ROW_A}'; echo '${ROW_B}'; echo 'WARNING: infoROM is corrupted at gpu 0000:00:1E.0'; exit 14`)
  expect(uuids()).toEqual([A, B])
})

test('a driver that knows no MIG is asked without it', async () => {
  const old = (row: string): string => row.replace(', Disabled', '')
  await begin(`case "$*" in *mig*) echo 'Field "mig.mode.current" is not a valid field to query.'; exit 2;; esac
echo '${HEAD.replace(', mig.mode.current', '')}'; while :; do echo '${old(ROW_A)}'; echo '${old(ROW_B)}'; sleep 0.2; done`)
  expect(uuids()).toEqual([A, B])
  expect(await lives()).toHaveLength(2)
})

test('where -l says nothing and a single question is answered, single ones are asked', async () => {
  await begin(`case "$*" in *-l*) sleep 3600;; esac; echo '${HEAD}'; echo '${ROW_A}'; echo '${ROW_B}'`)
  await vi.waitFor(async () => expect((await lives()).filter((life) => !life.includes(' -l ')).length).toBeGreaterThan(2), { timeout: 8000, interval: 50 })
  expect(uuids()).toEqual([A, B])
  expect(watch.list().verdict).toBeNull()
})

test('MIG devices are slots with their own UUID and memory, the whole GPU beside them stays one', async () => {
  const xml = `<nvidia_smi_log><gpu id="00000000:00:1D.0"><uuid>${A}</uuid><mig_devices><mig_device><index>0</index><fb_memory_usage><total>19968 MiB</total></fb_memory_usage></mig_device></mig_devices></gpu></nvidia_smi_log>`
  await begin(`case "$*" in
-L) printf 'GPU 0: NVIDIA L4 (UUID: ${A})\\n  MIG 3g.20gb     Device  0: (UUID: MIG-01010101-0202-0303-0404-050505050505)\\nGPU 1: NVIDIA L4 (UUID: ${B})\\n'; exit;;
'-q -x') printf '<?xml version="1.0" ?>\\n${xml}\\n'; exit;;
esac
echo '${HEAD}'; while :; do echo '${ROW_A.replace('Disabled', 'Enabled')}'; echo '${ROW_B}'; sleep 0.2; done`)
  expect(watch.list().slots).toEqual([
    { id: 'gpu-1', kind: 'cuda', uuid: B, brand: 'NVIDIA L4', memoryMib: 23_034, index: 1 },
    { id: 'gpu-0-mig-0', kind: 'mig', uuid: 'MIG-01010101-0202-0303-0404-050505050505', brand: 'NVIDIA L4 MIG 3g.20gb', memoryMib: 19_968, index: 2 },
  ])
  expect(await lives()).toHaveLength(3)
})

test('one that not even KILL ends: no second one is started', async () => {
  watch = { list: () => ({ slots: [], driver: null, verdict: null }), first: Promise.resolve(), ended: Promise.resolve() }
  let pid = 0
  const smi = openNvidiaSmi(await fake('sleep 3600'), (child) => void (pid = child.pid ?? 0))
  expect(await smi.run([], 200)).toEqual({ kind: 'hung', text: 'nvidia-smi gave no answer within 0.2 s' })
  expect(await smi.run([], 200)).toEqual({ kind: 'hung', text: expect.stringMatching(/earlier nvidia-smi \(process \d+\) is stuck in the kernel .* replace the instance/) })
  expect(await lives()).toHaveLength(1)
  process.kill(-pid, 'SIGKILL')
  await vi.waitFor(async () => expect(await smi.run(['again'], 200)).toEqual({ kind: 'hung', text: 'nvidia-smi gave no answer within 0.2 s' }), { timeout: 3000 })
  process.kill(-pid, 'SIGKILL')
})
