import { isMapping } from './fields.ts'
import { addError, show, under } from './findings.ts'
import type { Findings } from './findings.ts'
import { about, checked, decimal, flag, idle, list, needed, object, text, whole } from './shape.ts'
import type { Shape } from './shape.ts'

const SLOTS_MAX = 65_536
const BYTES_MAX = 2 ** 50

const place = (words: string): Shape<string> => needed(text('', { max: 4096, pattern: /^\/(?!(.*\/)?\.\.(\/|$))/, shape: 'an absolute path without ".." is needed' }), words)
const DEVICE = object({
  host_path: place('the device on the agent is needed, as in /dev/infiniband'),
  container_path: place('the device inside the container is needed'),
  mode: text('mrw', { max: 3, pattern: /^[rwm]+$/, shape: 'letters of "mrw" are needed' }),
})
const GROUP = 'trials are placed one by one, first come, first served within their priority'

const RESOURCES = object({
  slots_per_trial: about('Slots (GPUs) of one trial; 0 runs on an agent without using a slot', whole(1, 0, SLOTS_MAX)),
  max_slots: idle(whole(null, 0, 2 ** 31 - 1), GROUP),
  weight: idle(decimal(1, { min: 0, max: 1e9 }), GROUP),
  resource_pool: text('', { max: 64, emptyAllowed: true }),
  priority: about('1 to 99, lower goes first', whole(null, 1, 99)),
  shm_size: { read: readSize, schema: { type: ['integer', 'string', 'null'], description: 'Bytes, or a size such as "4 GiB"' } },
  devices: idle(list(device(), 256, '{host_path, container_path}'), 'a container gets the GPUs of its slots only'),
  is_single_node: idle(flag(false), 'a trial lies on one node wherever it fits on one'),
  native_parallel: idle(flag(false), 'it was removed from Determined'),
}, { agent_label: 'agents have no labels; use resource_pool', slots: 'use slots_per_trial' })

export const resources = checked({ ...RESOURCES, read: readResources }, (found, path, { slots_per_trial: slots, max_slots: max }) => {
  if (max !== null && max < slots) addError(found, under(path, 'max_slots'), `found ${max}, and slots_per_trial is ${slots}; no trial could ever run: raise max_slots or leave it out`)
})

function readResources(found: Findings, path: string, value: unknown): ReturnType<typeof RESOURCES.read> {
  if (!isMapping(value) || value['slots'] === null || value['slots'] === undefined) return RESOURCES.read(found, path, value)
  addError(found, under(path, 'slots'), 'is not for experiments; write slots_per_trial')
  const { slots: _, ...rest } = value
  return RESOURCES.read(found, path, rest)
}

/** A map, or the text of `docker run --device`: `/dev/a[:/dev/b[:mode]]`. */
function device(): Shape<ReturnType<typeof DEVICE.read>> {
  return {
    schema: { anyOf: [DEVICE.schema, { type: 'string' }] },
    read: (found, path, value) => {
      if (typeof value !== 'string') return DEVICE.read(found, path, value)
      const [host = '', container = host, ...mode] = value.split(':')
      if (mode.length > 1) addError(found, path, `found ${show(value)}; /dev/host:/dev/container:mode is needed`)
      return DEVICE.read(found, path, { host_path: host, container_path: container, mode: mode[0] ?? null })
    },
  }
}

/** Powers of 1024, as Docker and Determined mean them, with or without the "i". */
const POWERS = ['', 'k', 'm', 'g', 't', 'p']

/** Bytes, or text such as "4 GiB", "4g" or "500 MB". */
function readSize(found: Findings, path: string, value: unknown): number | null {
  if (value === null || value === undefined) return null
  const bytes = typeof value === 'string' ? parseSize(value) : value
  if (typeof bytes === 'number' && Number.isInteger(bytes) && bytes >= 0 && bytes <= BYTES_MAX) return bytes
  addError(found, path, `found ${show(value)}; bytes or a size such as "4 GiB" or "500 MB" is needed`)
  return null
}

function parseSize(text: string): number | null {
  if (text.length > 40) return null
  const match = /^(\d*\.?\d+) ?(?:([kmgtp])i?)?b?$/i.exec(text.trim())
  return match === null ? null : Math.round(Number(match[1]) * 1024 ** POWERS.indexOf((match[2] ?? '').toLowerCase()))
}
