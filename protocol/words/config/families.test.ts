import { describe, expect, test } from 'vitest'
import { parseExperimentConfig } from '../parse-experiment-config.ts'
import type { FullExperimentConfig } from './experiment.ts'

const LEAST = 'entrypoint: x\nsearcher: {name: single, metric: m}\n'

function parsed(text: string): { config: FullExperimentConfig; warned: string[] } {
  const result = parseExperimentConfig(LEAST + text)
  if (!result.ok) throw new Error(JSON.stringify(result.errors))
  return { config: result.config as unknown as FullExperimentConfig, warned: result.warnings.map((one) => one.path) }
}

function mistakes(text: string): string[] {
  const result = parseExperimentConfig(LEAST + text)
  return result.ok ? [] : result.errors.map(({ path, message }) => `${path}: ${message}`)
}

describe('forms that are read', () => {
  test.each<[string, (config: FullExperimentConfig) => unknown, unknown, string[]]>([
    ['resources: {devices: [/dev/a, "/dev/b:/dev/c:r", {host_path: /dev/d, container_path: /dev/e}]}', (c) => c.resources.devices, [
      { host_path: '/dev/a', container_path: '/dev/a', mode: 'mrw' }, { host_path: '/dev/b', container_path: '/dev/c', mode: 'r' }, { host_path: '/dev/d', container_path: '/dev/e', mode: 'mrw' },
    ], ['resources.devices']],
    ['resources: {max_slots: 8, slots_per_trial: 8, weight: 2.5, is_single_node: true, agent_label: a}', (c) => [c.resources.max_slots, c.resources.weight, c.resources.is_single_node], [8, 2.5, true], ['resources.agent_label', 'resources.max_slots', 'resources.weight', 'resources.is_single_node']],
    ['resources: {slots: null}', (c) => c.resources.slots_per_trial, 1, []],
    ['resources: {shm_size: 1.5G}', (c) => c.resources.shm_size, 1.5 * 2 ** 30, []],
    ['resources: {shm_size: 2 kib}', (c) => c.resources.shm_size, 2048, []],
    ['resources: {shm_size: 100b}', (c) => c.resources.shm_size, 100, []],
    ['environment: {ports: {tb: 6006}, proxy_ports: [{proxy_port: 80, proxy_tcp: true}]}', (c) => [c.environment.ports, c.environment.proxy_ports], [{ tb: 6006 }, [{ proxy_port: 80, proxy_tcp: true, unauthenticated: false, default_service_id: false }]], ['environment.ports', 'environment.proxy_ports']],
    ['environment: {add_capabilities: [SYS_PTRACE], registry_auth: {username: u}}', (c) => [c.environment.add_capabilities, c.environment.registry_auth?.username, c.environment.registry_auth?.password], [['SYS_PTRACE'], 'u', null], ['environment.registry_auth', 'environment.add_capabilities']],
    ['environment: {image: {cpu: a, rocm: b}}', (c) => [c.environment.image.cpu, c.environment.image.rocm], ['a', 'b'], []],
    ['log_policies: [{pattern: "(?i)a", action: cancel_retries}, {pattern: b, action: {type: exclude_node}}, {name: CUDA OOM, pattern: null}]', (c) => c.log_policies.slice(1), [
      { name: null, pattern: '(?i)a', action: 'cancel_retries' }, { name: null, pattern: 'b', action: 'exclude_node' }, { name: 'CUDA OOM', pattern: null, action: null },
    ], ['log_policies']],
    ['retention_policy: {log_retention_days: -1}', (c) => c.retention_policy, { log_retention_days: -1 }, ['retention_policy']],
    ['integrations: {webhooks: {webhook_id: [1], exclude: true}, pachyderm: {dataset: {repo: r}}}', (c) => c.integrations?.webhooks, { webhook_id: [1], webhook_name: [], exclude: true }, ['integrations']],
    ['min_validation_period: {epochs: 2}\nmin_checkpoint_period: {records: 3}\nrecords_per_epoch: 50', (c) => [c.min_validation_period, c.min_checkpoint_period, c.records_per_epoch], [{ epochs: 2 }, { records: 3 }, 50], ['records_per_epoch', 'min_validation_period', 'min_checkpoint_period']],
    ['data: {url: s3://x, list: [1]}', (c) => c.data, { url: 's3://x', list: [1] }, []],
    ['slurm: {gpu_type: t, sbatch_args: [--x]}\npbs: {slots_per_node: 2}', (c) => [c.slurm.sbatch_args, c.pbs.slots_per_node], [['--x'], 2], ['slurm', 'pbs']],
    ['bind_mounts: [{host_path: /a, container_path: data/x}]', (c) => c.bind_mounts[0]?.container_path, 'data/x', []],
    ['checkpoint_storage: {type: gcs, bucket: b, prefix: p}', (c) => c.checkpoint_storage, { type: 'gcs', bucket: 'b', prefix: 'p', save_experiment_best: 0, save_trial_best: 1, save_trial_latest: 1 }, []],
    ['checkpoint_storage: {type: azure, container: c, account_url: "https://a", credential: k}', (c) => c.checkpoint_storage?.type, 'azure', []],
    ['checkpoint_storage: {type: shared_fs, host_path: /a, storage_path: /a/b, tensorboard_path: t}', (c) => c.checkpoint_storage?.type, 'shared_fs', ['checkpoint_storage.tensorboard_path']],
    ['checkpoint_policy: all\noptimizations: {mixed_precision: O1}\nperform_initial_validation: true', (c) => [c.checkpoint_policy, c.optimizations.mixed_precision], ['all', 'O1'], ['perform_initial_validation', 'checkpoint_policy', 'optimizations']],
  ])('%s', (text, take, expected, warned) => {
    const result = parsed(text)
    expect(take(result.config)).toEqual(expected)
    expect(result.warned).toEqual(warned)
  })
})

