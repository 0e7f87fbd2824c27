import { spawn, type ChildProcess } from 'node:child_process'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { openImds } from '../../agent/host/imds.ts'
import { readNotice } from '../../agent/host/notices.ts'
import { freePort } from '../../images/local/processes.ts'
import { realClock } from '../../protocol/kit/clock.ts'
import { imdsContract } from './imds.contract.ts'
import { until } from './processes.ts'

const program = process.env['DROVER_TEST_AEMM']
if (!program) console.warn('skipped: DROVER_TEST_AEMM is not set, no amazon-ec2-metadata-mock to hold the fake against (it is built where Go is at hand)')

describe.skipIf(!program)('the same contract at amazon-ec2-metadata-mock', () => {
  const children: ChildProcess[] = []
  const urls = { quiet: '', noticed: '' }
  const start = async (delayS: number): Promise<string> => {
    const port = await freePort()
    const args = ['--imdsv2', '--hostname', '127.0.0.1', '--port', String(port), '--mock-delay-sec', String(delayS), '--rebalance-delay-sec', String(delayS)]
    children.push(spawn(program ?? '', args, { stdio: 'ignore' }))
    const url = `http://127.0.0.1:${port}`
    await until(`the metadata mock serves ${url}`, 15_000, async () => (await fetch(`${url}/latest/meta-data/instance-id`)).status === 401)
    return url
  }
  beforeAll(async () => {
    urls.quiet = await start(3_600)
    urls.noticed = await start(0)
  })
  afterAll(() => {
    for (const child of children) child.kill('SIGKILL')
  })
  imdsContract({ quiet: () => urls.quiet, noticed: () => urls.noticed, spot: () => false })

  test('the agent\'s own door hears what it says', async () => {
    const [quiet, noticed] = [openImds({ endpoint: urls.quiet, clock: realClock }), openImds({ endpoint: urls.noticed, clock: realClock })]
    expect([await readNotice(quiet, 'spot'), await readNotice(quiet, 'rebalance')]).toEqual([null, null])
    expect(await readNotice(noticed, 'spot')).toMatchObject({ notice: 'spot', action: 'terminate', at: expect.any(Number) })
    expect(await readNotice(noticed, 'rebalance')).toMatchObject({ notice: 'rebalance', action: '', at: null })
    expect((await quiet.get('meta-data/instance-id'))?.trim()).toMatch(/^i-[0-9a-f]{17}$/)
  })
})
