import { defineConfig } from 'vitest/config'

/** Tiers by suffix: `.test.ts` needs nothing; pg, nats, docker, aws, browser, flow, drill, exam and boot need the real thing and skip with a printed reason. */
const COSTLY = ['pg', 'nats', 'docker', 'aws', 'browser', 'flow', 'drill', 'exam', 'boot']
const costly = COSTLY.map((tier) => `**/*.${tier}.test.ts`)
/** Need nothing either, but start whole programs or wait on sockets again and again: not for every minute. */
const programs = [
  'agent/gateway/gateway.test.ts', 'agent/bucket/stream-checkpoints.test.ts', 'master/cli/follow.test.ts',
  'master/cli/drover.test.ts', 'master/cli/drover-herd.test.ts', 'agent/journal/crash.test.ts', 'agent/host/watch-gpus.test.ts', 'agent/host/startup-script.test.ts',
]
/** Thousands of worlds each. */
const props = '**/*.prop.test.ts'
const common = { exclude: ['**/node_modules/**', '**/dist/**', '**/.drover/**'] }

export default defineConfig({
  test: {
    projects: [
      { test: { ...common, name: 'unit', testTimeout: 30_000, include: ['{agent,master,protocol,images,test}/**/*.test.{ts,tsx}'], exclude: [...common.exclude, ...costly, ...programs, props] } },
      { test: { ...common, name: 'props', testTimeout: 60_000, include: [props] } },
      { test: { ...common, name: 'servers', include: [...costly.filter((glob) => !/\.(flow|drill|exam|boot)\./.test(glob)), ...programs], testTimeout: 60_000, hookTimeout: 60_000 } },
      { test: { ...common, name: 'flow', include: ['test/flow/**/*.flow.test.ts'], testTimeout: 240_000, hookTimeout: 120_000, fileParallelism: false } },
      { test: { ...common, name: 'drills', include: ['test/drills/**/*.drill.test.ts'], testTimeout: 240_000, hookTimeout: 120_000 } },
      { test: { ...common, name: 'exam', include: ['test/exam/**/*.exam.test.ts'], testTimeout: 240_000, hookTimeout: 240_000 } },
      { test: { ...common, name: 'boot', include: ['test/boot/**/*.boot.test.ts'], testTimeout: 900_000, hookTimeout: 900_000, fileParallelism: false } },
    ],
    maxWorkers: 2,
  },
})
