import type { CheckpointStorageConfig } from '../experiment-config.ts'
import { ABSOLUTE, isMapping } from './fields.ts'
import { addError, addWarning, quote, show, under } from './findings.ts'
import type { Findings } from './findings.ts'
import { nearest } from './nearest.ts'
import { checked, choice, needed, object, tag, text, whole } from './shape.ts'
import type { Shape } from './shape.ts'

export const PROPAGATIONS = ['rprivate', 'private', 'rshared', 'shared', 'rslave', 'slave'] as const

const kept = (fallback: number): Shape<number> => whole(fallback, 0, 1_000_000)
const RETENTION = { save_experiment_best: kept(0), save_trial_best: kept(1), save_trial_latest: kept(1) }
/** Keys of old configurations that Determined ignores too. */
const GONE = { checkpoint_path: 'Determined ignores it too', tensorboard_path: 'Determined ignores it too' }

const NO_DOTS = /^(?!(.*\/)?\.\.(\/|$))/
const prefix = text(null, { max: 512, emptyAllowed: true, pattern: NO_DOTS, shape: 'a prefix without ".." is needed' })
const bucket = needed(text('', { max: 222, pattern: /^[A-Za-z0-9][A-Za-z0-9._-]*$/, shape: 'a bucket name of letters, digits, dots and dashes is needed' }), 'the name of the bucket is needed')
const url = text(null, { max: 512, pattern: /^https?:\/\/[^\s]+$/, shape: 'an address that begins with http:// or https:// is needed' })
const secret = text(null, { max: 4096 })
const absolute = { max: 4096, ...ABSOLUTE }

const TYPES = {
  s3: object({
    type: tag('s3'),
    bucket: needed(text('', { max: 63, pattern: /^[A-Za-z0-9][A-Za-z0-9._-]{1,61}[A-Za-z0-9]$/, shape: 'a bucket name of 3 to 63 letters, digits, dots and dashes is needed' }), 'the name of the bucket is needed'),
    prefix, endpoint_url: url, access_key: text(null, { max: 512 }), secret_key: text(null, { max: 512 }), ...RETENTION,
  }, GONE),
  directory: object({ type: tag('directory'), container_path: needed(text('/', absolute), 'the absolute path inside the container is needed'), ...RETENTION }, GONE),
  shared_fs: checked(object({
    type: tag('shared_fs'),
    host_path: needed(text('/', absolute), 'the absolute path on the agent is needed'),
    container_path: text(null, absolute),
    storage_path: text(null, { max: 4096, pattern: NO_DOTS, shape: 'a path without ".." is needed' }),
    propagation: choice('rprivate', PROPAGATIONS), ...RETENTION,
  }, GONE), (found, path, { host_path: host, storage_path: below }) => {
    if (below?.startsWith('/') && !`${below}/`.startsWith(`${host.replace(/\/+$/, '')}/`)) addError(found, under(path, 'storage_path'), `${quote(below)} lies outside host_path ${quote(host)}; write a path below it`)
  }),
  gcs: object({ type: tag('gcs'), bucket, prefix, ...RETENTION }, GONE),
  azure: checked(object({
    type: tag('azure'), container: needed(text('', { max: 63 }), 'the name of the container is needed'),
    connection_string: secret, account_url: url, credential: secret, ...RETENTION,
  }, GONE), azureAccount),
} satisfies Record<CheckpointStorageConfig['type'], Shape<CheckpointStorageConfig>>
const NAMES = Object.keys(TYPES) as CheckpointStorageConfig['type'][]
const ALONE = object(RETENTION, { ...GONE, type: 'it is null', propagation: 'it belongs to shared_fs' })

/** Null: the master's own storage. */
export const checkpointStorage: Shape<CheckpointStorageConfig | null> = {
  schema: { anyOf: [...NAMES.map((name) => TYPES[name].schema), ALONE.schema] },
  read: (found, path, value) => {
    if (value === null || value === undefined) return null
    if (!isMapping(value)) {
      addError(found, path, `found ${show(value)}; a map with type ${NAMES.join(', ')} is needed`)
      return null
    }
    const type = value['type']
    if (type === null || type === undefined) return retentionAlone(found, path, value)
    const name = NAMES.find((one) => one === type)
    if (name !== undefined) return TYPES[name].read(found, path, value)
    const meant = typeof type === 'string' ? nearest(type, NAMES) : null
    addError(found, under(path, 'type'), `found ${show(type)}; allowed: ${NAMES.join(', ')}${meant === null ? '' : `; did you mean ${quote(meant)}?`}${type === 'hdfs' ? ' (hdfs was removed from Determined)' : ''}`)
    return null
  },
}

/** The master lays its own storage under a configuration before it is read, so this is seen without a master only. */
function retentionAlone(found: Findings, path: string, value: Record<string, unknown>): null {
  ALONE.read(found, path, value)
  if (Object.keys(value).length > 0) addWarning(found, path, 'has no type: it is completed with the storage of the master, which is not known here')
  return null
}

function azureAccount(found: Findings, path: string, { connection_string: connection, account_url: account, credential }: { connection_string: string | null; account_url: string | null; credential: string | null }): void {
  if ((connection === null) === (account === null)) addError(found, path, `has ${connection === null ? 'neither' : 'both'} connection_string and account_url; write exactly one of them`.replace('neither connection_string and', 'neither connection_string nor'))
  else if (connection !== null && credential !== null) addError(found, under(path, 'credential'), 'belongs to account_url, not to connection_string; leave it out')
}
