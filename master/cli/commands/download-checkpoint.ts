import { mkdir, readdir, rename, rm, rmdir } from 'node:fs/promises'
import { basename, dirname, join, resolve } from 'node:path'
import type { Client } from '../client.ts'
import { CliError, EXIT } from '../fail.ts'
import { sizeText } from '../format.ts'
import type { Invocation } from '../invocation.ts'
import { stateWord } from '../shapes.ts'
import type { Checkpoint } from '../shapes.ts'
import { unpackTgz } from '../unpack-tgz.ts'
import { filesOf, uuidOf } from './show-checkpoints.ts'

/** All files or none: they are unpacked beside the target, compared with the record, and renamed into place. */
export async function downloadCheckpoint(invocation: Invocation, text: string, dir: string | null): Promise<void> {
  const { terminal } = invocation
  const uuid = uuidOf(text)
  const target = resolve(dir ?? join('checkpoints', uuid))
  const client = await invocation.client()
  const { checkpoint } = await client.get<{ checkpoint: Checkpoint }>(`/api/v1/checkpoints/${uuid}`)
  if (stateWord(checkpoint.state) !== 'COMPLETED') throw new CliError(EXIT.failed, `checkpoint ${uuid} is ${stateWord(checkpoint.state)}; only a COMPLETED one has its files`, 'choose another: drover checkpoint list')
  await refuseFull(target)
  const part = join(dirname(target), `.${basename(target)}.${process.pid}.part`)
  try {
    await mkdir(part, { recursive: true })
    const files = await fetchFiles(invocation, client, uuid, part)
    compare(checkpoint, files)
    await rename(part, target).catch((error: unknown) => {
      throw diskError(error, target)
    })
    const size = [...files.values()].reduce((sum, one) => sum + one, 0)
    if (terminal.json) terminal.data({ uuid, directory: target, files: Object.fromEntries(files) })
    else terminal.line(`${target}: ${files.size} file${files.size === 1 ? '' : 's'}, ${sizeText(size)}`)
  } catch (error) {
    await rm(part, { recursive: true, force: true })
    throw error instanceof CliError ? error : diskError(error, part)
  }
}

async function refuseFull(target: string): Promise<void> {
  const names = await readdir(target).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return null
    throw new CliError(EXIT.failed, `${target} is in the way (${error.code})`, 'choose another place with -o')
  })
  if (names === null) return
  if (names.length > 0) throw new CliError(EXIT.failed, `${target} is there already and not empty`, 'remove it or choose another place with -o')
  await rmdir(target)
}

async function fetchFiles({ terminal, signal }: Invocation, client: Client, uuid: string, part: string): Promise<Map<string, number>> {
  const bytes = await client.bytes(`/checkpoints/${uuid}`, { format: 'tgz' }, signal)
  try {
    return await unpackTgz(bytes, part, (total) => terminal.status(`${sizeText(total)} fetched`), signal)
  } catch (error) {
    if (error instanceof CliError) throw error
    if (signal.aborted) throw new CliError(EXIT.interrupted, 'interrupted; nothing was kept', 'run the command again')
    if (isDisk(error)) throw diskError(error, part)
    throw new CliError(EXIT.failed, `the archive broke off: ${error instanceof Error ? error.message : 'unknown fault'}; nothing was kept`, 'run the command again')
  }
}

/** What came must be what the record names, byte count by byte count. */
function compare(checkpoint: Checkpoint, files: ReadonlyMap<string, number>): void {
  const wrong = filesOf(checkpoint).find(([path, size]) => files.get(path) !== size)
  if (wrong === undefined) return
  const [path, size] = wrong
  const came = files.get(path)
  throw new CliError(EXIT.failed, `${path} ${came === undefined ? 'is missing from the archive' : `came with ${came} bytes instead of ${size}`}; nothing was kept`, 'run the command again; if it stays so, the bucket has lost bytes')
}

const DISK = new Set(['ENOSPC', 'EACCES', 'EROFS', 'EDQUOT', 'ENOTDIR', 'EEXIST', 'ENAMETOOLONG', 'EPERM', 'EISDIR', 'ENOTEMPTY'])

function isDisk(error: unknown): error is NodeJS.ErrnoException {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' && DISK.has(error.code)
}

function diskError(error: unknown, path: string): CliError {
  return new CliError(EXIT.failed, `cannot write to ${path}: ${isDisk(error) ? error.code : error instanceof Error ? error.message : 'unknown fault'}`, 'choose another place with -o')
}
