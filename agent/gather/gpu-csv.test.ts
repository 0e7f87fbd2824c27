import { expect, test } from 'vitest'
import { parseGpuCsv } from './gpu-csv.ts'

const UUID = 'GPU-b4895dbf-9350-2524-a89b-98161ddd9fe4'
const OTHER = 'GPU-513536b6-7d19-9063-b049-1e69664bb298'

test('GPUs in order of their index, with the driver', () => {
  const { slots, driver } = parseGpuCsv(`1, ${OTHER}, 81559, 535.183.01, NVIDIA H100 80GB HBM3\n0, ${UUID}, 81559, 535.183.01, NVIDIA H100 80GB HBM3\n`)
  expect(driver).toBe('535.183.01')
  expect(slots.map((slot) => [slot.id, slot.kind, slot.uuid, slot.memoryMib, slot.brand])).toEqual([
    ['gpu-0', 'cuda', UUID, 81559, 'NVIDIA H100 80GB HBM3'], ['gpu-1', 'cuda', OTHER, 81559, 'NVIDIA H100 80GB HBM3'],
  ])
})

test.each([
  ['nothing', ''],
  ['an error on stdout', "NVIDIA-SMI has failed because it couldn't communicate with the NVIDIA driver. Make sure that the latest NVIDIA driver is installed and running.\n"],
  ['a cut line', `0, GPU-b48`],
  ['no devices', 'No devices were found\n'],
])('%s is no GPU', (_name, text) => {
  expect(parseGpuCsv(text)).toEqual({ slots: [], driver: null })
})

test('memory that is not told, a name with a comma, a line twice, a warning at the end', () => {
  const line = `0, ${UUID}, [Insufficient Permissions], 450.80.02, Odd, Name`
  expect(parseGpuCsv(`${line}\r\n${line}\r\nWARNING: infoROM is corrupted at gpu 0000:00:1E.0\n`).slots).toEqual([{ id: 'gpu-0', kind: 'cuda', uuid: UUID, brand: 'Odd, Name', memoryMib: 0, index: 0 }])
})
