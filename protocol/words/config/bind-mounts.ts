import { PROPAGATIONS } from './checkpoint-storage.ts'
import { ABSOLUTE } from './fields.ts'
import { addError, at, quote, under } from './findings.ts'
import { checked, choice, flag, list, needed, object, text } from './shape.ts'

/** A relative path lies under the working directory of the container. */
const WITHIN = { max: 4096, pattern: /^(?!(.*\/)?\.\.(\/|$))/, shape: 'a path without ".." is needed' }

const MOUNT = checked(object({
  host_path: needed(text('/', { max: 4096, ...ABSOLUTE }), 'the absolute path on the agent is needed'),
  container_path: needed(text('/', WITHIN), 'the path inside the container is needed'),
  read_only: flag(false),
  propagation: choice('rprivate', PROPAGATIONS),
}), (found, path, { container_path: place }) => {
  const bare = place.replace(/\/+$/, '')
  if (bare === '') addError(found, under(path, 'container_path'), 'found "/"; the root of the container cannot be mounted over')
  if (bare === '.') addError(found, under(path, 'container_path'), 'found "."; the working directory cannot be mounted over, a directory below it can')
})

export const bindMounts = checked(list(MOUNT, 256, '{host_path, container_path}'), (found, path, mounts) => {
  const seen = new Set<string>()
  mounts.forEach(({ container_path }, index) => {
    if (seen.has(container_path)) addError(found, under(at(path, index), 'container_path'), `${quote(container_path)} is mounted twice; give each mount a place of its own`)
    seen.add(container_path)
  })
})
