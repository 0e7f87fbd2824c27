import { describe, expect, test } from 'vitest'
import type { Gpu } from './listing.ts'
import { readSmi, type Reading } from './read.ts'
import { SAMPLES, UUIDS } from './samples.fixture.ts'

function listed(text: string): Extract<Reading, { listing: unknown }> {
  const reading = readSmi(text)
  if (!('listing' in reading)) throw new Error(`read as ${reading.kind}`)
  return reading
}

function gpu(text: string, index: number): Gpu {
  const found = listed(text).listing.gpus[index]
  if (found === undefined) throw new Error(`no GPU ${index}`)
  return found
}

test('CSV with units: every column by its header', () => {
  const { kind, listing } = listed(SAMPLES.csv)
  expect([kind, listing.driver, listing.attached, listing.trouble]).toEqual(['csv', '550.90.07', 2, []])
  expect(gpu(SAMPLES.csv, 1)).toMatchObject({
    index: 1, uuid: UUIDS[1], memory: { totalMib: 40_960, usedMib: 812 }, utilization: { gpuPct: 97 }, temperature: { gpuC: 66 }, power: { drawW: 312.4 }, clocks: { smMhz: 1410 },
    throttle: ['hw_thermal_slowdown', 'sw_power_cap'], ecc: { mode: 'Enabled', volatile: { uncorrected: 2, corrected: null } }, mig: { mode: 'Disabled' }, pciBusId: '00000000:10:1D.0', trouble: [],
  })
})

test('CSV without units, columns in another order: words of trouble are named and give no number', () => {
  expect(gpu(SAMPLES.csvNounits, 0)).toMatchObject({ uuid: UUIDS[0], name: 'Tesla T4', memory: { totalMib: 15_360 }, fanPct: null, power: { drawW: 9.31 }, trouble: [] })
  expect(gpu(SAMPLES.csvNounits, 1)).toMatchObject({ utilization: { gpuPct: null }, fanPct: null, power: { drawW: null } })
  expect(gpu(SAMPLES.csvNounits, 1).trouble).toEqual(expect.arrayContaining([{ field: 'utilization.gpu', said: 'GPU is lost' }, { field: 'fan', said: 'Unknown Error' }, { field: 'power.draw', said: 'GPU requires reset' }]))
})

test('a lost GPU between two: its row of errors has no number, the others stay', () => {
  const text = `index, uuid, memory.total [MiB]\n0, ${UUIDS[0]}, 81559 MiB\nUnable to determine the device handle for GPU0000:02:00.0: Unknown Error\n[Unknown Error], [Unknown Error], [Unknown Error]\n2, ${UUIDS[1]}, 81559 MiB\n`
  const { listing } = listed(text)
  expect(listing.gpus.map((each) => [each.index, each.uuid, each.memory.totalMib])).toEqual([[0, UUIDS[0], 81_559], [1, null, null], [2, UUIDS[1], 81_559]])
  expect(listing.notes).toEqual(['Unable to determine the device handle for GPU0000:02:00.0: Unknown Error'])
})

test('the same GPUs again and again (-l): the newest reading of each', () => {
  const again = SAMPLES.csv + SAMPLES.csv.split('\n').slice(1).join('\n').replaceAll('312.40 W', '99.10 W')
  expect(listed(again).listing.gpus.map((each) => [each.index, each.power.drawW])).toEqual([[0, 51.75], [1, 99.1]])
})

test.each([['xml', SAMPLES.xml], ['q', SAMPLES.q], ['list', SAMPLES.list], ['table', SAMPLES.table]])('%s twice in one file: each GPU once', (_name, text) => {
  const once = listed(text).listing.gpus
  expect(listed(text + text).listing.gpus).toEqual(once)
})

test('a table of Windows has the driver model where Linux has the persistence mode', () => {
  const text = '|   0  NVIDIA GeForce RTX 2080 ...  WDDM  |   00000000:0C:00.0  On |                  N/A |\n| 41%   35C    P8              9W /  250W |     702MiB /   8192MiB |      0%      Default |\n|                                         |                        |                  N/A |\n'
  expect(gpu(text, 0)).toMatchObject({ name: 'NVIDIA GeForce RTX 2080 ...', pciBusId: '00000000:0C:00.0', memory: { usedMib: 702, totalMib: 8192 }, power: { drawW: 9 }, trouble: [] })
})

