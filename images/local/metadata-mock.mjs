// AWS's own mock of the instance metadata service, built from source for one test where Go is at hand.
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { onPath, run, SetupError, stamp, stamped, TOOLS } from './steps.mjs'

const MODULE = 'github.com/aws/amazon-ec2-metadata-mock/cmd/ec2-metadata-mock@v1.13.0'
const STAMP = 'metadata-mock'
const BUILD_S = 300

/** The phase that builds it; null where it is there, or cannot be: then `say` is told why. */
export function metadataMockPhase(say) {
  if (stamped(STAMP, MODULE) && existsSync(join(TOOLS, 'bin/ec2-metadata-mock'))) return null
  if (!onPath('go')) {
    say('amazon-ec2-metadata-mock is not built, there is no Go here: the test against it is skipped\n')
    return null
  }
  return { say: 'amazon-ec2-metadata-mock (from source, by Go) into .drover/tools', todo: () => build(say) }
}

/** One test's yardstick: without it the others still run. */
function build(say) {
  try {
    run('timeout', [String(BUILD_S), 'go', 'install', MODULE], { env: { GOBIN: join(TOOLS, 'bin'), GOTOOLCHAIN: 'local' } })
    stamp(STAMP, MODULE)
  } catch (error) {
    if (!(error instanceof SetupError)) throw error
    say(`not built, the test against it is skipped: ${error.message.split('\n').slice(-2).join(' ')} `)
  }
}
