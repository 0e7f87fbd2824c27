import { describe, expect, test } from 'vitest'
import { ConfigError, readConfig } from './config.ts'

const FINGERPRINT = 'ab'.repeat(32)

describe('settings of the agent', () => {
  test('a full environment', () => {
    const env = {
      DROVER_MASTER_URL: 'https://10.0.0.1:8443/', DROVER_JOIN_TOKEN: `se.cret.${FINGERPRINT.toUpperCase()}`, DROVER_AGENT_ID: 'gpu-7', DROVER_POOL: 'big',
      DROVER_STATE_DIR: '/srv/drover/', DOCKER_HOST: 'unix:///run/d.sock', DROVER_CPU_SLOTS: '4', DROVER_GANG_NETWORK: 'host', DROVER_ADVERTISE_ADDRESS: '10.0.0.9', DROVER_LOG_LEVEL: 'debug',
    }
    expect(readConfig(env, 'host.example')).toEqual({
      masterUrl: 'https://10.0.0.1:8443', joinToken: { secret: 'se.cret', fingerprint: FINGERPRINT }, agentId: 'gpu-7', hostname: 'host.example', pool: 'big',
      stateDir: '/srv/drover', dockerHost: 'unix:///run/d.sock', cpuSlots: 4, gangNetwork: 'host', advertiseAddress: '10.0.0.9', logLevel: 'debug',
    })
  })

  test('defaults: the id is the first label of the host name, made safe', () => {
    const config = readConfig({ DROVER_MASTER_URL: 'https://m' }, 'ip-10-0-0-1.ec2.internal')
    expect(config).toMatchObject({ agentId: 'ip-10-0-0-1', pool: 'default', joinToken: null, cpuSlots: 1, gangNetwork: null, advertiseAddress: null, dockerHost: 'unix:///var/run/docker.sock', stateDir: '/var/lib/drover-agent' })
    expect(Object.isFrozen(config)).toBe(true)
  })

  test('everything wrong is said at once, each with its cure', () => {
    const env = {
      DROVER_MASTER_URL: 'http://m', DROVER_JOIN_TOKEN: 'x', DROVER_AGENT_ID: 'a.b', DROVER_POOL: 'p'.repeat(65), DROVER_STATE_DIR: 'state',
      DOCKER_HOST: 'tcp://1.2.3.4:2375', DROVER_CPU_SLOTS: '1.5', DROVER_GANG_NETWORK: 'overlay', DROVER_ADVERTISE_ADDRESS: 'http://x', DROVER_LOG_LEVEL: 'loud',
    }
    const problems = problemsOf(env)
    expect(problems).toHaveLength(10)
    for (const name of Object.keys(env)) expect(problems.some((problem) => problem.startsWith(name))).toBe(true)
  })

  test('no master address', () => {
    expect(problemsOf({})).toEqual([expect.stringContaining('DROVER_MASTER_URL is not set')])
  })

  test('a join token is never repeated in a complaint', () => {
    expect(problemsOf({ DROVER_MASTER_URL: 'https://m', DROVER_JOIN_TOKEN: 'topsecret' }).join()).not.toContain('topsecret')
  })
})

function problemsOf(env: Record<string, string>): readonly string[] {
  try {
    readConfig(env, 'h')
  } catch (error) {
    if (error instanceof ConfigError) return error.problems
    throw error
  }
  return []
}
