import { execFileSync } from 'node:child_process'
import { mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { connect } from 'node:net'
import { ready, startChild, type Child } from './processes.ts'

/**
 * A Docker Engine of our own, in a network namespace of its own: nothing of the host's network is touched, nothing stays.
 * Containers reach nothing outside; images are built here or imported. Socket paths are limited to about 100 characters,
 * so the socket lives below /run.
 */
export async function startEngine(stateDir: string, runDir: string): Promise<{ host: string; child: Child }> {
  const data = join(stateDir, 'docker')
  const exec = join(runDir, 'docker')
  const socket = join(runDir, 'docker.sock')
  mkdirSync(data, { recursive: true })
  mkdirSync(exec, { recursive: true })
  rmSync(socket, { force: true })
  rmSync(join(runDir, 'docker.pid'), { force: true })
  const logFile = join(stateDir, 'logs/dockerd.log')
  const script = 'mount --make-rprivate / && ip link set lo up && exec dockerd "$@"'
  const args = ['--data-root', data, '--exec-root', exec, '--pidfile', join(runDir, 'docker.pid'), '--host', `unix://${socket}`, '--live-restore', '--log-level', 'warn']
  const child = startChild({ name: 'dockerd', command: 'unshare', args: ['--net', '--mount', 'sh', '-c', script, 'dockerd', ...args], env: { ...process.env, DOCKER_RAMDISK: '' }, logFile })
  await ready(child, logFile, 60_000, () => answers(socket))
  return { host: `unix://${socket}`, child }
}

function answers(socket: string): Promise<boolean> {
  return new Promise((resolve) => {
    const connection = connect(socket)
    connection.once('error', () => resolve(false))
    connection.once('connect', () => connection.write('GET /_ping HTTP/1.0\r\nHost: docker\r\n\r\n'))
    connection.once('data', (data) => (connection.destroy(), resolve(/ 200 /.test(String(data)))))
  })
}

/** Removes the containers that carry the agent's label, and only them. */
export function removeContainers(dockerHost: string, agentId: string): void {
  const docker = (...args: string[]): string => execFileSync('docker', args, { env: { ...process.env, DOCKER_HOST: dockerHost }, encoding: 'utf8' })
  const ids = docker('ps', '-aq', '--filter', `label=drover.agent=${agentId}`).split('\n').filter((id) => id !== '')
  if (ids.length > 0) docker('rm', '-f', ...ids)
}
