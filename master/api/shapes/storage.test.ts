import { expect, test } from 'vitest'
import { parseExperimentConfig } from '../../../protocol/words/parse-experiment-config.ts'
import { hideKeys, shownConfig } from './storage.ts'

test('no secret of a configuration is shown', () => {
  const parsed = parseExperimentConfig(`entrypoint: x
searcher: {name: single, metric: m}
environment: {registry_auth: {username: me, password: hunter2, identitytoken: hunter3}}
checkpoint_storage: {type: azure, container: c, connection_string: hunter4}`)
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.errors))
  const shown = shownConfig(parsed.config, { type: 'directory', container_path: '/b', save_experiment_best: 0, save_trial_best: 1, save_trial_latest: 1 })
  expect(JSON.stringify(shown)).not.toContain('hunter')
  expect(shown).toMatchObject({ environment: { registry_auth: { username: 'me', password: '********', auth: null } }, checkpoint_storage: { container: 'c', connection_string: '********', credential: null } })
  expect(hideKeys({ type: 's3', bucket: 'b', prefix: null, endpoint_url: null, access_key: 'a', secret_key: null, save_experiment_best: 0, save_trial_best: 1, save_trial_latest: 1 })).toMatchObject({ access_key: '********', secret_key: null })
})