test.each([
  ['memory.total [MiB]', '81,559 MiB', 'memory', { totalMib: null }],
  ['memory.total [MiB]', '81.559 MiB', 'memory', { totalMib: null }],
  ['memory.total [MiB]', '81 559 MiB', 'memory', { totalMib: null }],
  ['memory.total [MiB]', '81559 KiB', 'memory', { totalMib: null }],
  ['memory.total [MiB]', '80 GiB', 'memory', { totalMib: 81_920 }],
  ['power.draw [W]', '1.234,50 W', 'power', { drawW: null }],
  ['power.draw [W]', '1.234 W', 'power', { drawW: null }],
  ['power.draw [W]', '312,40 W', 'power', { drawW: 312.4 }],
  ['temperature.gpu', '4x', 'temperature', { gpuC: null }],
])('%s %s: the number, or none where it can be read in two ways', (field, value, part, expected) => {
  const read = gpu(`uuid, ${field}, index\n${UUIDS[0]}, ${value}, 0\n`, 0)
  expect(read).toMatchObject({ [part]: expected })
  expect(read.trouble).toHaveLength(Object.values(expected).includes(null) ? 1 : 0)
})

test('XML: MIG devices below their GPU, ECC of the parts added up, what is pending', () => {
  const { listing } = listed(SAMPLES.xml)
  expect([listing.driver, listing.cuda, listing.attached, listing.trouble]).toEqual(['550.90.07', '12.4', 2, []])
  expect(gpu(SAMPLES.xml, 0)).toMatchObject({ pciBusId: '00000000:10:1C.0', mig: { mode: 'Enabled', devices: [{ index: 0, gpuInstanceId: 2, memoryTotalMib: 19_968 }, { index: 1, gpuInstanceId: 9, memoryTotalMib: 4864 }] }, memory: { totalMib: 40_960 }, processes: 0 })
  expect(gpu(SAMPLES.xml, 1)).toMatchObject({
    index: 1, mig: { mode: 'Disabled', pending: 'Enabled', devices: [] }, throttle: ['sw_power_cap'], ecc: { mode: 'Enabled', pending: 'Disabled', volatile: { corrected: 4, uncorrected: 3 }, aggregate: { corrected: null } },
    remappedRows: { uncorrectable: 2, pending: true, failure: false }, power: { drawW: 398.2, limitW: 400 }, processes: 1,
  })
})

test('-q of driver 610, decimal comma and an error in place of a value', () => {
  const { listing } = listed(SAMPLES.q)
  expect([listing.driver, listing.cuda, listing.notes]).toEqual(['610.57.04', '13.3', []])
  expect(gpu(SAMPLES.q, 0)).toMatchObject({ name: 'NVIDIA L4', utilization: { gpuPct: 42, memoryPct: null }, power: { drawW: 71.84 }, throttle: ['hw_slowdown', 'hw_thermal_slowdown'], temperature: { gpuC: 84 }, processes: 1, trouble: [{ field: 'utilization.memory', said: 'Unknown Error' }] })
})

test('the table: MIG devices, and a GPU of which only ERR! is told', () => {
  const { listing } = listed(SAMPLES.table)
  expect([listing.driver, listing.cuda]).toEqual(['550.90.07', '12.4'])
  expect(gpu(SAMPLES.table, 0)).toMatchObject({ mig: { mode: 'Enabled', devices: [{ index: 0, gpuInstanceId: 2, memoryTotalMib: 19_968 }] }, power: { drawW: 51, limitW: 400 } })
  expect(gpu(SAMPLES.table, 1)).toMatchObject({ name: null, fanPct: null, temperature: { gpuC: null }, power: { drawW: null }, utilization: { gpuPct: null }, pciBusId: '00000000:10:1D.0' })
})

test('an integrated GPU has neither bus nor memory, and a UUID without GPU-', () => {
  const table = '| NVIDIA-SMI 540.4.0                Driver Version: 540.4.0      CUDA Version: 12.6     |\n|   0  Orin (nvgpu)                  N/A  | N/A              N/A |                  N/A |\n| N/A   N/A  N/A               N/A /  N/A | Not Supported        |     N/A          N/A |\n|                                         |                      |                  N/A |\n'
  expect(gpu(table, 0)).toMatchObject({ name: 'Orin (nvgpu)', pciBusId: null, memory: { totalMib: null, usedMib: null }, trouble: [] })
  expect(gpu('GPU 0: Orin (nvgpu) (UUID: 11111111-2222-3333-4444-555555555555)\n', 0)).toMatchObject({ name: 'Orin (nvgpu)', uuid: '11111111-2222-3333-4444-555555555555' })
})

