import { expect, test } from 'vitest'
import { parseExperimentConfig } from '../../protocol/words/parse-experiment-config.ts'
import { cannotRun } from './cannot-run.ts'

function paths(text: string): string[] {
  const parsed = parseExperimentConfig(text)
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.errors))
  return cannotRun(parsed.config).map((one) => one.path)
}

test('a good configuration that this release cannot carry out is refused by the name of the field', () => {
  expect(paths('entrypoint: x\nsearcher: {name: single, metric: m}')).toEqual([])
  expect(paths('entrypoint: x\nsearcher: {name: random, metric: m, max_trials: 2}\ncheckpoint_storage: {type: gcs, bucket: b}')).toEqual(['searcher.name', 'checkpoint_storage.type'])
  expect(paths('entrypoint: x\nsearcher: {name: single, metric: m}\ncheckpoint_storage: {type: azure, container: c, account_url: "https://a"}')).toEqual(['checkpoint_storage.type'])
})
