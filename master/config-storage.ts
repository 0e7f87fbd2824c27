import { isAbsolute, join } from 'node:path'
import type { Storage } from '../protocol/wire/spec.ts'
import type { Tree } from './config-tree.ts'

const KEY = 'checkpoint_storage'
const RETENTION = ['save_experiment_best', 'save_trial_best', 'save_trial_latest']

/** `checkpoint_storage` of master.yaml with Determined's keys. */
export function storageFromTree(tree: Tree): Storage {
  const type = tree.text(`${KEY}.type`, 'DROVER_BUCKET', null)
  switch (type) {
    case 's3':
      return s3(tree)
    case 'shared_fs':
      return sharedFs(tree)
    case 'directory':
      return directory(tree)
    default:
      if (type !== '') tree.wrong(`${KEY}.type`, type, 'write s3, shared_fs or directory')
      return { type: 'directory', path: '/' }
  }
}

function s3(tree: Tree): Storage {
  tree.onlyKeys(KEY, ['type', 'bucket', 'prefix', 'endpoint_url', 'region', ...RETENTION])
  const endpoint = tree.text(`${KEY}.endpoint_url`, null, '')
  if (endpoint !== '' && !/^https?:\/\//.test(endpoint)) tree.wrong(`${KEY}.endpoint_url`, endpoint, 'write an http:// or https:// address')
  return {
    type: 's3',
    bucket: tree.text(`${KEY}.bucket`, null, null),
    prefix: tree.text(`${KEY}.prefix`, null, ''),
    endpoint: endpoint || null,
    region: tree.text(`${KEY}.region`, null, '') || null,
  }
}

function sharedFs(tree: Tree): Storage {
  tree.onlyKeys(KEY, ['type', 'host_path', 'storage_path', 'container_path', 'propagation', ...RETENTION])
  const host = tree.text(`${KEY}.host_path`, null, null)
  if (host !== '' && !isAbsolute(host)) tree.wrong(`${KEY}.host_path`, host, 'write an absolute path')
  return { type: 'directory', path: join(host, tree.text(`${KEY}.storage_path`, null, '')) }
}

function directory(tree: Tree): Storage {
  tree.onlyKeys(KEY, ['type', 'container_path', ...RETENTION])
  const path = tree.text(`${KEY}.container_path`, null, null)
  if (path !== '' && !isAbsolute(path)) tree.wrong(`${KEY}.container_path`, path, 'write an absolute path')
  return { type: 'directory', path }
}
