import { createHash, X509Certificate } from 'node:crypto'
import { mkdtempSync, rmSync, statSync } from 'node:fs'
import { createServer } from 'node:https'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { generate } from 'selfsigned'
import { expect, test } from 'vitest'
import { realClock } from '../../protocol/kit/clock.ts'
import { createLog } from '../../protocol/kit/log.ts'
import type { EnrollRequest } from '../../protocol/wire/enroll.ts'
import { readConfig } from '../config.ts'
import { loadIdentity } from './enroll.ts'

test('the reply to the first try is lost: the next comes with the same key, and is taken', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'drover-enroll-'))
  const { cert, private: key } = await generate([{ name: 'commonName', value: 'localhost' }], {
    keyType: 'ec', algorithm: 'sha256',
    extensions: [{ name: 'basicConstraints', cA: true, critical: true }, { name: 'subjectAltName', altNames: [{ type: 7, ip: '127.0.0.1' }] }],
  })
  const keys: string[] = []
  const server = createServer({ cert, key }, (request, response) => {
    if (request.url === '/agent/v1/ca') return void response.end(cert)
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      keys.push((JSON.parse(Buffer.concat(chunks).toString('utf8')) as EnrollRequest).publicKey)
      // as a master does: the id belongs to the first key; its first reply never arrives
      if (keys.length === 1) return void request.socket.destroy()
      response.statusCode = keys[0] === keys.at(-1) ? 200 : 409
      response.end(JSON.stringify({ v: 1, agentId: 'a1', clusterId: 'c1', jwt: 'x.e30.x', natsUrls: [], agentToken: 't' }))
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  try {
    const fingerprint = createHash('sha256').update(new X509Certificate(cert).raw).digest('hex')
    const config = readConfig({
      DROVER_MASTER_URL: `https://127.0.0.1:${typeof address === 'object' && address ? address.port : 0}`,
      DROVER_JOIN_TOKEN: `secret-secret.${fingerprint}`, DROVER_AGENT_ID: 'a1', DROVER_STATE_DIR: dir,
    }, 'host-1')
    const log = { ...createLog({ name: 'test', level: 'error' }), warn: () => undefined }
    const identity = await loadIdentity({ config, clock: realClock, random: () => 0, log, signal: new AbortController().signal })
    expect(identity).toMatchObject({ agentId: 'a1', clusterId: 'c1' })
    expect(new Set(keys).size).toBe(1)
    expect(keys).toHaveLength(2)
    expect(statSync(join(dir, 'enrollment.nk')).mode & 0o777).toBe(0o600)
  } finally {
    server.close()
    rmSync(dir, { recursive: true })
  }
})
