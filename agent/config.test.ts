import { describe, expect, test } from 'vitest'
import type { Ec2Instance } from './config-ec2.ts'
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
      stateDir: '/srv/drover', dockerHost: 'unix:///run/d.sock', cpuSlots: 4, gangNetwork: 'host', advertiseAddress: '10.0.0.9', logLevel: 'debug', ec2: null,
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

describe('settings of an agent on EC2', () => {
  const instance: Ec2Instance = {
    instanceId: 'i-0123456789abcdef0', instanceType: 'g5.xlarge', zone: 'eu-west-1b', region: 'eu-west-1', metadataUrl: 'http://169.254.169.254',
    userData: `#drover\nDROVER_MASTER_URL=https://10.0.0.5:8443\nDROVER_JOIN_TOKEN=s.${FINGERPRINT}\nDROVER_POOL=gpu\nDROVER_CPU_SLOTS=3\nDROVER_STARTUP_SCRIPT=${Buffer.from('echo hello\n').toString('base64')}`,
  }
  const { userData: _, ...facts } = instance

  test('the identity is the instance, the rest comes from the user data', () => {
    expect(readConfig({ DROVER_CLOUD: 'ec2' }, 'ip-10-0-0-1', instance)).toMatchObject({
      agentId: 'i-0123456789abcdef0', masterUrl: 'https://10.0.0.5:8443', joinToken: { secret: 's', fingerprint: FINGERPRINT }, pool: 'gpu', cpuSlots: 3, logLevel: 'info',
      ec2: { ...facts, startupScript: 'echo hello\n', deadmanMs: 3_600_000, poweroffCommand: 'systemctl poweroff' },
    })
  })

  test('the environment wins, an empty variable does not', () => {
    const config = readConfig({ DROVER_POOL: 'mine', DROVER_CPU_SLOTS: '', DROVER_DEADMAN_MINUTES: '0.5', DROVER_POWEROFF_COMMAND: 'halt' }, 'h', instance)
    expect(config).toMatchObject({ pool: 'mine', cpuSlots: 3, ec2: { deadmanMs: 30_000, poweroffCommand: 'halt' } })
    expect(readConfig({ DROVER_DEADMAN_MINUTES: '0' }, 'h', instance).ec2?.deadmanMs).toBe(0)
  })

  test('no user data: the environment must say it all', () => {
    expect(readConfig({ DROVER_MASTER_URL: 'https://m' }, 'h', { ...instance, userData: null })).toMatchObject({ agentId: instance.instanceId, masterUrl: 'https://m', ec2: { startupScript: null } })
  })

  test('what is wrong in either is said at once', () => {
    const problems = problemsOf({ DROVER_DEADMAN_MINUTES: 'soon' }, { ...instance, userData: '#drover\nDROVER_MASTER_URL=http://m\nHOME=/x\nnonsense\nDROVER_STARTUP_SCRIPT=###' })
    expect(problems).toEqual(['line 3', 'line 4', 'DROVER_MASTER_URL', 'DROVER_STARTUP_SCRIPT', 'DROVER_DEADMAN_MINUTES'].map((start) => expect.stringMatching(new RegExp(`^${start}`))))
  })

  test('another cloud is named', () => {
    expect(problemsOf({ DROVER_MASTER_URL: 'https://m', DROVER_CLOUD: 'gcp' })).toEqual([expect.stringContaining('DROVER_CLOUD "gcp"')])
  })
})

function problemsOf(env: Record<string, string>, instance: Ec2Instance | null = null): readonly string[] {
  try {
    readConfig(env, 'h', instance)
  } catch (error) {
    if (error instanceof ConfigError) return error.problems
    throw error
  }
  return []
}
