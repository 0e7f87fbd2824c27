import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { freePort } from '../../images/local/processes.ts'
import { startProgram } from './processes.ts'

/** A moto of one's own: what other tests do in theirs is not seen. */
export interface OwnMoto {
  url: string
  /** nothing that was made is left */
  reset(): Promise<void>
  stop(): Promise<void>
}

/** Null where there is no moto_server to start; the reason is printed by the skipping test. */
export function missingMoto(): string | null {
  return existsSync(motoServer()) ? null : 'DROVER_TEST_MOTO is not set: no moto_server to test with'
}

/** Beside nats-server where it is not named: both come from PyPI into one place. */
function motoServer(): string {
  return process.env['DROVER_TEST_MOTO'] || join(dirname(process.env['DROVER_TEST_NATS_SERVER'] ?? ''), 'moto_server')
}

export async function startMoto(): Promise<OwnMoto> {
  const dir = mkdtempSync(join(tmpdir(), 'drover-moto-'))
  const port = await freePort()
  const url = `http://127.0.0.1:${port}`
  const program = await startProgram({
    name: 'moto_server', command: motoServer(), args: ['-H', '127.0.0.1', '-p', String(port)], env: { PATH: process.env['PATH'], HOME: dir }, logFile: join(dir, 'moto.log'),
    ready: async () => (await fetch(`${url}/moto-api/`)).ok,
  })
  return {
    url,
    async reset() {
      const response = await fetch(`${url}/moto-api/reset`, { method: 'POST' })
      if (!response.ok) throw new Error(`moto was not reset: ${response.status}`)
    },
    async stop() {
      await program.kill('SIGTERM')
      rmSync(dir, { recursive: true, force: true })
    },
  }
}
