import { createHash, X509Certificate } from 'node:crypto'
import { isIP } from 'node:net'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { generate } from 'selfsigned'
import { keepFile, readKept, replaceFile } from './state-file.ts'

/** The cluster's own certificate authority. Agents pin `fingerprint` by their join token. */
export interface Authority {
  /** PEM */
  cert: string
  /** SHA-256 of the certificate's DER, lower-case hex */
  fingerprint: string
  /** PEM; never leaves the state directory */
  key: string
}

export interface ServerIdentity {
  cert: string
  key: string
}

const TEN_YEARS_DAYS = 3650
const DAY_MS = 86_400_000

/** Made once; two programs that start together end up with the same one. */
export async function loadAuthority(stateDir: string, nowMs: number): Promise<Authority> {
  const stored = JSON.parse(await keepFile(join(stateDir, 'ca.json'), () => makeAuthority(nowMs))) as { cert: string; key: string }
  return { ...stored, fingerprint: fingerprintOf(stored.cert) }
}

/** The master's certificate for these hosts, signed by the authority; made anew when the hosts changed. */
export async function loadServerIdentity(stateDir: string, authority: Authority, hosts: readonly string[], nowMs: number): Promise<ServerIdentity> {
  const path = join(stateDir, 'server.json')
  const names = [...new Set([...hosts, 'localhost', '127.0.0.1', hostname()])].filter((name) => name !== '0.0.0.0' && name !== '::').sort()
  const found = await readKept(path)
  if (found !== null) {
    const stored = JSON.parse(found) as ServerIdentity & { names: string[]; ca: string }
    if (stored.ca === authority.fingerprint && names.every((name) => stored.names.includes(name))) return stored
  }
  const made = await makeServer(authority, names, nowMs)
  await replaceFile(path, JSON.stringify({ ...made, names, ca: authority.fingerprint }))
  return made
}

export function fingerprintOf(pem: string): string {
  return createHash('sha256').update(new X509Certificate(pem).raw).digest('hex')
}

async function makeAuthority(nowMs: number): Promise<string> {
  const ca = await generate([{ name: 'commonName', value: 'Drover cluster CA' }], {
    keyType: 'ec', algorithm: 'sha256', ...validity(nowMs),
    extensions: [{ name: 'basicConstraints', cA: true, critical: true }, { name: 'keyUsage', keyCertSign: true, cRLSign: true, digitalSignature: true, critical: true }],
  })
  return JSON.stringify({ cert: ca.cert, key: ca.private })
}

async function makeServer(authority: Authority, names: readonly string[], nowMs: number): Promise<ServerIdentity> {
  const altNames = names.map((name) => (isIP(name) ? { type: 7 as const, ip: name } : { type: 2 as const, value: name }))
  const server = await generate([{ name: 'commonName', value: 'Drover master' }], {
    keyType: 'ec', algorithm: 'sha256', ...validity(nowMs), ca: { key: authority.key, cert: authority.cert },
    extensions: [
      { name: 'basicConstraints', cA: false }, { name: 'keyUsage', digitalSignature: true, keyEncipherment: true },
      { name: 'extKeyUsage', serverAuth: true }, { name: 'subjectAltName', altNames },
    ],
  })
  return { cert: server.cert, key: server.private }
}

/** From yesterday, so that an agent whose clock is behind still trusts it. */
function validity(nowMs: number): { notBeforeDate: Date; notAfterDate: Date } {
  return { notBeforeDate: new Date(nowMs - DAY_MS), notAfterDate: new Date(nowMs + TEN_YEARS_DAYS * DAY_MS) }
}