describe('mistakes', () => {
  test.each([
    ['resources: {max_slots: 2, slots_per_trial: 4}', 'resources.max_slots: found 2, and slots_per_trial is 4; no trial could ever run: raise max_slots or leave it out'],
    ['resources: {devices: [dev]}', 'resources.devices[0].host_path: found "dev" (text); an absolute path without ".." is needed\nresources.devices[0].container_path: found "dev" (text); an absolute path without ".." is needed'],
    ['resources: {weight: heavy}', 'resources.weight: found "heavy" (text); a number of at least 0, at most 1000000000 is needed'],
    ['resources: {is_single_node: 1}', 'resources.is_single_node: found 1 (a number); true or false is needed'],
    ['environment: {ports: {tb: 70000}}', 'environment.ports.tb: found 70000 (a number); a whole number from 1 to 65535 is needed'],
    ['environment: {proxy_ports: [{}]}', 'environment.proxy_ports[0].proxy_port: is missing; the port inside the container is needed'],
    ['environment: {registry_auth: {user: a}}', 'environment.registry_auth.user: unknown key "user"; known here: username, password, auth, email, serveraddress, identitytoken, registrytoken'],
    ['environment: {add_capabilities: [SYS ADMIN]}', 'environment.add_capabilities[0]: found "SYS ADMIN" (text); a Linux capability such as "SYS_PTRACE" is needed'],
    ['log_policies: [{action: cancel_retries}]', 'log_policies[0].pattern: is missing; a regular expression for lines of the log is needed'],
    ['log_policies: [{pattern: a, action: cancel_retry}]', 'log_policies[0].action: found "cancel_retry" (text); allowed: cancel_retries, exclude_node'],
    ['log_policies: [{pattern: "(", action: exclude_node}]', 'log_policies[0].pattern: found "(" (text); it is no regular expression (Unterminated group)'],
    ['log_policies: [{pattern: "(?=a)"}]', 'log_policies[0].pattern: found "(?=a)" (text); patterns of RE2 know no look-around'],
    ['retention_policy: {log_retention_days: -2}', 'retention_policy.log_retention_days: found -2 (a number); a whole number from -1 to 32767 is needed'],
    ['min_validation_period: 100', 'min_validation_period: found 100 (a number); a map with one of batches, records, epochs is needed, as in {batches: 100}'],
    ['min_validation_period: {batches: 1, epochs: 1}', 'min_validation_period: found a map with key "batches"; a map with one of batches, records, epochs is needed'],
    ['min_checkpoint_period: {batches: -1}', 'min_checkpoint_period.batches: found -1 (a number); a whole number from 0 to 9007199254740991 is needed'],
    ['checkpoint_policy: worst', 'checkpoint_policy: found "worst" (text); allowed: best, all, none'],
    ['scheduling_unit: 0', 'scheduling_unit: found 0 (a number); a whole number from 1 to 9007199254740991 is needed'],
    ['optimizations: {mixed_precision: o1}', 'optimizations.mixed_precision: found "o1" (text); allowed: O0, O1, O2, O3; did you mean "O1"?'],
    ['checkpoint_storage: {type: azure, container: c}', 'checkpoint_storage: has neither connection_string nor account_url; write exactly one of them'],
    ['checkpoint_storage: {type: azure, container: c, connection_string: s, account_url: "https://a"}', 'checkpoint_storage: has both connection_string and account_url; write exactly one of them'],
    ['checkpoint_storage: {type: azure, container: c, connection_string: s, credential: k}', 'checkpoint_storage.credential: belongs to account_url, not to connection_string; leave it out'],
    ['checkpoint_storage: {type: shared_fs, host_path: /a, storage_path: /ab}', 'checkpoint_storage.storage_path: "/ab" lies outside host_path "/a"; write a path below it'],
    ['bind_mounts: [{host_path: /a, container_path: .}]', 'bind_mounts[0].container_path: found "."; the working directory cannot be mounted over, a directory below it can'],
    ['integrations: {webhooks: {webhook_id: [x]}}', 'integrations.webhooks.webhook_id[0]: found "x" (text); a whole number from 1 to 2147483647 is needed'],
    ['ports: {a: 1}', 'ports: unknown key "ports"; known here: name, description, labels, workspace, project, entrypoint, environment, hyperparameters, searcher, resources, max_restarts, checkpoint_storage, bind_mounts, reproducibility, preemption_timeout, scheduling_unit, records_per_epoch, perform_initial_validation, min_validation_period, min_checkpoint_period, checkpoint_policy, profiling, optimizations, debug, data, data_layer, log_policies, retention_policy, integrations, slurm, pbs, security, tensorboard_storage, internal'],
  ])('%s', (text, expected) => {
    expect(mistakes(text)).toEqual(expected.split('\n'))
  })
})

test.each([['model_def:MNistTrial', 1], ['det.keras:Net.Inner', 1], ['python3 -m a:b', 0], ['./run.sh', 0]])('an entrypoint that names a trial class is a doubtful command: %s', (entrypoint, warnings) => {
  const result = parseExperimentConfig(`entrypoint: ${entrypoint}\nsearcher: {name: single, metric: m}`)
  expect(result.ok && result.warnings.length).toBe(warnings)
})
