import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { type Browser, chromium, type Download, type Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { StubMaster } from './stub-master.ts'
import { instance, launchOf } from './stub-herd.ts'
import { event, experiment, HOSTILE, HOSTILE_FILE, line, makeWorld, metric, UUID } from './stub-world.ts'

const CHROMIUM = process.env['DROVER_TEST_CHROMIUM'] ?? '/usr/bin/chromium'
const FLAGS = ['--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync']
const here = fileURLToPath(new URL('.', import.meta.url))
const present = existsSync(CHROMIUM)
if (!present) console.warn(`Skipped: no Chromium at ${CHROMIUM}. Install it (apt-get install chromium) or name it in DROVER_TEST_CHROMIUM.`)

describe.skipIf(!present)('the page in a browser', { timeout: 30_000 }, () => {
  let built: string
  let browser: Browser
  let stub: StubMaster
  let origin: string
  let page: Page
  /** faults that the browser saw: exceptions, and what the content security policy stopped */
  let faults: string[]

  beforeAll(async () => {
    built = await mkdtemp(join(tmpdir(), 'drover-web-'))
    const vite = fileURLToPath(new URL('../../node_modules/vite/bin/vite.js', import.meta.url))
    await promisify(execFile)(process.execPath, [vite, 'build', '--config', join(here, 'vite.config.ts'), '--outDir', built, '--logLevel', 'error'], { env: { ...process.env, NODE_ENV: 'production' } })
    browser = await chromium.launch({ executablePath: CHROMIUM, args: FLAGS })
  }, 120_000)

  afterAll(async () => {
    await browser?.close()
    if (built) await rm(built, { recursive: true, force: true })
  })

  beforeEach(async () => {
    stub = new StubMaster(makeWorld(), built)
    origin = await stub.listen()
    page = await browser.newPage({ viewport: { width: 1440, height: 900 } })
    page.setDefaultTimeout(10_000)
    faults = []
    page.on('pageerror', (error) => faults.push(String(error)))
    page.on('console', (message) => {
      if (message.text().includes('Content Security Policy')) faults.push(message.text())
    })
  })

  afterEach(async () => {
    const hacked = await page.evaluate('window.hacked')
    await page.context().close()
    await stub.close()
    expect(hacked).toBeUndefined()
    expect(faults).toEqual([])
  })

  /** Opens an address of the page, and logs in where it asks. */
  async function open(path: string): Promise<void> {
    await page.goto(`${origin}/ui${path}`)
    await page.getByLabel('User name').fill('ada')
    await page.getByRole('textbox', { name: 'Password' }).fill('correct')
    await page.getByRole('button', { name: 'Log in' }).click()
  }

  it('shows a search: trials best first with their hyperparameters, their curves, parallel coordinates', async () => {
    stub.world.experiments[0] = experiment(3, 'search', 'STATE_ACTIVE', { searcherType: 'adaptive_asha', numTrials: 4 })
    stub.world.trials = [0.5, 0.2, 0.9, null].map((value, index) => ({
      id: 31 + index, experimentId: 3, state: index === 3 ? 'STATE_QUEUED' : 'STATE_COMPLETED', startTime: new Date().toISOString(), restarts: 0, totalBatchesProcessed: 100 * index, searcherMetricValue: value,
      hparams: { lr: 10 ** -(index + 1), net: { width: 64 * (index + 1), kind: HOSTILE }, same: 1 },
    }))
    await open('/experiments/3')
    const rows = page.getByRole('table', { name: 'Trials' }).locator('tbody tr')
    await expect.poll(() => rows.evaluateAll((all) => all.map((row) => row.getAttribute('data-trial')))).toEqual(['32', '31', '33', '34'])
    expect(await rows.first().innerText()).toContain('best')
    const head = await page.getByRole('table', { name: 'Trials' }).locator('thead').innerText()
    for (const name of ['lr', 'net.width']) expect(head).toContain(name)
    expect(head).not.toContain('same')
    expect(await page.getByTestId('parallel').locator('path').count()).toBe(4)
    expect(await page.getByTestId('search-curves').locator('polyline').count()).toBe(4)
    // pointing at a trial shows it everywhere
    await rows.first().hover()
    expect(await page.getByTestId('parallel').locator('path[data-trial="32"]').getAttribute('stroke-width')).toBe('2.5')
    await page.getByRole('combobox', { name: 'Metric' }).click()
    await page.getByRole('option', { name: 'training: loss' }).click()
    await expect.poll(() => page.getByTestId('search-curves').innerText()).toContain('loss of each trial')
  })

  it('asks by GraphQL, on a page of its own', async () => {
    await open('/graphql')
    await page.getByRole('button', { name: /Execute query/ }).click()
    await expect.poll(() => page.locator('.result-window').innerText()).toContain('"totalCount"')
    expect(stub.received).toContain('POST /graphql')
  })

  it('refuses a wrong password with a cure, then logs in and stays at the address', async () => {
    await page.goto(`${origin}/ui/cluster`)
    await page.getByLabel('User name').fill('ada')
    await page.getByRole('textbox', { name: 'Password' }).fill('wrong')
    await page.keyboard.press('Enter')
    expect(await page.getByRole('alert').textContent()).toContain('Check the user name and the password')
    await page.getByRole('textbox', { name: 'Password' }).fill('correct')
    await page.keyboard.press('Enter')
    await page.getByRole('heading', { name: 'Cluster' }).waitFor()
    expect(await page.locator('[data-agent="gpu-1"] .slot').evaluateAll((slots) => slots.map((slot) => slot.getAttribute('data-slot')))).toEqual(['busy', 'busy', 'free', 'disabled'])
    await page.getByText('gpu-2 has not been heard for 30 s').waitFor()
    await page.locator('[data-pool="default"]').getByText('Agents join it by themselves').waitFor()
  })

  it('tells what the herd costs and why it waits, as it changes, and lets an administrator mend it', async () => {
    stub.world.isAdmin = true
    stub.world.alarms = [{ key: 'brake', text: `5 agents are silent ${HOSTILE}`, since: new Date(Date.now() - 60_000).toISOString(), cure: 'look at the network, or: drover brake release' }]
    await open('/cluster')
    await page.getByTestId('hourly').getByText('$1.80').waitFor()
    const spot = page.locator('[data-pool="spot"]')
    await spot.getByTestId('note').getByText('1 allocation waits').waitFor()
    await spot.getByText('InsufficientInstanceCapacity').waitFor()
    await spot.locator('[data-waiting="trial-3.1"]').getByRole('link', { name: 'experiment 3' }).waitFor()
    await page.locator('[data-instance="i-0b0b0b0b0b0b0b002"]').getByText('spot notice: EC2 takes it').waitFor()
    expect(await page.locator('[data-instance]').count()).toBe(4)
    await page.locator('[data-instance="i-0d0d0d0d0d0d0d004"]').getByText('unknown').first().waitFor()

    await page.locator('[data-alarm="brake"]').getByRole('button', { name: 'Release the brake' }).click()
    await page.locator('[data-alarm]').waitFor({ state: 'detached' })
    await page.locator('[data-pool="big"]').getByRole('button', { name: 'Resume' }).click()
    await page.locator('[data-pool="big"][data-paused="false"]').waitFor()
    expect(stub.received.slice(1)).toEqual(['POST /api/v1/drover/alarms/brake/release', 'POST /api/v1/drover/pools/big/resume'])

    stub.world.instances.unshift(instance('i-0f0f0f0f0f0f0f006', 'STARTING', { registeredAt: null }))
    stub.pushEvents({ ...event(30, 'instance-launched', 'EC2 made i-0f0f0f0f0f0f0f006', null), instanceId: 'i-0f0f0f0f0f0f0f006', pool: 'spot' })
    await page.locator('[data-instance="i-0f0f0f0f0f0f0f006"]').getByText('Starting').waitFor({ timeout: 5_000 })
    await page.locator('[data-event="30"]').getByRole('link', { name: 'i-0f0f0f0f0f0f0f006' }).click()
    await page.getByTestId('instance').getByText('instance i-0f0f0f0f0f0f0f006 is STARTING').waitFor()
    await page.keyboard.press('Escape')
    await page.getByRole('switch').click()
    await page.locator('[data-instance="i-0c0ffee0c0ffee003"]').getByRole('link').first().click()
    await page.getByTestId('instance').locator('pre').getByText('docker.service failed').waitFor()
  })

  it('shows a user what only an administrator may do, without the button', async () => {
    await open('/cluster')
    await page.locator('[data-pool="big"]').getByText('An administrator can do this: resume.').waitFor()
    expect(await page.locator('[data-pool="big"]').getByRole('button').count()).toBe(0)
  })

  it('says at an experiment what EC2 does for it, what to do, and what it cost', async () => {
    stub.world.why = {
      ...stub.world.why, summary: 'experiment 1 is QUEUED: it waits', trials: [{ trialId: 1, state: 'STATE_QUEUED', waitReason: 'no free slots' }], launches: [launchOf(instance('i-0a11ce0a11ce0a001', 'STARTING'))], pool: { name: 'spot', note: `next is g5.xlarge ${HOSTILE}`, paused: null, dry: stub.world.pools[1]?.dry ?? [] }, cure: 'raise max_instances',
      starting: [{ id: 'i-0a11ce0a11ce0a001', launch: 'l-2', state: 'STARTING', type: 'g5.xlarge', zone: 'us-east-1b', market: 'spot', perHour: 0.31, ageSeconds: 84 }],
    }
    await open('/experiments/1')
    const why = page.getByTestId('why')
    await why.getByText('next is g5.xlarge').waitFor()
    await why.locator('[data-starting="i-0a11ce0a11ce0a001"]').getByText('for 1 min 24 s').waitFor()
    await why.getByText('InsufficientInstanceCapacity').waitFor()
    await why.getByText('raise max_instances').waitFor()
    expect(await why.getByText('no free slots').count()).toBe(0)
    await why.getByText('What EC2 was asked for it (1)').click()
    await why.getByText('us-east-1a, spot: i-0a11ce0a11ce0a001').waitFor()
    await page.getByTestId('cost').getByText('$3.61').waitFor()
    await page.getByTestId('cost').getByText('lost $0.41').waitFor()
  })

  it('shows a change of state as it happens, and filters', async () => {
    await open('/')
    const row = page.locator('[data-experiment="3"]')
    await row.getByText('Queued').waitFor()
    const changed = stub.world.experiments.find((each) => each.id === 3)
    if (changed) changed.state = 'STATE_RUNNING'
    stub.pushEvents(event(10, 'allocation-running', 'container started', 3))
    await row.getByText('Running').waitFor({ timeout: 5_000 })
    await page.getByLabel('Filter by name or id').fill('fashion')
    await page.locator('[data-experiment="3"]').waitFor({ state: 'detached' })
    expect(await page.locator('[data-experiment]').count()).toBe(1)
    await page.getByText('Failed', { exact: true }).click()
    await page.getByText('No experiment passes the filter').waitFor()
    await page.getByRole('button', { name: 'Clear the filter' }).click()
    await expect.poll(() => page.locator('[data-experiment]').count()).toBe(3)
  })

  it('says what to do where there is no experiment', async () => {
    stub.world.experiments = []
    await open('/')
    await page.getByText('drover experiment create').waitFor()
  })

  it('pauses at once and asks before it kills', async () => {
    await open('/experiments')
    await page.locator('[data-experiment="1"]').getByRole('button', { name: 'Pause' }).click()
    await page.locator('[data-experiment="1"]').getByText('Paused').waitFor()
    await page.locator('[data-experiment="1"]').getByRole('button', { name: 'Kill' }).click()
    await page.getByRole('dialog').getByText('ends at once').waitFor()
    expect(stub.received).not.toContain('POST /api/v1/experiments/1/kill')
    await page.getByRole('dialog').getByRole('button', { name: 'Kill' }).click()
    await page.locator('[data-experiment="1"]').getByText('Being killed').waitFor()
    expect(stub.received.filter((each) => each.includes('experiments'))).toEqual(['POST /api/v1/experiments/1/pause', 'POST /api/v1/experiments/1/kill'])
  })

  it('shows curves, the timeline, why, and lines as they come', async () => {
    stub.world.why.trials = [{ trialId: 1, state: 'STATE_QUEUED', waitReason: 'needs 8 slots, the largest agent has 4' }]
    await open('/experiments/1')
    await page.getByTestId('why').getByText('needs 8 slots').waitFor()
    await page.locator('[data-chart="loss"] canvas').waitFor()
    await page.locator('[data-chart="accuracy"] canvas').waitFor()
    await page.locator('[data-chart="loss"]').getByText('validation_loss').waitFor()
    await page.getByText('placed on gpu-1').waitFor()
    const drawing = await page.locator('[data-chart="loss"] .u-over').boundingBox()
    if (drawing === null) throw new Error('the chart has no drawing area')
    await page.mouse.move(drawing.x + 60, drawing.y + 50)
    await page.mouse.down()
    await page.mouse.move(drawing.x + 160, drawing.y + 50, { steps: 4 })
    await page.mouse.up()
    await page.getByRole('button', { name: 'Show all steps' }).click()
    await page.getByText('Drag across a chart to zoom').waitFor()
    await page.mouse.move(5, 5)
    stub.pushLines(line(4, 'pushed over the socket', 'WARNING', 1))
    await page.locator('[data-line="4"]').getByText('pushed over the socket').waitFor()
    expect(await page.locator('[data-line="4"] .log-rank').textContent()).toBe('r1')
    expect(await page.locator('[data-line="2"] .log-text').textContent()).toBe('training starts')
    stub.pushMetrics(metric(900, 'training', 410, { loss: 7.125 }), metric(901, 'training', 420, { loss: 'NaN' }))
    await page.locator('[data-chart="loss"]').getByText('7.125').waitFor()
    await page.getByText('1 value is NaN or infinite, from step 420').waitFor()
  })

  it('goes on after a loss of the connection without a line lost or doubled', async () => {
    await open('/experiments/1?tab=log')
    await page.locator('[data-line="3"]').waitFor()
    stub.dropSockets()
    stub.world.lines.push(line(4, 'written while nobody listened'))
    await page.locator('[data-live="reconnecting"]').waitFor()
    await page.locator('[data-live="open"]').waitFor()
    await page.locator('[data-line="4"]').waitFor()
    stub.pushLines(line(5, 'after'))
    await page.locator('[data-line="5"]').waitFor()
    expect(await page.locator('[data-line]').evaluateAll((rows) => rows.map((row) => row.getAttribute('data-line')))).toEqual(['1', '2', '3', '4', '5'])
    expect(stub.subscribed.filter((topic) => topic.name === 'logs').at(-1)?.after).toBe(3)
  })

  it('holds 100,000 lines with few of them drawn, follows the end until the reader leaves it, and searches', async () => {
    for (let id = 4; id <= 100_000; id += 1) stub.world.lines.push(line(id, `step ${id} loss 0.5`, id % 1000 === 0 ? 'ERROR' : 'INFO'))
    await open('/experiments/1?tab=log')
    await page.locator('[data-line="100000"]').waitFor()
    expect(await page.locator('[data-line]').count()).toBeLessThan(150)
    stub.pushLines(line(100_001, 'newest'))
    await page.locator('[data-line="100001"]').waitFor()

    const view = page.getByRole('log')
    await view.evaluate((element) => element.scrollTo({ top: 50_000 * 20 }))
    await page.getByRole('button', { name: 'Go to the newest line' }).waitFor()
    const reading = await topLine(page)
    // So many that the oldest lines are let go while somebody reads: what he reads must not move.
    stub.pushLines(...Array.from({ length: 10_002 }, (_, i) => line(100_002 + i, 'while reading')))
    await expect.poll(() => page.getByTestId('log-counts').textContent()).toContain('from line 20,0')
    await page.waitForTimeout(100)
    expect(await topLine(page)).toBe(reading)

    await page.getByRole('button', { name: 'Go to the newest line' }).click()
    await page.locator('[data-line="110003"]').waitFor()
    await page.getByLabel('Search the log').fill('STEP 77777 ')
    await page.locator('[data-line="77777"] mark').waitFor()
    expect(await page.locator('[data-line]').count()).toBe(1)
    await page.getByLabel('Search the log').fill('')
    await page.getByRole('combobox', { name: 'Level' }).click()
    await page.getByRole('option', { name: 'Errors and above' }).click()
    await expect.poll(() => page.locator('[data-line]').evaluateAll((rows) => rows.every((row) => row.getAttribute('data-level') === 'ERROR'))).toBe(true)
  })

  it('lists a checkpoint\'s files and downloads one, and the archive', async () => {
    await open('/experiments/1?tab=checkpoints')
    await page.getByRole('button', { name: 'Show files' }).click()
    await page.locator('[data-file="model/weights.bin"]').waitFor()
    expect(await downloaded(page.locator('[data-file="model/weights.bin"] a').click())).toBe('weights!!!\n')
    expect(await downloaded(page.getByText(HOSTILE_FILE).click())).toBe('evil')
    expect(await downloaded(page.getByRole('link', { name: 'tgz' }).click())).toBe(`archive /checkpoints/${UUID} ?format=tgz`)
    await page.getByText('once it is committed').waitFor()
  })

  it('takes hostile names, lines and events for text', async () => {
    stub.world.experiments.unshift(experiment(9, HOSTILE, 'STATE_ACTIVE'))
    stub.world.why.summary = HOSTILE
    stub.pushEvents(event(20, HOSTILE, HOSTILE))
    stub.pushMetrics(metric(950, HOSTILE, 10, { [HOSTILE]: 1 }))
    await open('/experiments')
    await page.locator('[data-experiment="9"]').getByText(HOSTILE).waitFor()
    await page.locator('[data-experiment="1"]').getByRole('link').click()
    await page.locator('[data-line="3"]').getByText(HOSTILE).waitFor()
    await page.locator('[data-event="20"]').getByText(HOSTILE).first().waitFor()
    await page.locator('[data-chart]').filter({ hasText: HOSTILE }).locator('canvas').waitFor()
    await page.getByRole('tab', { name: 'Configuration' }).click()
    await page.locator('pre').getByText('window.hacked').waitFor()
    await page.getByRole('link', { name: 'Cluster' }).click()
    await page.locator('[data-event="20"]').waitFor()
    expect(await page.locator('img').count()).toBe(0)
  })

  it('asks for a login again when the session has ended', async () => {
    await open('/experiments')
    await page.locator('[data-experiment="1"]').waitFor()
    await page.context().clearCookies()
    await page.getByRole('link', { name: 'Cluster' }).click()
    await page.getByLabel('User name').waitFor()
  })

  it('logs out and keeps nothing on the page', async () => {
    await open('/experiments')
    await page.getByRole('button', { name: 'ada' }).click()
    await page.getByRole('menuitem', { name: 'Log out' }).click()
    await page.getByLabel('User name').waitFor()
    expect(await page.locator('[data-experiment]').count()).toBe(0)
  })

  async function downloaded(click: Promise<void>): Promise<string> {
    const [download] = await Promise.all([page.waitForEvent('download'), click]) as [Download, void]
    return readFile(await download.path(), 'utf8')
  }
})

/** Number of the line at the top of the log's view. */
function topLine(page: Page): Promise<string | null> {
  return page.getByRole('log').evaluate((view) => {
    const box = view.getBoundingClientRect()
    return document.elementFromPoint(box.left + 20, box.top + 10)?.closest('[data-line]')?.getAttribute('data-line') ?? null
  })
}
