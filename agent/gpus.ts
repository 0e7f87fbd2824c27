import { open } from 'node:fs/promises'
import type { Gpu } from './gather/smi/listing.ts'
import { readSmi, type Reading } from './gather/smi/read.ts'
import { reportOf } from './gather/smi/report.ts'
import { slotsOf } from './gather/smi/slots.ts'
import { openNvidiaSmi, type NvidiaSmi, type SmiAnswer } from './host/nvidia-smi.ts'

export interface CommandAnswer {
  code: number
  out: string
  err: string
}

const USAGE = 'use `drover-agent gpus` or `drover-agent gpus --from FILE`'
const FILE_MAX = 32 << 20

/**
 * `gpus`: what this machine has. `gpus --from FILE`: what a stored output of nvidia-smi says, its format known by
 * content. JSON on stdout and 0; where there is no list of GPUs, the reason on stderr and 2 (what nvidia-smi said instead is on stdout too).
 */
export async function gpusCommand(args: readonly string[], smi: NvidiaSmi = openNvidiaSmi()): Promise<CommandAnswer> {
  const [option, file, ...more] = args.flatMap((arg) => (arg.startsWith('--from=') ? ['--from', arg.slice('--from='.length)] : [arg]))
  if (option === undefined) return machine(smi)
  if (option !== '--from' || file === undefined || more.length > 0) return refused(`gpus does not know ${JSON.stringify(args.join(' '))}: ${USAGE}`)
  try {
    return answerOf(readSmi(decode(await readBounded(file))), file === '-' ? 'stdin' : file)
  } catch (error) {
    return refused(`${file} cannot be read: ${error instanceof Error ? error.message : String(error)}`)
  }
}

function answerOf(reading: Reading, from: string): CommandAnswer {
  if (reading.kind === 'nothing') return refused(`${from} is no output of nvidia-smi: it is ${reading.saw}`)
  const out = json(reportOf(reading))
  if (reading.kind !== 'error') return { code: 0, out, err: '' }
  return { code: 2, out, err: `drover-agent: ${from} holds no list of GPUs but an error of nvidia-smi, ${reading.failure.kind}: ${JSON.stringify(reading.failure.line)}. ${sentence(reading.failure.what)}\n` }
}

async function machine(smi: NvidiaSmi): Promise<CommandAnswer> {
  const log = await smi.run(['-q', '-x'])
  if (log.kind === 'absent') return { code: 0, out: json({ format: 'machine', driverVersion: null, cudaVersion: null, attachedGpus: 0, gpus: [], slots: [], notes: ['nvidia-smi is not there: this machine has no NVIDIA driver, or no GPU'] }), err: '' }
  if (log.kind === 'hung' || log.kind === 'stopped') return refused(log.kind === 'hung' ? `${log.text}: a GPU or its driver may hang, see the kernel log` : 'stopped')
  const reading = readSmi(log.text)
  if (!('listing' in reading)) return answerOf(reading, 'nvidia-smi')
  const list = gpusIn(await smi.run(['-L']))
  const found = slotsOf(reading.listing.gpus, { list, log: reading.listing.gpus })
  return { code: 0, out: json({ ...reportOf(reading), format: 'machine', slots: found.slots, left: found.left }), err: '' }
}

function gpusIn(answer: SmiAnswer): Gpu[] {
  const reading = answer.kind === 'output' || answer.kind === 'failed' ? readSmi(answer.text) : null
  return reading !== null && 'listing' in reading ? reading.listing.gpus : []
}

/** The whole file, or an error where it is larger than any output of nvidia-smi. */
async function readBounded(file: string): Promise<Buffer> {
  const handle = await open(file === '-' ? '/dev/stdin' : file)
  try {
    const chunks: Buffer[] = []
    let size = 0
    for await (const chunk of handle.createReadStream({ autoClose: false })) {
      if (!Buffer.isBuffer(chunk)) continue
      chunks.push(chunk)
      size += chunk.length
      if (size > FILE_MAX) throw new Error('it is larger than 32 MiB, more than nvidia-smi ever writes')
    }
    return Buffer.concat(chunks)
  } finally {
    await handle.close()
  }
}

/** UTF-8, or UTF-16 as a redirection in PowerShell leaves it. */
function decode(bytes: Buffer): string {
  const encoding = bytes[0] === 0xff && bytes[1] === 0xfe ? 'utf-16le' : bytes[0] === 0xfe && bytes[1] === 0xff ? 'utf-16be' : 'utf-8'
  return new TextDecoder(encoding).decode(bytes)
}

function json(value: unknown): string {
  return `${JSON.stringify(value, null, 1)}\n`
}

function sentence(text: string): string {
  return `${text.slice(0, 1).toUpperCase()}${text.slice(1)}.`
}

function refused(text: string): CommandAnswer {
  return { code: 2, out: '', err: `drover-agent: ${text}\n` }
}
