import { describe, expect, test } from 'vitest'
import type { Slot } from '../../protocol/wire/heartbeat.ts'
import type { AllocationSpec } from '../../protocol/wire/spec.ts'
import { containerOptions, devicesOf } from './container-spec.ts'
import { allocationPaths } from './paths.ts'
import { wiringOf } from './wiring.ts'
import { aSpec } from './world.fixture.ts'

const GPUS: Slot[] = [0, 1].map((index) => ({ id: `gpu-${index}`, kind: 'cuda', uuid: `GPU-${index}`, brand: 'A10G', memoryMib: 24_000, index }))
const CPU: Slot = { id: 'cpu-0', kind: 'cpu', uuid: 'cpu-0', brand: 'CPU', memoryMib: 0, index: 0 }
const RESTORE = { uuid: '01234567-89ab-4cde-8f01-23456789abcd', prefix: 'p', steps: 500, ordinal: 2, manifest: 'a'.repeat(64) }

function options(change: Partial<AllocationSpec> = {}, devices: Slot[] = [CPU]): ReturnType<typeof containerOptions> {
  const spec = aSpec(change)
  return containerOptions(spec, allocationPaths('/state', spec.alloc), devices, 'agent-1')
}

function environment(change: Partial<AllocationSpec> = {}): Record<string, string> {
  return Object.fromEntries(options(change).Env.map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]))
}

describe('container', () => {
  test('name and labels are those that adoption looks for', () => {
    const { name, Labels } = options({ alloc: 'trial-9.3', trialId: 9 })
    expect(name).toBe('drover-trial-9-3.c1')
    expect(Labels).toEqual({ 'drover.cluster': 'c1', 'drover.alloc': 'trial-9.3', 'drover.epoch': '3', 'drover.trial': '9', 'drover.experiment': '7', 'drover.rank': '0', 'drover.agent': 'agent-1', 'drover.slots': 'cpu-0' })
  })

  test('a command is told nothing of a trial', () => {
    const env = environment({ alloc: 'command-x.1', taskType: 'COMMAND', experimentId: 0, trialId: 0 })
    expect(env).toMatchObject({ DET_TASK_TYPE: 'COMMAND', DET_TASK_ID: 'command-x', DET_ALLOCATION_ID: 'command-x.1', DROVER_ALLOCATION_ID: 'command-x.1' })
    expect(Object.keys(env).filter((name) => /TRIAL|EXPERIMENT|HPARAMS|SEED/.test(name))).toEqual([])
    expect(environment()).toMatchObject({ DET_TASK_TYPE: 'TRIAL', DET_TRIAL_ID: '1' })
  })

  test('members of a gang on one engine do not clash', () => {
    expect(options({ rank: 1, worldSize: 2, clusterId: '0123456789abcdef' }).name).toBe('drover-trial-1-1-r1.01234567')
  })

  test('the entrypoint is handed on as it is, and nothing of the image is added', () => {
    const { Entrypoint, Cmd } = options({ entrypoint: ['sh', '-c', 'echo "a b" && exit 3'] })
    expect([Entrypoint, Cmd]).toEqual([['sh', '-c', 'echo "a b" && exit 3'], []])
  })

  test('no rights beyond ordinary training', () => {
    const { HostConfig, User } = options({ user: { name: 'ann', uid: 1001, group: 'lab', gid: 1002 } })
    expect(User).toBe('1001:1002')
    expect(HostConfig).toMatchObject({ CapDrop: ['ALL'], SecurityOpt: ['no-new-privileges'], NetworkMode: 'bridge', Init: true, RestartPolicy: { Name: 'no' }, DeviceRequests: [] })
    for (const capability of ['SYS_ADMIN', 'SYS_PTRACE', 'NET_ADMIN', 'NET_RAW', 'MKNOD', 'SYS_MODULE']) expect(HostConfig.CapAdd).not.toContain(capability)
    expect(HostConfig).not.toHaveProperty('Privileged')
  })

  test('logs are never rotated', () => {
    expect(options().HostConfig.LogConfig).toEqual({ Type: 'json-file', Config: expect.objectContaining({ 'max-file': '1', mode: 'blocking' }) })
  })

  test('GPUs are requested by UUID; the variable that would grant all is not passed', () => {
    const built = options({ slots: ['gpu-1'], env: { NVIDIA_VISIBLE_DEVICES: 'all', CUDA_VISIBLE_DEVICES: '0,1', KEEP: 'me' } }, [GPUS[1] as Slot])
    expect(built.HostConfig.DeviceRequests).toEqual([{ Driver: 'nvidia', DeviceIDs: ['GPU-1'], Capabilities: [['gpu']] }])
    expect(built.Env.filter((line) => /VISIBLE_DEVICES|KEEP/.test(line))).toEqual(['KEEP=me'])
  })

  test('mounts: the run directory, then the user\'s', () => {
    const { Mounts } = options({ binds: [{ hostPath: '/data: set', containerPath: '/data', readOnly: true, propagation: 'rslave' }, { hostPath: '/b', containerPath: '/b', readOnly: false, propagation: '' }] }).HostConfig
    expect(Mounts.map((mount) => [mount.Source, mount.Target, mount.ReadOnly, mount.BindOptions.Propagation])).toEqual([
      ['/state/allocations/trial-1.1/run', '/run/drover', false, 'rprivate'], ['/data: set', '/data', true, 'rslave'], ['/b', '/b', false, 'rprivate'],
    ])
  })

  test('a mount path below the work directory may be relative, as in the old system', () => {
    expect(options({ binds: [{ hostPath: '/d', containerPath: 'data', readOnly: false, propagation: 'rprivate' }] }).HostConfig.Mounts[1]?.Target).toBe('/run/determined/workdir/data')
  })
})