describe('what is not about one GPU', () => {
  test('topology', () => {
    expect(readSmi(SAMPLES.topo)).toMatchObject({ kind: 'topo', ansi: true, topology: { gpus: ['GPU0', 'GPU1'], nics: ['NIC0', 'mlx5_1'], gpuRows: ['GPU0', 'GPU1'], paths: { GPU0: { GPU1: 'NV12', NIC0: 'PXB' }, GPU1: { GPU0: 'NV12', GPU1: 'X', mlx5_1: 'PXB' } }, affinity: { GPU1: { cpus: '24-47', numa: '1' } } } })
  })
  test('NVLink, with a decimal comma', () => {
    expect(readSmi(SAMPLES.nvlink)).toMatchObject({ kind: 'nvlink', mig: false, gpus: [{ links: [{ link: 0, active: true, gbPerSecond: 25 }, { link: 1, active: false, gbPerSecond: null }] }, { links: [{ gbPerSecond: 25.781 }] }] })
  })
  test('versions', () => expect(readSmi(SAMPLES.version)).toMatchObject({ kind: 'version', versions: { driver: '610.57.04', cuda: '13.3' } }))
  test('kernel log', () => expect(readSmi(SAMPLES.kernel)).toMatchObject({ kind: 'kernel', kernel: { xids: [{ xid: 79, pci: '0000:10:1c', lines: 1 }], sxids: [{ sxid: 20_034 }], fallenOffBus: true } }))
  test('kernel log of a MIG device', () => expect(readSmi('[Mon Aug 17 10:00:00 2026] NVRM: Xid (PCI:0000:10:1c GPU-I:05): 31, pid=4711, name=python, Ch 00000008\n')).toMatchObject({ kind: 'kernel', kernel: { xids: [{ xid: 31, pci: '0000:10:1c', lines: 1 }] } }))
  test('processes', () => expect(readSmi(SAMPLES.apps)).toMatchObject({ kind: 'apps', rows: [['4711', '/opt/my env/python', '2296 MiB', UUIDS[0]]] }))
})

test.each([
  ['Failed to initialize NVML: Driver/library version mismatch\nNVML library version: 535.161\n', 'library-mismatch'],
  ["NVIDIA-SMI has failed because it couldn't communicate with the NVIDIA driver. Make sure that the latest NVIDIA driver is installed and running.\n\n", 'driver-not-loaded'],
  ["NVIDIA-SMI couldn't find libnvidia-ml.so library in your system.\n", 'library-missing'],
  ['No devices were found\n', 'no-devices'],
  ['Unable to determine the device handle for GPU 0000:03:00.0: GPU is lost.  Reboot the system to recover this GPU\n', 'gpu-lost'],
  ['Unable to determine the device handle for GPU0000:91:00.0: Unknown Error\n', 'device-handle'],
  ['Failed to initialize NVML: Unknown Error\n', 'nvml-unknown'],
  ['Failed to initialize NVML: Insufficient Permissions\n', 'no-permission'],
  ['bash: nvidia-smi: command not found\n', 'not-installed'],
  ['Failed to initialize NVML: GPU access blocked by the operating system\n', 'nvml'],
  ['Unable to query something new of GPU 0000:01:00.0\n', 'other'],
  ['Field "mig.mod" is not a valid field to query.\n', 'bad-question'],
])('an error on stdout is named: %s', (text, kind) => expect(readSmi(text)).toMatchObject({ kind: 'error', failure: { kind, what: expect.stringMatching(/\w/) } }))

test.each([
  ['', /output is empty/],
  ['\n \n', /output is empty/],
  ['{"gpus": []}', /JSON of 1 line/],
  ['<html><body>502</body></html>', /HTML/],
  ['Hello, world\nhow are you, today\n', /a text of 3 lines that begins "Hello, world"/],
  ['# Drover\n\nDrover drives herds of GPU machines, on AWS.\n', /begins "# Drover"/],
])('what is no output of nvidia-smi is said: %j', (text, saw) => expect(readSmi(text)).toEqual({ kind: 'nothing', saw: expect.stringMatching(saw) }))
