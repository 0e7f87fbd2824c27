import { mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { answersPing } from './docker-http.ts'
import type { Herd } from './herd.ts'
import { ready } from './processes.ts'

/**
 * A Docker Engine of our own, in a network and mount namespace of its own: nothing of the host's network is touched, nothing
 * stays (D4). Containers reach nothing outside; images are built here or imported. Unix socket paths are limited to about
 * 100 characters, so sockets live in `runDir`, below /run. Gives the DOCKER_HOST value.
 */
export async function startEngine(herd: Herd, places: { dataDir: string; runDir: string; logFile: string }, signal: AbortSignal): Promise<string> {
  const { dataDir, runDir, logFile } = places
  const exec = join(runDir, 'docker')
  await herd.sweepEngine()
  rmSync(exec, { recursive: true, force: true })
  mkdirSync(dataDir, { recursive: true, mode: 0o711 })
  mkdirSync(exec, { recursive: true })
  const host = `unix://${join(runDir, 'docker.sock')}`
  const script = 'mount --make-rprivate / && ip link set lo up && exec dockerd "$@"'
  const args = ['--data-root', dataDir, '--exec-root', exec, '--pidfile', join(runDir, 'docker.pid'), '--host', host, '--shutdown-timeout', '3', '--log-level', 'warn']
  const child = herd.begin({ name: 'dockerd', command: 'unshare', args: ['--net', '--mount', 'sh', '-c', script, 'dockerd', ...args], env: process.env, logFile })
  await ready(child, 60_000, signal, () => answersPing(host))
  herd.useEngine(host, child)
  return host
}
