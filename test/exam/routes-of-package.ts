import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

/** One function of the package's generated client: what it calls. */
export interface PackageRoute {
  method: string
  /** with `{name}` for each parameter */
  path: string
}

/** Routes outside `/api/v1` that the package calls without its generated client. */
const RAW: readonly PackageRoute[] = [
  { method: 'GET', path: '/info' }, { method: 'GET', path: '/health' }, { method: 'GET', path: '/checkpoints/{uuid}' }, { method: 'GET', path: '/experiments/{id}/preview_gc' },
]

/** Every route that the published package knows, read from its own source. `bin` is the directory of its programs. */
export function routesOfPackage(bin: string): PackageRoute[] {
  const source = readFileSync(join(packageDir(bin), 'common/api/bindings.py'), 'utf8')
  const found = [...source.matchAll(/method="([A-Z]+)",\s*path=f?"([^"]+)"/g)].map((match) => ({ method: match[1] ?? '', path: match[2] ?? '' }))
  return [...found, ...RAW]
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
