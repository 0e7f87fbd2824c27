import type { Stats } from 'node:fs'
import { lstat, readdir, readFile, realpath, stat } from 'node:fs/promises'
import { join, sep } from 'node:path'
import { CliError, EXIT } from './fail.ts'
import { sizeText } from './format.ts'
import { DEFAULT_RULES, parseIgnoreRules } from './ignore-rules.ts'
import type { IgnoreRules } from './ignore-rules.ts'

/** The master takes no more, unpacked. */
export const CONTEXT_MAX = 95 * 2 ** 20
const FILES_MAX = 50_000

export interface ContextEntry {
  /** relative, with `/` */
  path: string
  directory: boolean
  size: number
  mode: number
  /** whole seconds: the same tree packs to the same bytes */
  modified: number
}

/** Every file and directory of the model definition, sorted by path; refuses what cannot or must not be sent. */
export async function collectContext(root: string): Promise<ContextEntry[]> {
  const place = await realpath(root).catch(() => {
    throw new CliError(EXIT.failed, `${root} does not exist`, 'name the directory of the model definition')
  })
  if (!(await stat(place)).isDirectory()) throw new CliError(EXIT.failed, `${root} is no directory`, 'name the directory that holds the model definition')
  const entries: ContextEntry[] = []
  await walk(place, '', await rulesOf(place), entries)
  refuseLarge(entries)
  return entries.sort((a, b) => (a.path < b.path ? -1 : 1))
}

async function rulesOf(root: string): Promise<IgnoreRules> {
  const texts = await Promise.all(['.detignore', '.droverignore'].map((name) => readFile(join(root, name), 'utf8').catch(absent)))
  return parseIgnoreRules([...DEFAULT_RULES, ...texts.flatMap((text) => text.split('\n'))])
}

function absent(error: NodeJS.ErrnoException): string {
  if (error.code === 'ENOENT') return ''
  throw new CliError(EXIT.failed, `cannot read ${error.path ?? 'the ignore file'}: ${error.code}`, 'make it readable or remove it')
}

async function walk(root: string, under: string, rules: IgnoreRules, entries: ContextEntry[]): Promise<void> {
  for (const name of await list(join(root, under))) {
    const path = under === '' ? name : `${under}/${name}`
    const entry = await entryOf(root, path, rules)
    if (entry === null) continue
    entries.push(entry)
    if (entries.length > FILES_MAX) throw new CliError(EXIT.failed, `the model definition has more than ${FILES_MAX} files and directories`, 'name what is not needed in .droverignore')
    if (entry.directory) await walk(root, path, rules, entries)
  }
}

async function list(directory: string): Promise<string[]> {
  return readdir(directory).catch((error: NodeJS.ErrnoException) => {
    throw new CliError(EXIT.failed, `cannot read ${directory}: ${error.code}`, 'make it readable or name it in .droverignore')
  })
}

async function entryOf(root: string, path: string, rules: IgnoreRules): Promise<ContextEntry | null> {
  const full = join(root, path)
  let facts = await lstat(full)
  if (rules.ignores(path, facts.isDirectory())) return null
  if (facts.isSymbolicLink()) facts = await behindLink(root, path)
  const directory = facts.isDirectory()
  if (!directory && !facts.isFile()) throw new CliError(EXIT.failed, `${path} is neither a file nor a directory (a socket, pipe or device)`, 'remove it or name it in .droverignore')
  // tar of the master's side knows no other separator, and NUL never comes out of a file system
  if (path.includes('\\') && sep === '/') throw new CliError(EXIT.failed, `${JSON.stringify(path)} has a backslash in its name`, 'rename it or name it in .droverignore')
  return { path, directory, size: directory ? 0 : facts.size, mode: facts.mode & 0o777, modified: Math.floor(facts.mtimeMs / 1000) }
}

/** A link to a file of the same tree is sent as that file; every other link is refused. */
async function behindLink(root: string, path: string): Promise<Stats> {
  const target = await realpath(join(root, path)).catch(() => null)
  if (target === null) throw new CliError(EXIT.failed, `${path} is a link to nothing`, 'remove it or name it in .droverignore')
  if (!target.startsWith(`${root}${sep}`)) throw new CliError(EXIT.failed, `${path} is a link out of the model definition (to ${target})`, 'replace it by what it links to, or name it in .droverignore')
  const facts = await stat(target)
  if (facts.isDirectory()) throw new CliError(EXIT.failed, `${path} is a link to a directory`, 'replace it by a copy, or name it in .droverignore')
  return facts
}

function refuseLarge(entries: readonly ContextEntry[]): void {
  const total = entries.reduce((sum, { size }) => sum + size, 0)
  if (total <= CONTEXT_MAX) return
  const biggest = entries.toSorted((a, b) => b.size - a.size).slice(0, 5).map(({ path, size }) => `${path} (${sizeText(size)})`)
  throw new CliError(EXIT.failed, `the model definition has ${sizeText(total)}; at most ${sizeText(CONTEXT_MAX)} can be sent. Biggest: ${biggest.join(', ')}`, 'name what is not needed in .droverignore; data belongs into the image, a bind mount or S3')
}