describe('variables of the script contract', () => {
  test('a first start', () => {
    const env = environment({ hparams: { lr: 0.1 }, seed: 42 })
    expect(env).toMatchObject({
      DROVER_CHECKPOINT_DIR: '/run/drover/checkpoints', DROVER_METRICS_FILE: '/run/drover/metrics.jsonl', DROVER_PREEMPT_FILE: '/run/drover/preempt', DROVER_HPARAMS: '{"lr":0.1}',
      DROVER_RANK: '0', RANK: '0', DROVER_WORLD_SIZE: '1', WORLD_SIZE: '1', DROVER_MASTER_ADDR: '127.0.0.1', MASTER_ADDR: '127.0.0.1', DROVER_EXPERIMENT_ID: '7', DROVER_TRIAL_ID: '1',
      DROVER_ALLOCATION_ID: 'trial-1.1', DROVER_SEED: '42', DROVER_STEPS_COMPLETED: '0', DET_MASTER: 'http://127.0.0.1:18080', DET_CLUSTER_ID: 'c1', DET_AGENT_ID: 'agent-1', DET_TASK_ID: 'trial-1',
      DET_ALLOCATION_ID: 'trial-1.1', DET_SESSION_TOKEN: 'token', DET_TRIAL_RUN_ID: '1', DET_STEPS_COMPLETED: '0', DET_SLOT_IDS: '[0]', DET_TASK_TYPE: 'TRIAL',
    })
    expect(env).not.toHaveProperty('DROVER_RESTORE_DIR')
  })

  test('an empty DET_LATEST_CHECKPOINT would be taken for a checkpoint: without one the variable is absent', () => {
    expect(environment({ env: { DET_LATEST_CHECKPOINT: '' } })).not.toHaveProperty('DET_LATEST_CHECKPOINT')
  })

  test('a resumed start', () => {
    expect(environment({ restore: RESTORE })).toMatchObject({ DROVER_RESTORE_DIR: '/run/drover/restored', DROVER_STEPS_COMPLETED: '500', DET_STEPS_COMPLETED: '500', DET_LATEST_CHECKPOINT: RESTORE.uuid })
  })

  test('the user cannot take over what is Drover\'s; the master\'s own are kept', () => {
    expect(environment({ env: { DET_MASTER: 'http://evil', RANK: '9', DET_EXPERIMENT_CONFIG: '{}', MINE: 'a=b' } })).toMatchObject({ DET_MASTER: 'http://127.0.0.1:18080', RANK: '0', DET_EXPERIMENT_CONFIG: '{}', MINE: 'a=b' })
  })
})

