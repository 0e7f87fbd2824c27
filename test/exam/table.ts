import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Recorded } from './record-proxy.ts'

const README = join(import.meta.dirname, '../../README.md')
const BEGIN = '<!-- exam: written by `npm run test:exam -- --write-table` -->'
const END = '<!-- exam ends -->'
/** Called by every command of the package before anything else. */
const ALWAYS = new Set(['GET /info', 'GET /api/v1/me', 'POST /api/v1/auth/login'])

export interface Result {
  command: string
  works: boolean
  calls: readonly Recorded[]
}

/** The table of the run: a line a command, with each route that it called and the answers it got. */
export function tableOf(results: readonly Result[], nameOf: (method: string, path: string) => string): string {
  const lines = results.map(({ command, works, calls }) => `| \`${command}\` | ${works ? 'works' : 'fails'} | ${routesOf(calls, nameOf, command)} |`)
  const routes = new Set(results.flatMap(({ calls }) => calls.filter((call) => call.status < 300).map((call) => nameOf(call.method, call.path))))
  const working = results.filter((result) => result.works).length
  return [`${working} of ${results.length} work, over ${routes.size} routes.`, '', '| what is typed | | routes called, with the answers (paths below `/api/v1`) |', '|---|---|---|', ...lines].join('\n')
}

function routesOf(calls: readonly Recorded[], nameOf: (method: string, path: string) => string, command: string): string {
  const answers = new Map<string, Set<number>>()
  const served = new Set(calls.filter((call) => call.status < 300).map((call) => nameOf(call.method, call.path)))
  if (command.startsWith('bindings.get_*')) return `${served.size} routes 200; the others are not served`
  for (const call of calls) {
    const route = nameOf(call.method, call.path)
    if (ALWAYS.has(route) && !command.startsWith('det user')) continue
    answers.set(route, (answers.get(route) ?? new Set()).add(call.status))
  }
  return [...answers].map(([route, statuses]) => `${route.replace(' /api/v1/', ' ')} ${[...statuses].sort((a, b) => a - b).join(', ')}`).join(' · ')
}

export function writtenTable(): string {
  const { text, from, to } = place()
  return text.slice(from, to).trim()
}

export function writeTable(table: string): void {
  const { text, from, to } = place()
  writeFileSync(README, `${text.slice(0, from)}\n${table}\n${text.slice(to)}`)
}

function place(): { text: string; from: number; to: number } {
  const text = readFileSync(README, 'utf8')
  const begin = text.indexOf(BEGIN)
  const to = text.indexOf(END)
  if (begin < 0 || to < begin) throw new Error(`README.md has no place for the table: it needs the lines ${BEGIN} and ${END}`)
  return { text, from: begin + BEGIN.length, to }
}
