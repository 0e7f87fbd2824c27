import type { ExperimentConfig } from '../experiment-config.ts'
import { PROPAGATIONS } from './checkpoint-storage.ts'
import { readAbsolutePath, readChoice, readFlag, readList, readMap, requireField } from './fields.ts'
import { addError, at, quote, under } from './findings.ts'
import type { Findings } from './findings.ts'

type Mount = ExperimentConfig['bind_mounts'][number]

export function readBindMounts(found: Findings, path: string, value: unknown): Mount[] {
  const mounts = readList(found, path, value, 256, '{host_path, container_path}').map((one, index) => mount(found, at(path, index), one))
  const seen = new Set<string>()
  mounts.forEach(({ container_path }, index) => {
    if (container_path !== '/' && seen.has(container_path)) addError(found, under(at(path, index), 'container_path'), `${quote(container_path)} is mounted twice; give each mount a place of its own`)
    seen.add(container_path)
  })
  return mounts
}

function mount(found: Findings, path: string, value: unknown): Mount {
  const fields = readMap(found, path, value, ['host_path', 'container_path', 'read_only', 'propagation'])
  const [host, container] = [under(path, 'host_path'), under(path, 'container_path')]
  requireField(found, host, fields['host_path'], 'the absolute path on the agent is needed')
  if (requireField(found, container, fields['container_path'], 'the absolute path inside the container is needed') && fields['container_path'] === '/') addError(found, container, 'found "/"; the root of the container cannot be mounted over')
  return {
    host_path: readAbsolutePath(found, host, fields['host_path'], '/'),
    container_path: readAbsolutePath(found, container, fields['container_path'], '/'),
    read_only: readFlag(found, under(path, 'read_only'), fields['read_only'], false),
    propagation: readChoice(found, under(path, 'propagation'), fields['propagation'], 'rprivate', PROPAGATIONS),
  }
}