describe('a gang', () => {
  const place = { network: 'host' as const, address: '10.0.0.2', port: 20_001, gatewayPort: 20_002 }
  const peers = [{ rank: 1, address: '10.0.0.2', port: 20_001 }, { rank: 0, address: '10.0.0.1', port: 23_456 }]
  const member = (change: Partial<AllocationSpec> = {}, on: Parameters<typeof wiringOf>[0] = place, sandbox: string | null = null) => {
    const spec = aSpec({ rank: 1, worldSize: 2, slots: ['gpu-0', 'gpu-1'], ...change })
    const built = containerOptions(spec, allocationPaths('/state', spec.alloc), GPUS, 'agent-1', wiringOf(on, sandbox, peers))
    return { network: built.HostConfig.NetworkMode, env: Object.fromEntries(built.Env.map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)])) }
  }

  test('every member meets at rank 0; the rank is that of the node', () => {
    expect(member().env).toMatchObject({
      DROVER_RANK: '1', DROVER_WORLD_SIZE: '2', DROVER_MASTER_ADDR: '10.0.0.1', DROVER_MASTER_PORT: '23456', DROVER_PEERS: '["10.0.0.1","10.0.0.2"]',
      RANK: '1', WORLD_SIZE: '2', MASTER_ADDR: '10.0.0.1', MASTER_PORT: '23456',
      PET_NNODES: '2', PET_NODE_RANK: '1', PET_NPROC_PER_NODE: '2', PET_MASTER_ADDR: '10.0.0.1', PET_MASTER_PORT: '23456',
    })
  })

  test('on the host its gateway has a port of its own; else the namespace of its sandbox', () => {
    expect(member()).toMatchObject({ network: 'host', env: { DET_MASTER: 'http://127.0.0.1:20002', DET_MASTER_PORT: '20002' } })
    expect(member({}, { ...place, network: 'bridge', gatewayPort: 18_080 }, 'abc')).toMatchObject({ network: 'container:abc', env: { DET_MASTER: 'http://127.0.0.1:18080' } })
  })

  test('gloo is told the interface of the host\'s network, which the user may set otherwise', () => {
    expect(member({}, { ...place, interface: 'ens5' }).env).toMatchObject({ GLOO_SOCKET_IFNAME: 'ens5' })
    expect(member({ env: { GLOO_SOCKET_IFNAME: 'eth1' } }, { ...place, interface: 'ens5' }).env).toMatchObject({ GLOO_SOCKET_IFNAME: 'eth1' })
    expect(member().env).not.toHaveProperty('GLOO_SOCKET_IFNAME')
  })

  test('what the launcher takes as its defaults the user may set otherwise', () => {
    expect(member({ env: { PET_NPROC_PER_NODE: '8', MASTER_PORT: '1' } }).env).toMatchObject({ PET_NPROC_PER_NODE: '8', MASTER_PORT: '23456' })
  })
})

test('a slot that this host does not have is named', () => {
  expect(devicesOf(aSpec({ slots: ['gpu-0', 'gpu-7'] }), GPUS)).toEqual({ ok: false, missing: 'gpu-7' })
  expect(devicesOf(aSpec({ slots: ['gpu-1', 'gpu-0'] }), GPUS)).toEqual({ ok: true, slots: [GPUS[1], GPUS[0]] })
})
