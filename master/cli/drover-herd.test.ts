import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { build } from '../../images/local/build.mjs'
import { buildCli, type CliRig } from './cli-rig.ts'
import type { MasterDouble } from './master-double.ts'

let cli: CliRig
let master: MasterDouble
const run: CliRig['run'] = (...args) => cli.run(...args)

beforeAll(async () => {
  cli = await buildCli(build)
}, 60_000)
afterAll(() => cli.remove())
beforeEach(async () => {
  ;({ master } = await cli.begin())
})
afterEach(() => cli.end())

describe('what it prints of the herd', () => {
  test.each<[string[], string]>([
    [['why', 'i-0abc'], `
instance i-0abc is GONE: it ended after 20 min 00 s: never registered; it cost $0.12
cost so far: $0.12: useful $0.00, boot $0.12, idle $0.00, lost $0.00
to do: read what it said at boot: drover instance describe i-0abc
2026-01-02 03:24:05  instance-gone  EC2 says terminated
`],
    [['instance', 'list', '--all'], `
ID      STATE  POOL  TYPE       ZONE        MARKET  AGE     $/H    COST   RUNS
i-0abc  GONE   spot  g5.xlarge  us-east-1a  spot    20m00s  0.361  $0.12
i-0def  READY  spot  g5.xlarge  us-east-1a  spot    1h00m   ?      ?      trial-9.1
`],
    [['instance', 'describe', 'i-0abc'], `
INSTANCE  i-0abc
state     GONE
reason    never registered
pool      spot
type      g5.xlarge, 1 slot
where     us-east-1a, spot
$/h       0.361
cost      $0.12: useful $0.00, boot $0.12, idle $0.00, lost $0.00
launched  2026-01-02 03:04:05
gone      2026-01-02 03:24:05
launch    l-1: one allocation waits

CONSOLE of a boot that never registered, its end
cloud-init: done
docker.service: \\x1b]0;failed

2026-01-02 03:24:05  instance-gone  EC2 says terminated
`],
    [['instance', 'retire', 'i-0def'], '\ninstance i-0def is retired: its agent drains, then EC2 ends it\n'],
    [['pool', 'list'], `
NAME     INSTANCES  $/H      WAITING  REFUSED  NOTE
default  -          -        0        0
spot     2/4        0.361+?  1        1        paused: three boots in a row never registered
`],
    [['pool', 'describe', 'spot'], `
POOL          spot
note          1 allocation waits
paused        three boots in a row never registered (since 2026-01-02 03:30:00)
to do         drover pool resume spot
instances     2/4  1 READY  1 STARTING
$/h now       0.361+?
failed boots  3 in a row
types         g5.xlarge, g5.2xlarge
market        spot-then-on-demand, at most $2/h
region        us-east-1
limits        0 to 4 instances, 20m00s to start, 10m00s idle

WAITS      EXPERIMENT  SLOTS  SINCE                WHY
trial-9.2  7           2      2026-01-02 03:00:00  pool spot has 0 free slots

REFUSED    ZONE        MARKET  UNTIL                CODE                          EC2 SAID
g5.xlarge  us-east-1b  spot    2026-01-02 03:33:00  InsufficientInstanceCapacity  no capacity

LAUNCH    TYPE       ZONE        MARKET  N  STATE   DECIDED              OUTCOME
11112222  g5.xlarge  us-east-1b  spot    1  FAILED  2026-01-02 03:02:00  InsufficientInstanceCapacity: no capacity; then tried g5.xlarge us-east-1a spot: DONE
`],
    [['pool', 'resume', 'spot'], '\npool spot may launch again\n'],
    [['alarm', 'list'], `
ALARM  SINCE                WHAT                 TO DO
brake  2026-01-02 03:31:00  5 agents are silent  drover brake release
`],
    [['brake', 'release'], '\nthe brake is released: silent agents may be given up again\n'],
  ])('%j', async (args, expected) => {
    const ran = await run(args)
    expect(ran.err).toBe('')
    expect(`\n${ran.out}`).toBe(expected)
    expect(ran.code).toBe(0)
  })
  test('the filters of events and instances go to the master', async () => {
    expect((await run(['events', '--instance', 'i-0abc', '--pool', 'spot', '--kind', 'instance-gone'])).code).toBe(0)
    expect(master.seen.at(-2)).toBe('GET /api/v1/drover/events?instanceId=i-0abc&pool=spot&kind=instance-gone&after=0')
    await run(['instance', 'list', '--pool', 'spot', '--state', 'ready', 'gone'])
    expect(master.seen.at(-1)).toBe('GET /api/v1/drover/instances?pool=spot&state=READY&state=GONE&limit=100')
  })
  test.each<[string[], string]>([
    [['instance', 'list'], 'i-0abc'], [['instance', 'describe', 'i-0abc'], 'console'], [['pool', 'list'], 'perHour'], [['pool', 'describe', 'spot'], 'launches'], [['alarm', 'list'], 'brake'], [['why', 'i-0abc'], 'cure'],
  ])('%j -o json is JSON', async (args, holds) => {
    expect(JSON.stringify(JSON.parse((await run([...args, '-o', 'json'])).out))).toContain(holds)
  })
  test('why shows what EC2 is asked, what it refused, and what followed', async () => {
    expect((await run(['why', '8'])).out).toBe([
      'experiment 8 is QUEUED: waits for i-0def (g5.xlarge, us-east-1a, spot), which has been starting for 38 s', 'trial 10 QUEUED; allocation PENDING; waits: pool spot has 0 free slots', 'pool spot: 1 allocation waits',
      'starting: i-0def  g5.xlarge us-east-1a spot  STARTING  38s', 'refused: g5.xlarge us-east-1b spot: InsufficientInstanceCapacity: no capacity; left alone until 2026-01-02 03:33:00',
      'asked EC2 at 2026-01-02 03:02:00: 1 x g5.xlarge us-east-1b spot: InsufficientInstanceCapacity: no capacity; then tried g5.xlarge us-east-1a spot: DONE',
      'cost so far: $0.12: useful $0.00, boot $0.12, idle $0.00, lost $0.00', 'to do: name more zones', '',
    ].join('\n'))
  })
  test('describe shows where the money went', async () => {
    master.experiment = { ...master.experiment, drover: { cost: { total: 1.5, useful: 1.2, boot: 0.1, idle: 0.004, lost: 0.196 } } }
    expect((await run(['e', 'describe', '7'])).out).toContain('cost        $1.50: useful $1.20, boot $0.10, idle $0.0040, lost $0.20\n')
  })
})
