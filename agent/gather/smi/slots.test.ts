import { expect, test } from 'vitest'
import type { Gpu } from './listing.ts'
import { readSmi } from './read.ts'
import { SAMPLES, UUIDS } from './samples.fixture.ts'
import { slotsOf } from './slots.ts'

function gpusOf(text: string): Gpu[] {
  const reading = readSmi(text)
  return 'listing' in reading ? reading.listing.gpus : []
}

const csv = gpusOf(SAMPLES.csv)

test('whole GPUs', () => {
  expect(slotsOf(csv, { list: [], log: [] })).toEqual({ left: [], slots: [
    { id: 'gpu-0', kind: 'cuda', uuid: UUIDS[0], brand: 'NVIDIA A100-SXM4-40GB', memoryMib: 40_960, index: 0 },
    { id: 'gpu-1', kind: 'cuda', uuid: UUIDS[1], brand: 'NVIDIA A100-SXM4-40GB', memoryMib: 40_960, index: 1 },
  ] })
})

test('a GPU that is cut into MIG devices is never a slot itself (I1); every slot has a number of its own', () => {
  const gpus = gpusOf(SAMPLES.csv.replace('Disabled', 'Enabled'))
  const { slots, left } = slotsOf(gpus, { list: gpusOf(SAMPLES.list), log: gpusOf(SAMPLES.xml) })
  expect(left).toEqual([])
  expect(slots.map((slot) => [slot.id, slot.kind, slot.uuid, slot.memoryMib, slot.index, slot.brand])).toEqual([
    ['gpu-1', 'cuda', UUIDS[1], 40_960, 1, 'NVIDIA A100-SXM4-40GB'],
    ['gpu-0-mig-0', 'mig', 'MIG-01010101-0202-0303-0404-050505050505', 19_968, 2, 'NVIDIA A100-SXM4-40GB MIG 3g.20gb'],
    ['gpu-0-mig-1', 'mig', 'MIG-06060606-0707-0808-0909-0a0a0a0a0a0a', 4864, 3, 'NVIDIA A100-SXM4-40GB MIG 1g.5gb+me'],
  ])
})

test('ids of MIG devices before driver 470', () => {
  const list = gpusOf(`GPU 0: A100-SXM4-40GB (UUID: ${UUIDS[0]})\n  MIG 1g.5gb Device 0: (UUID: MIG-${UUIDS[0]}/7/0)\n  MIG 1g.5gb Device 1: (UUID: MIG-${UUIDS[0]}/8/0)\n`)
  expect(slotsOf(list, { list, log: [] }).slots.map((slot) => [slot.id, slot.uuid, slot.memoryMib])).toEqual([['gpu-0-mig-0', `MIG-${UUIDS[0]}/7/0`, 0], ['gpu-0-mig-1', `MIG-${UUIDS[0]}/8/0`, 0]])
})

test.each([
  ['MIG mode without a device', SAMPLES.csv.replaceAll('Disabled', 'Enabled'), 0, /GPU 0 is in MIG mode and has no MIG device: make some/],
  ['a masked UUID', SAMPLES.csv.replace(UUIDS[0], 'GPU-xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx'), 1, /gpu-0 is no slot: it has no UUID/],
  ['a lost GPU', SAMPLES.csv.replace(UUIDS[0], '[GPU is lost]'), 1, /gpu-0 is no slot: it has no UUID/],
  ['a MIG mode that cannot be read', SAMPLES.csv.replace('Disabled', '[Unknown Error]'), 1, /gpu-0 is no slot: whether it is in MIG mode cannot be read/],
  ['two with one UUID', SAMPLES.csv.replace(UUIDS[1], UUIDS[0]), 1, /gpu-1 is no slot: another has the same/],
])('%s is no slot, and said', (_name, text, slots, why) => {
  const found = slotsOf(gpusOf(text), { list: [], log: [] })
  expect(found.slots).toHaveLength(slots)
  expect(found.left[0]).toMatch(why)
})
