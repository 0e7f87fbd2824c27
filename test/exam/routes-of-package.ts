import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

/** One function of the package's generated client: what it calls. */
export interface PackageRoute {
  method: string
  /** with `{name}` for each parameter */
  path: string
  query: readonly string[]
  /** fields of the body's class with the package's own words for their types; null: no body */
  body: readonly Field[] | null
}

export interface Field {
  name: string
  type: string
}

const NO_BODY = { query: [], body: null }
/** Routes outside `/api/v1` that the package calls without its generated client. */
const RAW: readonly PackageRoute[] = [
  { method: 'GET', path: '/info', ...NO_BODY }, { method: 'GET', path: '/health', ...NO_BODY }, { method: 'GET', path: '/checkpoints/{uuid}', ...NO_BODY }, { method: 'GET', path: '/experiments/{id}/preview_gc', ...NO_BODY },
]

/** Every route that the published package knows, read from its own source. `bin` is the directory of its programs. */
export function routesOfPackage(bin: string): PackageRoute[] {
  const source = readFileSync(join(packageDir(bin), 'common/api/bindings.py'), 'utf8')
  const classes = new Map(blocks(source, 'class').map((block) => [/^class (\w+)/.exec(block)?.[1] ?? '', fieldsOf(block)]))
  return [...blocks(source, 'def').flatMap((block): PackageRoute[] => {
    const [, method, path] = /method="([A-Z]+)",\s*path=f?"([^"]+)"/.exec(block) ?? []
    if (method === undefined || path === undefined) return []
    const name = /\n {4}body: "(\w+)"/.exec(block)?.[1]
    return [{ method, path, query: [...block.matchAll(/\n {8}"([\w.]+)": /g)].map((match) => match[1] ?? ''), body: name === undefined ? null : (classes.get(name) ?? []) }]
  }), ...RAW]
}

/** Top-level blocks of a Python source that begin with the word. */
function blocks(source: string, word: 'class' | 'def'): string[] {
  return source.split(/^(?=class |def )/m).filter((block) => block.startsWith(`${word} `))
}

function fieldsOf(block: string): Field[] {
  const head = /def __init__\(\s*self,\s*\*,([\s\S]*?)\n {4}\):/.exec(block)?.[1] ?? ''
  return [...head.matchAll(/\n {8}(\w+): "?(.*?)"?(?: = _unset)?,(?=\n|$)/g)].map((match) => ({ name: match[1] ?? '', type: match[2] ?? '' }))
}

function packageDir(bin: string): string {
  const lib = join(bin, '../lib')
  const python = readdirSync(lib).find((name) => name.startsWith('python3') && existsSync(join(lib, name, 'site-packages/determined')))
  if (python === undefined) throw new Error(`there is no determined package beside ${bin}`)
  return join(lib, python, 'site-packages/determined')
}

/** Names a request by the route that it is of: `GET /api/v1/trials/{trialId}`; the one with the fewest parameters where several fit. */
export function routeNamer(routes: readonly PackageRoute[]): (method: string, path: string) => string {
  const known = routes.map((route) => ({ ...route, holes: route.path.split('{').length, pattern: new RegExp(`^${route.path.replaceAll('.', '\\.').replace(/\{[^}]+\}/g, '[^/]+')}$`) })).sort((a, b) => a.holes - b.holes)
  return (method, path) => {
    const match = known.find((route) => route.method === method && route.pattern.test(path))
    return match ? `${method} ${match.path}` : `${method} ${path}`
  }
}
