import { createHash, X509Certificate } from 'node:crypto'
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises'
import { isIP } from 'node:net'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { generate } from 'selfsigned'

/** The cluster's own certificate authority and the master's certificate, PEM. Agents pin `fingerprint`. */
export interface Authority {
  ca: string
  cert: string
  key: string
  /** SHA-256 of the CA certificate's DER, lower-case hex */
  fingerprint: string
}

const TEN_YEARS_DAYS = 3650

/** Loads it from `<stateDir>/tls`, or makes it once for the given host names and addresses. */
export async function loadAuthority(stateDir: string, hosts: readonly string[]): Promise<Authority> {
  const path = join(stateDir, 'tls', 'authority.json')
  const found = await readFile(path, 'utf8').catch((error: unknown) => {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return null
    throw error
  })
  const stored = found === null ? await make(hosts) : (JSON.parse(found) as Omit<Authority, 'fingerprint'>)
  if (found === null) {
    await mkdir(join(stateDir, 'tls'), { recursive: true, mode: 0o700 })
    await writeFile(`${path}.new`, JSON.stringify(stored), { mode: 0o600, flush: true })
    await rename(`${path}.new`, path)
  }
  return { ca: stored.ca, cert: stored.cert, key: stored.key, fingerprint: fingerprintOf(stored.ca) }
}

export function fingerprintOf(pem: string): string {
  return createHash('sha256').update(new X509Certificate(pem).raw).digest('hex')
}

async function make(hosts: readonly string[]): Promise<Omit<Authority, 'fingerprint'>> {
  const notAfterDate = new Date(Date.now() + TEN_YEARS_DAYS * 86_400_000)
  const ca = await generate([{ name: 'commonName', value: 'Drover cluster CA' }], {
    keyType: 'ec', algorithm: 'sha256', notAfterDate,
    extensions: [{ name: 'basicConstraints', cA: true, critical: true }, { name: 'keyUsage', keyCertSign: true, cRLSign: true, digitalSignature: true, critical: true }],
  })
  const names = [...new Set([...hosts, 'localhost', '127.0.0.1', hostname()])]
  const altNames = names.map((name) => (isIP(name) ? { type: 7 as const, ip: name } : { type: 2 as const, value: name }))
  const server = await generate([{ name: 'commonName', value: 'Drover master' }], {
    keyType: 'ec', algorithm: 'sha256', notAfterDate, ca: { key: ca.private, cert: ca.cert },
    extensions: [
      { name: 'basicConstraints', cA: false }, { name: 'keyUsage', digitalSignature: true, keyEncipherment: true },
      { name: 'extKeyUsage', serverAuth: true }, { name: 'subjectAltName', altNames },
    ],
  })
  return { ca: ca.cert, cert: server.cert, key: server.private }
}
