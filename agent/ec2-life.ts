import type { Clock } from '../protocol/kit/clock.ts'
import type { Log } from '../protocol/kit/log.ts'
import type { AgentConfig } from './config.ts'
import { liveContainers } from './docker/live-containers.ts'
import { openImds } from './host/imds.ts'
import { runStartupScript } from './host/startup-script.ts'
import { openUptime } from './host/uptime.ts'
import type { Journal } from './journal/door.ts'
import { startDeadMan } from './loops/dead-man.ts'
import { startNotices } from './loops/notices.ts'

export interface Ec2LifeDeps {
  config: AgentConfig
  journal: Journal
  clock: Clock
  random: () => number
  log: Log
  signal: AbortSignal
}

export interface Ec2Life {
  /** the master has answered a heartbeat */
  answered(): void
  readonly ended: Promise<unknown>
}

const ELSEWHERE: Ec2Life = { answered: () => undefined, ended: Promise.resolve() }

/**
 * What an agent does on EC2 before it enrols: the dead-man switch first, so that a machine that cannot even start its agent
 * goes too; then the startup script; then notices are listened for. Throws StartupError. Elsewhere nothing.
 */
export async function beginEc2Life(deps: Ec2LifeDeps): Promise<Ec2Life> {
  const { config, journal, signal, ...common } = deps
  const { ec2, dockerHost, agentId, stateDir } = config
  if (ec2 === null) return ELSEWHERE
  const deadMan = await startDeadMan({ ...common, signal, limitMs: ec2.deadmanMs, poweroffCommand: ec2.poweroffCommand, listLive: liveContainers({ dockerHost, agentId }), journal, uptime: openUptime() })
  if (ec2.startupScript !== null) await runStartupScript({ ...common, signal, script: ec2.startupScript, instanceId: ec2.instanceId, stateDir })
  const notices = startNotices({ ...common, signal, imds: openImds({ endpoint: ec2.metadataUrl, clock: deps.clock }), journal })
  return { answered: deadMan.answered, ended: Promise.all([deadMan.ended, notices.ended]) }
}
