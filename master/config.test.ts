import { describe, expect, test } from 'vitest'
import { ConfigError, readConfig } from './config.ts'
import type { SettingMistake } from './config-tree.ts'

const ENV = { DROVER_DB_URL: 'postgres://u:pw@h/db', DROVER_NATS_URL: 'nats://a:4222, nats://b:4222', DROVER_BUCKET: 'file:///tmp/bucket' }

describe('readConfig', () => {
  test('environment alone is enough, the rest is defaulted', () => {
    const config = readConfig('', ENV, 7)
    expect(config.listen).toEqual({ host: '127.0.0.1', port: 8080 })
    expect(config.agentUrl).toBe('https://127.0.0.1:8443')
    expect(config.nats.urls).toEqual(['nats://a:4222', 'nats://b:4222'])
    expect(config.resourcePools).toEqual([{ name: 'default', description: '', provider: null }])
    expect(config.checkpointStorage).toEqual({ type: 'directory', path: '/tmp/bucket' })
    expect(Object.isFrozen(config)).toBe(true)
  })

  test('the environment wins over the file', () => {
    const yaml = 'listen: 0.0.0.0:1\nlog: {level: debug}\nresource_pools: [{pool_name: gpu}]\ncheckpoint_storage: {type: s3, bucket: b, prefix: p, endpoint_url: http://e}'
    const config = readConfig(yaml, { ...ENV, DROVER_BUCKET: undefined, DROVER_LISTEN: '[::1]:9' }, 7)
    expect(config.listen).toEqual({ host: '::1', port: 9 })
    expect(config.logLevel).toBe('debug')
    expect(config.defaultComputePool).toBe('gpu')
    expect(config.checkpointStorage).toEqual({ type: 's3', bucket: 'b', prefix: 'p', endpoint: 'http://e', region: null })
  })

  test('says everything wrong at once, with key, value and cure, and without the password', () => {
    const yaml = 'listen: here\nlistn: 1\nresource_pools: [{pool_name: "a b"}, {pool_name: x}, {pool_name: x}]\nlog: {level: loud}\nstate_dir: here\ndb: {url: "mysql://u:secret@h/d"}'
    const mistakes = mistakesOf(yaml, {})
    expect(mistakes.map((m) => m.key).sort()).toEqual([
      'checkpoint_storage.type', 'db.url', 'listen', 'listn', 'log.level', 'nats.urls', 'resource_pools[0].pool_name', 'resource_pools[2].pool_name', 'state_dir',
    ])
    expect(JSON.stringify(mistakes)).not.toContain('secret')
    expect(mistakes.find((m) => m.key === 'log.level')).toEqual({ key: 'log.level', value: 'loud', cure: 'write one of debug, info, warn, error' })
  })

  test('broken YAML is a mistake, not a crash', () => {
    expect(mistakesOf('a: [', ENV).map((m) => m.key)).toContain('master.yaml')
    expect(mistakesOf('- 1', ENV).map((m) => m.key)).toContain('master.yaml')
  })
})

function mistakesOf(yaml: string, env: Record<string, string | undefined>): readonly SettingMistake[] {
  try {
    readConfig(yaml, env, 1)
  } catch (error) {
    if (error instanceof ConfigError) return error.mistakes
    throw error
  }
  return []
}
