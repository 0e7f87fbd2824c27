import { childrenOf, find, put, textAt, without, xml, type Xml } from './xml.ts'

/** What ec2sim adds to what moto tells of an instance. Times: milliseconds of the monotonic clock. */
export interface Life {
  id: string
  region: string
  runningAt: number
  /** DescribeInstances and every call by id know nothing of it before */
  visibleAt: number
  /** when its own system powers off */
  onShutdown: 'stop' | 'terminate'
  /** ended through ec2sim; null = not */
  endedAt: number | null
  /** `endedAt`, or when a list first told that moto ended it */
  seenEndedAt: number | null
  terminatedAt: number
  cause: Cause | null
}

/** Why it ended, in EC2's words. */
export interface Cause {
  code: string
  message: string
}

export const CAUSES = {
  user: { code: 'Client.UserInitiatedShutdown', message: 'Client.UserInitiatedShutdown: User initiated shutdown' },
  instance: { code: 'Client.InstanceInitiatedShutdown', message: 'Client.InstanceInitiatedShutdown: Instance initiated shutdown' },
  spot: { code: 'Server.SpotInstanceTermination', message: 'Server.SpotInstanceTermination: Instance terminated due to Spot interruption' },
} as const

const CODES = { pending: 0, running: 16, 'shutting-down': 32, terminated: 48, stopping: 64, stopped: 80 } as const
export type StateName = keyof typeof CODES

export function isStateName(text: string): text is StateName {
  return text in CODES
}

/** moto's word holds, but what ec2sim ended goes slowly and what is new is pending. */
export function stateOf(life: Life | undefined, moto: StateName, now: number): StateName {
  if (life?.endedAt !== undefined && life.endedAt !== null) return now < life.terminatedAt ? 'shutting-down' : 'terminated'
  if (moto !== 'running' || !life) return moto
  return now < life.runningAt ? 'pending' : 'running'
}

export function stateXml(name: string, state: StateName): Xml {
  return xml(name, [xml('code', String(CODES[state])), xml('name', state)])
}

/** Edits moto's `<item>` of an instance to what EC2 would tell now, and gives its state. */
export function tellState(item: Xml, life: Life | undefined, now: number): StateName {
  const moto = textAt(item, 'instanceState', 'name')
  if (!isStateName(moto)) throw new Error(`moto tells of the state ${JSON.stringify(moto)}`)
  const state = stateOf(life, moto, now)
  if (state !== moto) put(item, stateXml('instanceState', state))
  if (life?.cause) put(item, xml('stateReason', [xml('code', life.cause.code), xml('message', life.cause.message)]))
  if (life?.cause === CAUSES.user) put(item, xml('reason', `User initiated (${new Date().toISOString().slice(0, 19).replace('T', ' ')} GMT)`))
  if (life?.endedAt !== null && state === 'terminated' && life) stripEnded(item)
  return state
}

/** EC2 has no address, volume and network to tell of a terminated instance. */
function stripEnded(item: Xml): void {
  without(item, 'privateIpAddress', 'ipAddress', 'subnetId', 'vpcId')
  for (const name of ['networkInterfaceSet', 'blockDeviceMapping', 'groupSet', 'dnsName', 'privateDnsName']) if (find(item, name)) put(item, xml(name))
}

/** The `<item>`s of instances in a reservation. */
export function itemsOf(reservation: Xml): Xml[] {
  const set = find(reservation, 'instancesSet')
  return set ? childrenOf(set) : []
}

export function idOf(item: Xml): string {
  return textAt(item, 'instanceId')
}
