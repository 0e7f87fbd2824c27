import { isMapping, readText } from './fields.ts'
import { addError, addWarning, quote, under } from './findings.ts'
import type { Findings } from './findings.ts'
import { anyMap, flag, idle, list, mapOf, needed, object, orNull, text, whole } from './shape.ts'
import type { Shape } from './shape.ts'

export const DEFAULT_IMAGE = 'determinedai/pytorch-ngc-dev:0736b6d'
const PORT = [1, 65_535] as const

const image = text(DEFAULT_IMAGE, { max: 1024, pattern: /^[A-Za-z0-9][^\s]*$/, shape: 'an image name such as "python:3.12" is needed' })
const variable: Shape<string> = { schema: { type: 'string', pattern: '^[^=\\s]+(=|$)' }, read: readVariable }
const capability = text('', { max: 64, pattern: /^[A-Za-z_]+$/, shape: 'a Linux capability such as "SYS_PTRACE" is needed' })
const FIXED = 'a container has the same capabilities for everybody'
const secret = orNull(text(null, { max: 16_384, emptyAllowed: true, multiline: true }))

export const environment = object({
  image: perDevice(image),
  environment_variables: perDevice(without(list(variable, 1000, 'KEY=value entries'), '')),
  force_pull_image: flag(false),
  registry_auth: idle(orNull(object({ username: secret, password: secret, auth: secret, email: secret, serveraddress: secret, identitytoken: secret, registrytoken: secret })), 'images are pulled with the credentials that Docker has on the agent'),
  ports: idle(mapOf(whole(1, ...PORT)), 'no port of a container is published'),
  proxy_ports: idle(list(object({ proxy_port: needed(whole(1, ...PORT), 'the port inside the container is needed'), proxy_tcp: flag(false), unauthenticated: flag(false), default_service_id: flag(false) }), 100, '{proxy_port}'), 'no port of a container is published'),
  add_capabilities: idle(list(capability, 64, 'capabilities'), FIXED),
  drop_capabilities: idle(list(capability, 64, 'capabilities'), FIXED),
  pod_spec: idle(orNull(anyMap()), 'it is for Kubernetes'),
}, { slurm: 'no Slurm here', pbs: 'no PBS here' })

/** One value for all kinds of device, or a map with one for each; `gpu` is the old name of `cuda`. */
function perDevice<T>(shape: Shape<T>): Shape<{ cpu: T; cuda: T; rocm: T }> {
  const each = object({ cpu: shape, cuda: shape, rocm: shape })
  const map = each.schema
  return {
    schema: { anyOf: [shape.schema, { ...map, properties: { ...(isMapping(map['properties']) ? map['properties'] : {}), gpu: shape.schema } }] },
    read: (found, path, value) => {
      if (isMapping(value)) return each.read(found, path, withoutGpu(found, path, value))
      const one = shape.read(found, path, value)
      return { cpu: one, cuda: one, rocm: one }
    },
  }
}

function withoutGpu(found: Findings, path: string, value: Record<string, unknown>): Record<string, unknown> {
  if (!Object.hasOwn(value, 'gpu')) return value
  const { gpu, ...rest } = value
  if (Object.hasOwn(rest, 'cuda')) addError(found, under(path, 'gpu'), 'is the old name of "cuda", which is given too; keep "cuda"')
  return { ...rest, cuda: rest['cuda'] ?? gpu }
}

/** The value may hold anything but NUL, new lines included; only the name is narrow. */
function readVariable(found: Findings, path: string, value: unknown): string {
  const line = readText(found, path, value, '', { max: 131_072, multiline: true, pattern: /^[^=\s]+(=|$)/, shape: 'KEY=value or KEY is needed' })
  const [name = ''] = line.split('=', 1)
  if (/^(DET|DROVER)_/.test(name)) addWarning(found, path, `${quote(name)} is set by Drover wherever it has a value of its own; that value wins`)
  return line
}

function without<T>(shape: Shape<T[]>, nothing: T): Shape<T[]> {
  return { ...shape, read: (found, path, value) => shape.read(found, path, value).filter((one) => one !== nothing) }
}
