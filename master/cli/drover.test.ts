import { once } from 'node:events'
import { mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { gunzipSync, gzipSync } from 'node:zlib'
import { pack } from 'tar-stream'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { build } from '../../images/local/build.mjs'
import { buildCli, type CliRig } from './cli-rig.ts'
import type { MasterDouble } from './master-double.ts'

let cli: CliRig
let dir: string
let master: MasterDouble
const start: CliRig['start'] = (...args) => cli.start(...args)
const run: CliRig['run'] = (...args) => cli.run(...args)
const CONFIG = 'name: tidy\nentrypoint: python3 train.py\nsearcher: {name: single, metric: loss}\n'
const UUID = '0b1c2d3e-0000-4000-8000-000000000001'

beforeAll(async () => {
  cli = await buildCli(build)
}, 60_000)
afterAll(() => cli.remove())
beforeEach(async () => {
  ;({ dir, master } = await cli.begin())
  await writeFile(join(dir, 'c.yaml'), CONFIG)
})
afterEach(() => cli.end())

describe('what it prints', () => {
  test.each<[string[], string]>([
    [['experiment', 'list'], `
ID  NAME            STATE    PROGRESS  OWNER  POOL     STARTED              ENDED
7   tidy-river-fox  RUNNING  38%       admin  default  2026-01-02 03:04:05
`],
    [['e', 'describe', '7'], `
EXPERIMENT  7
name        tidy-river-fox
state       RUNNING
progress    38%
owner       admin
pool        default
started     2026-01-02 03:04:05

TRIAL  STATE    STEPS  RESTARTS  CHECKPOINTS  LATEST VALIDATION           STARTED              ENDED
9      RUNNING  1200   0         1            loss 0.3123  accuracy 0.89  2026-01-02 03:04:06
`],
    [['trial', 'describe', '9'], `
TRIAL              9
experiment         7
state              RUNNING
steps              1200
restarts           0
checkpoints        1
latest validation  loss 0.3123  accuracy 0.89
started            2026-01-02 03:04:06
`],
    [['checkpoint', 'list', '7'], `
UUID                                  TRIAL  STEPS  STATE      FILES  SIZE  METRIC  REPORTED
${UUID}  9      1200   COMPLETED  2      8 B   0.31    2026-01-02 03:05:00
`],
    [['checkpoint', 'describe', UUID], `
CHECKPOINT       ${UUID}
state            COMPLETED
experiment       7
trial            9
reported         2026-01-02 03:05:00
steps_completed  1200
size             8 B

FILE     SIZE
a/b.txt  3 B
model.bin  5 B
`.replace('FILE     SIZE', 'FILE       SIZE').replace('a/b.txt  3 B', 'a/b.txt    3 B')],
    [['agent', 'list'], `
ID     STATE    HEARD  POOL     TYPE       ZONE        SLOTS  IN USE  VERSION  SINCE
gpu-1  enabled  ok     default  g5.xlarge  us-east-1a  1      1       0.1.0    2026-01-01 00:00:00
`],
    [['slot', 'list'], `
AGENT  SLOT   STATE   TYPE  DEVICE       RUNS
gpu-1  GPU-a  in use  cuda  NVIDIA A10G  trial-9.1
`],
    [['agent', 'disable', 'gpu-1', '--drain'], '\nagent gpu-1 drains\n'],
    [['experiment', 'pause', '7'], '\nexperiment 7 asked to pause\n'],
    [['why', 'experiment', '7'], '\nwaits for 2 slots in pool default\n'],
    [['why', '7'], '\nwaits for 2 slots in pool default\n'],
    [['events'], '\n3  2026-01-02 03:04:05  experiment-created  experiment 7  created by admin\n'],
    [['whoami', '-m', 'MASTER'], '\nadmin (administrator) at MASTER\n'],
  ])('%j', async (args, expected) => {
    const ran = await run(args.map((one) => one.replace('MASTER', master.url)))
    expect(ran.err).toBe('')
    expect(`\n${ran.out}`).toBe(expected.replaceAll('MASTER', master.url))
    expect(ran.code).toBe(0)
  })
  test('-o json is the answer of the API, before the command too', async () => {
    expect(JSON.parse((await run(['-o', 'json', 'experiment', 'list'])).out)).toEqual([master.experiment])
    expect(JSON.parse((await run(['experiment', 'describe', '7', '-o', 'json'])).out)).toEqual({ experiment: master.experiment, trials: [master.trial] })
  })
  test('log lines cannot steer the terminal', async () => {
    master.append('\u001b[31mred\u001b[0m \u001b]0;title\u0007 \u009b2J\u202egnp')
    master.append('10%\r20%\tdone', { rankId: 1, level: 'LOG_LEVEL_WARNING' })
    master.end('COMPLETED')
    const { out } = await run(['experiment', 'logs', '7'])
    expect(out).toBe([
      '[2026-01-02T03:04:10.000Z] || red \\x1b]0;title\\x07 \\x9b2J\\u202egnp',
      '[2026-01-02T03:04:11.000Z] [rank=1] WARNING || 10%',
      '[2026-01-02T03:04:11.000Z] [rank=1] WARNING || 20%\tdone',
      '',
    ].join('\n'))
  })
  test('filters go to the master', async () => {
    await run(['trial', 'logs', '9', '--level', 'error', '--rank-id', '0', '1', '--search', 'a b', '--tail', '2'])
    expect(master.seen.at(-1)).toBe('GET /api/v1/trials/9/logs?levels=LOG_LEVEL_ERROR&rankIds=0&rankIds=1&searchText=a+b&limit=2&orderBy=ORDER_BY_DESC')
  })
  test('--tail shows the newest lines, oldest first', async () => {
    for (const line of ['a', 'b', 'c']) master.append(line)
    expect((await run(['trial', 'logs', '9', '--tail', '2'])).out).toMatch(/\|\| b\n.*\|\| c\n$/)
  })
})

describe('submit and follow', () => {
  test('create sends the file as it is and the directory packed', async () => {
    await mkdir(join(dir, 'model'))
    await writeFile(join(dir, 'model', 'train.py'), 'print(1)')
    const ran = await run(['experiment', 'create', 'c.yaml', 'model', '--paused'])
    expect(ran).toMatchObject({ code: 0, out: 'created experiment 7 (tidy-river-fox), paused\n' })
    const [body] = master.created
    expect(body).toMatchObject({ config: CONFIG, activate: false })
    expect(gunzipSync(Buffer.from(body?.contextTgz ?? '', 'base64')).toString('latin1')).toContain('print(1)')
  })
  test('--config changes what is sent', async () => {
    await run(['experiment', 'create', 'c.yaml', '--config', 'resources.slots_per_trial=2', '--config', 'hyperparameters.lr=0.5'])
    expect(master.created[0]?.config).toContain('slots_per_trial: 2')
    expect(master.created[0]?.config).toContain('lr: 0.5')
  })
  test.each([['COMPLETED', 0], ['ERROR', 1], ['CANCELED', 1]])('create -f to %s exits %i', async (state, code) => {
    master.append('hello')
    setTimeout(() => master.end(state, 'as told'), 300)
    const ran = await run(['experiment', 'create', 'c.yaml', '-f'])
    expect(ran.out).toContain('|| hello\n')
    expect(ran.out).toContain(`experiment 7 ${state}: as told\n`)
    expect(ran.code).toBe(code)
  })
  test.each([['COMPLETED', 0], ['ERROR', 1]])('wait for %s exits %i, and bears an outage', async (state, code) => {
    const ended = run(['experiment', 'wait', '7'])
    await new Promise((resolve) => setTimeout(resolve, 700))
    await master.stop()
    master.end(state, 'exit code 3')
    await new Promise((resolve) => setTimeout(resolve, 1200))
    await master.start()
    const ran = await ended
    expect(ran.err).toContain('trying again')
    expect(ran.out).toContain(`experiment 7 ${state}: exit code 3\n`)
    expect(ran.code).toBe(code)
  }, 15_000)
  test('Ctrl-C while following says how to go on', async () => {
    const child = start(['experiment', 'logs', '-f', '7'])
    const err = child.stderr ? text(child.stderr) : ''
    await expect.poll(() => master.seen.some((one) => one.includes('/logs')), { timeout: 5000 }).toBe(true)
    child.kill('SIGINT')
    await once(child, 'close')
    expect(child.exitCode).toBe(130)
    expect(await err).toContain('the experiment goes on; follow it again: drover experiment logs -f 7')
  })
})

describe('exit codes', () => {
  test.each<[string, string[], Record<string, string>, number, string]>([
    ['unknown command', ['experimnt'], {}, 2, 'experimnt'],
    ['unknown option', ['experiment', 'list', '--al'], {}, 2, "unknown option '--al'"],
    ['missing argument', ['experiment', 'describe'], {}, 2, 'missing required argument'],
    ['bad id', ['experiment', 'describe', 'x'], {}, 2, '"x" is no experiment id'],
    ['bad format', ['experiment', 'list', '-o', 'xml'], {}, 2, 'unknown output format "xml"'],
    ['bad address', ['experiment', 'list', '-m', 'ftp://x'], {}, 2, 'is no address of a master'],
    ['unknown experiment', ['experiment', 'describe', '8'], {}, 1, 'there is nothing at /api/v1/experiments/8'],
    ['wrong password', ['experiment', 'list'], { DROVER_PASS: 'wrong' }, 3, 'the log-in as admin was refused: invalid credentials'],
    ['not logged in', ['experiment', 'list'], { DROVER_USER: '', DROVER_PASS: '' }, 3, 'not logged in at'],
    ['no config file', ['experiment', 'create', 'none.yaml'], {}, 1, 'cannot read none.yaml: it does not exist'],
    ['no directory', ['experiment', 'create', 'c.yaml', 'none'], {}, 1, 'none does not exist'],
  ])('%s', async (_, args, env, code, words) => {
    const ran = await run(args, env)
    expect(ran.err).toContain(words)
    expect(ran.code).toBe(code)
    expect(ran.err.trim().split('\n').length).toBeLessThanOrEqual(3)
  })
  test('nobody listens', async () => {
    await master.stop()
    expect(await run(['experiment', 'list'])).toMatchObject({ code: 4, err: `drover: cannot reach the master at ${master.url}: nothing listens there\n  check the address (-m or DROVER_MASTER) and that the master runs\n` })
    await master.start()
  })
  test('an answer that is not JSON, and a failure of the master', async () => {
    master.fault = (path) => (path.endsWith('/experiments') ? { status: 500, body: { message: 'internal error 12' } } : null)
    expect(await run(['experiment', 'list'])).toMatchObject({ code: 1, err: 'drover: internal error 12\n  look at the log of the master\n' })
    master.fault = () => ({ status: 503, body: {} })
    expect((await run(['experiment', 'list'])).code).toBe(4)
  })
  test('mistakes in the configuration all show, and nothing is submitted', async () => {
    await writeFile(join(dir, 'c.yaml'), 'entrypont: x\nsearcher: {name: single}\nresources: {slots_per_trial: -1}\n')
    const ran = await run(['experiment', 'create', 'c.yaml'])
    expect(ran.code).toBe(1)
    expect(ran.err).toContain('did you mean "entrypoint"?')
    expect(ran.err).toContain('searcher.metric')
    expect(ran.err).toContain('c.yaml has 4 mistakes; nothing was submitted')
    expect(master.created).toEqual([])
  })
  test("the master's own list of mistakes shows", async () => {
    master.fault = (path) => (path === '/api/v1/experiments' ? { status: 400, body: { message: 'the configuration has 1 mistake:', details: [{ path: 'resources.resource_pool', message: 'there is no pool "x"' }] } } : null)
    expect((await run(['experiment', 'create', 'c.yaml'])).err).toContain('the configuration has 1 mistake:\n  resources.resource_pool: there is no pool "x"\n')
  })
  test('a reader that goes away is no mistake', async () => {
    for (let i = 0; i < 2000; i += 1) master.append('x'.repeat(200))
    const child = start(['trial', 'logs', '-f', '9'])
    const err = child.stderr ? text(child.stderr) : ''
    child.stdout?.once('data', () => child.stdout?.destroy())
    await once(child, 'close')
    expect(await err).toBe('')
    expect(child.exitCode).toBe(0)
  })
})

describe('session', () => {
  test('login keeps the token for its owner only, logout drops it', async () => {
    const nobody = { DROVER_USER: '', DROVER_PASS: '' }
    const ran = await run(['login', 'admin', '--password-stdin'], nobody, 'secret\n')
    expect(ran).toMatchObject({ code: 0, out: `logged in at ${master.url} as admin\n` })
    expect((await stat(join(dir, 'drover', 'auth.json'))).mode & 0o777).toBe(0o600)
    expect((await run(['whoami'], nobody)).code).toBe(0)
    expect((await run(['logout'], nobody)).code).toBe(0)
    expect((await run(['whoami'], nobody)).code).toBe(3)
    expect(await readFile(join(dir, 'drover', 'auth.json'), 'utf8')).not.toContain('token-of')
  })
  test('an ended session is renewed where a password is at hand', async () => {
    await run(['login'])
    const path = join(dir, 'drover', 'auth.json')
    await writeFile(path, (await readFile(path, 'utf8')).replace('token-of-the-test', 'old'))
    expect((await run(['whoami'])).code).toBe(0)
  })
})

test('config check works without a master', async () => {
  await writeFile(join(dir, 'base.yaml'), 'labels: [base]\nmax_restarts: 1\nresources: {slots_per_trial: 4, priority: 7}\n')
  await writeFile(join(dir, 'over.yaml'), `${CONFIG}labels: [own]\nresources: {slots_per_trial: 2}\ndebug: true\n`)
  const good = await run(['config', 'check', 'over.yaml', 'base.yaml', '-o', 'json'], { DROVER_MASTER: 'http://127.0.0.1:1' })
  expect(JSON.parse(good.out)).toMatchObject({ ok: true, errors: [], warnings: [{ path: 'debug' }], config: { labels: ['base', 'own'], max_restarts: 1, resources: { slots_per_trial: 2, priority: 7 } } })
  const bad = await run(['config', 'check', 'base.yaml', '-o', 'json'])
  expect(bad.code).toBe(1)
  expect(JSON.parse(bad.out)).toMatchObject({ ok: false, config: null, errors: [{ path: 'entrypoint' }, { path: 'searcher.name' }, { path: 'searcher.metric' }] })
})

test('preview-search prints the tree of a search without a master; a mistake is named', async () => {
  await writeFile(join(dir, 'search.yaml'), 'entrypoint: x\nhyperparameters: {lr: {type: double, minval: 0, maxval: 1}}\nsearcher: {name: async_halving, metric: loss, max_trials: 16, num_rungs: 2, divisor: 4, time_metric: batches, max_time: 8}\nreproducibility: {experiment_seed: 1}\n')
  const text = await run(['preview-search', 'search.yaml'], { DROVER_MASTER: 'http://127.0.0.1:1' })
  expect(text.out).toContain('async_halving: 16 trials\n  12 trials until batches is 2\n  4 trials until batches is 8\n')
  expect(JSON.parse((await run(['preview-search', 'search.yaml', '-o', 'json'])).out)).toMatchObject({ trials: 16, brackets: [[{ trials: 12, until: 2 }, { trials: 4, until: 8 }]] })
  await writeFile(join(dir, 'broken.yaml'), 'entrypoint: x\nsearcher: {name: random, metric: loss}\n')
  const bad = await run(['preview-search', 'broken.yaml'])
  expect([bad.code, bad.err]).toEqual([1, expect.stringContaining('searcher.max_trials')])
})

describe('checkpoint delete', () => {
  test('only when it is said twice; the master is told what matches', async () => {
    const refused = await run(['checkpoint', 'delete', UUID])
    expect([refused.code, refused.err]).toEqual([2, expect.stringContaining('give --yes')])
    expect(master.seen).not.toContain('POST /api/v1/checkpoints/rm')
    expect((await run(['checkpoint', 'delete', UUID, '--yes'])).out).toBe('1 checkpoint: deleted; the bucket follows\n')
    expect((await run(['checkpoint', 'rm', UUID, '--glob', 'optimizer/**', '--yes'])).out).toContain('files that match optimizer/** deleted')
    expect(master.seen.filter((one) => one === 'POST /api/v1/checkpoints/rm')).toHaveLength(2)
  })
})

test('checkpoint gc shows what would go, and deletes just that when it is said', async () => {
  const shown = await run(['checkpoint', 'gc', '7', '--save-trial-best', '1'])
  expect(shown.out).toMatch(/LOSS[^]*600[^]*1 checkpoint of experiment 7, 2\.0 KiB would go .*nothing was deleted: give --yes/)
  expect(master.seen).toContain('GET /api/v1/drover/experiments/7/retention?save_trial_best=1')
  expect(master.seen).not.toContain('POST /api/v1/checkpoints/rm')
  expect((await run(['checkpoint', 'gc', '7', '--yes'])).out).toContain('1 checkpoint of experiment 7, 2.0 KiB: deleted')
  expect(master.seen.filter((one) => one === 'POST /api/v1/checkpoints/rm')).toHaveLength(1)
  expect((await run(['checkpoint', 'gc', '7', '--save-trial-best', 'two'])).err).toContain('--save-trial-best "two" is no number')
})

describe('checkpoint download', () => {
  async function archive(entries: { name: string; body?: string; type?: 'file' | 'directory' | 'symlink' | 'link'; linkname?: string }[]): Promise<Buffer> {
    const tar = pack()
    for (const { body = '', ...head } of entries) tar.entry(head, body)
    tar.finalize()
    const parts: Buffer[] = []
    for await (const part of tar) parts.push(part as Buffer)
    return gzipSync(Buffer.concat(parts))
  }
  const GOOD = [{ name: 'model.bin', body: 'bytes' }, { name: 'a/', type: 'directory' as const }, { name: './a/b.txt', body: 'abc' }]
  test('files arrive whole', async () => {
    master.archive = await archive(GOOD)
    const ran = await run(['checkpoint', 'download', UUID, '-o', 'out'])
    expect(ran.err).toBe('')
    expect(ran.code).toBe(0)
    expect(await readFile(join(dir, 'out', 'a', 'b.txt'), 'utf8')).toBe('abc')
    expect((await run(['checkpoint', 'download', UUID, '-o', 'out'])).err).toContain('is there already and not empty')
  })
  test.each<[string, () => Promise<Buffer>, string]>([
    ['..', () => archive([...GOOD, { name: '../evil', body: 'x' }]), 'a path that leads elsewhere'],
    ['absolute', () => archive([...GOOD, { name: '/evil', body: 'x' }]), 'a path that leads elsewhere'],
    ['link', () => archive([{ name: 'a', type: 'symlink', linkname: '/etc' }]), 'a symlink, only files and directories are taken'],
    ['hard link', () => archive([{ name: 'a', type: 'link', linkname: '/etc/passwd' }]), 'a link, only files'],
    ['twice', () => archive([...GOOD, { name: 'model.bin', body: 'other' }]), 'EEXIST'],
    ['missing file', () => archive(GOOD.slice(1)), 'model.bin is missing from the archive'],
    ['wrong size', () => archive([{ name: 'model.bin', body: 'long bytes' }, ...GOOD.slice(1)]), 'came with 10 bytes instead of 5'],
    ['cut off', async () => (await archive(GOOD)).subarray(0, 60), 'the archive broke off'],
    ['no archive', async () => Buffer.from('<html>'), 'the archive broke off'],
  ])('%s is refused and nothing is kept', async (_, make, words) => {
    master.archive = await make()
    const ran = await run(['checkpoint', 'download', UUID, '-o', 'deep/out'])
    expect(ran.err).toContain(words)
    expect(ran.code).toBe(1)
    expect(await readdir(join(dir, 'deep'))).toEqual([])
  })
})

test('--help stays fast', async () => {
  const times: number[] = []
  for (let i = 0; i < 5; i += 1) {
    const started = performance.now()
    expect((await run(['--help'])).code).toBe(0)
    times.push(performance.now() - started)
  }
  // the goal is 150 ms on an idle machine; the bound leaves room for a busy one
  expect(Math.min(...times)).toBeLessThan(400)
})
