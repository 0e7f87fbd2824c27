import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { SAMPLES, UUIDS } from './gather/smi/samples.fixture.ts'
import { gpusCommand } from './gpus.ts'
import type { NvidiaSmi, SmiAnswer } from './host/nvidia-smi.ts'

let dir: string
beforeAll(async () => void (dir = await mkdtemp(join(tmpdir(), 'drover-gpus-'))))
afterAll(() => rm(dir, { recursive: true }))

async function file(content: string | Uint8Array): Promise<string> {
  const path = join(dir, 'output')
  await writeFile(path, content)
  return path
}

/** Answers by the first argument. */
function smi(answers: Record<string, SmiAnswer>): NvidiaSmi {
  return { run: ([first = '']) => Promise.resolve(answers[first] ?? { kind: 'absent' }), follow: () => Promise.resolve({ kind: 'absent' }) }
}

test.each(Object.entries(SAMPLES))('--from a file of format %s: JSON and 0', async (_name, text) => {
  const { code, out, err } = await gpusCommand(['--from', await file(text)])
  expect([code, err]).toEqual([0, ''])
  expect(JSON.parse(out)).toMatchObject({ format: expect.stringMatching(/^[a-z-]+$/) })
})

test('--from=FILE', async () => expect(await gpusCommand([`--from=${await file(SAMPLES.list)}`])).toMatchObject({ code: 0, err: '' }))

test('UTF-16, as PowerShell redirects', async () => {
  const utf16 = Buffer.concat([Buffer.from([0xff, 0xfe]), Buffer.from(SAMPLES.list.replaceAll('\n', '\r\n'), 'utf16le')])
  expect(JSON.parse((await gpusCommand(['--from', await file(utf16)])).out)).toMatchObject({ format: 'list', gpus: [{ uuid: UUIDS[0], migDevices: [{ profile: '3g.20gb' }, { profile: '1g.5gb+me' }] }, { uuid: UUIDS[1] }] })
})

test('an error of nvidia-smi: named on stderr with its line and cure, 2, and what it said on stdout', async () => {
  const { code, out, err } = await gpusCommand(['--from', await file('some wrapper\nFailed to initialize NVML: Driver/library version mismatch\n')])
  expect(code).toBe(2)
  expect(err).toMatch(/no list of GPUs but an error of nvidia-smi, library-mismatch: "Failed to initialize NVML: Driver\/library version mismatch". .* reboot\.\n$/)
  expect(JSON.parse(out)).toMatchObject({ format: 'error', gpus: [], text: ['some wrapper', 'Failed to initialize NVML: Driver/library version mismatch'] })
})

test.each([
  ['', /the output is empty/],
  ['once upon a time\n', /a text of 2 lines that begins "once upon a time"/],
  ['<config><gpu>x</gpu></config>', /XML without a GPU/],
])('no output of nvidia-smi %j: what it is, 2', async (text, why) => {
  const { code, out, err } = await gpusCommand(['--from', await file(text)])
  expect([code, out]).toEqual([2, ''])
  expect(err).toMatch(why)
})

test.each([
  [['--from'], /use `drover-agent gpus/],
  [['--all'], /does not know "--all"/],
  [['--from', '/nowhere/at/all'], /\/nowhere\/at\/all cannot be read: ENOENT/],
])('%j is refused', async (args, why) => expect(await gpusCommand(args)).toMatchObject({ code: 2, out: '', err: expect.stringMatching(why) }))

test('this machine: GPUs, MIG devices and slots', async () => {
  const answer = await gpusCommand([], smi({ '-q': { kind: 'output', text: SAMPLES.xml }, '-L': { kind: 'output', text: SAMPLES.list } }))
  expect(answer.code).toBe(0)
  expect(JSON.parse(answer.out)).toMatchObject({ format: 'machine', driverVersion: '550.90.07', gpus: [{ uuid: UUIDS[0] }, { uuid: UUIDS[1] }], slots: [{ id: 'gpu-1' }, { id: 'gpu-0-mig-0', memoryMib: 19_968 }, { id: 'gpu-0-mig-1' }] })
})

test('this machine: none, broken, hung', async () => {
  expect(JSON.parse((await gpusCommand([], smi({}))).out)).toMatchObject({ gpus: [], slots: [], notes: [expect.stringMatching(/not there/)] })
  expect(await gpusCommand([], smi({ '-q': { kind: 'failed', code: 9, text: "NVIDIA-SMI has failed because it couldn't communicate with the NVIDIA driver." } }))).toMatchObject({ code: 2, err: expect.stringMatching(/driver-not-loaded/) })
  expect(await gpusCommand([], smi({ '-q': { kind: 'hung', text: 'nvidia-smi gave no answer within 10 s' } }))).toMatchObject({ code: 2, err: expect.stringMatching(/no answer within 10 s: a GPU or its driver may hang/) })
})
