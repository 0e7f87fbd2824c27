import type { Json, Template } from '../../../master/deploy/words.ts'
import { rendered } from './render.ts'

type Mapping = { readonly [key: string]: Json }

interface Rule {
  readonly protocol: string
  readonly from: number
  readonly to: number
  /** a CIDR, or the logical id of a group */
  readonly peer: string
}
interface Group {
  readonly ingress: readonly Rule[]
  readonly egress: readonly Rule[]
}

/** Who may open a connection to whom, by the security groups of a template. */
export interface Reach {
  /** TCP, from an IPv4 address outside */
  fromAddress(address: string, to: string, port: number): boolean
  between(from: string, to: string, port: number): boolean
  toAddress(from: string, address: string, port: number): boolean
}

/** Groups without egress rules of their own may call anywhere, as EC2 has it. */
export function reachOf(template: Template): Reach {
  const groups = new Map<string, Group>()
  for (const [id, { Type, Properties = {} }] of Object.entries(template.Resources)) {
    if (Type !== 'AWS::EC2::SecurityGroup') continue
    const egress = Properties['SecurityGroupEgress']
    groups.set(id, { ingress: rulesOf(template, Properties['SecurityGroupIngress']), egress: egress === undefined ? [{ protocol: '-1', from: 0, to: 65_535, peer: '0.0.0.0/0' }] : rulesOf(template, egress) })
  }
  for (const { Type, Properties = {} } of Object.values(template.Resources)) {
    if (Type !== 'AWS::EC2::SecurityGroupIngress' && Type !== 'AWS::EC2::SecurityGroupEgress') continue
    const id = String(rendered(template, Properties['GroupId'] ?? ''))
    const group = groups.get(id)
    if (group === undefined) throw new Error(`a rule names group ${id}, which is not in the template`)
    const rules = rulesOf(template, [Properties])
    groups.set(id, Type.endsWith('Ingress') ? { ...group, ingress: [...group.ingress, ...rules] } : { ...group, egress: [...group.egress, ...rules] })
  }
  const of = (id: string): Group => {
    const group = groups.get(id)
    if (group === undefined) throw new Error(`there is no group ${id}`)
    return group
  }
  return {
    fromAddress: (address, to, port) => of(to).ingress.some((rule) => admits(rule, port) && isWithin(address, rule.peer)),
    // a connection needs both: out of the one and into the other
    between: (from, to, port) => of(to).ingress.some((rule) => admits(rule, port) && rule.peer === from) && of(from).egress.some((rule) => admits(rule, port) && (rule.peer === to || rule.peer === '0.0.0.0/0')),
    toAddress: (from, address, port) => of(from).egress.some((rule) => admits(rule, port) && isWithin(address, rule.peer)),
  }
}

function rulesOf(template: Template, value: Json | undefined): Rule[] {
  const rows = value === undefined ? [] : (rendered(template, value) as readonly Mapping[])
  return rows.map((row) => ({
    protocol: String(row['IpProtocol']), from: Number(row['FromPort'] ?? 0), to: Number(row['ToPort'] ?? 65_535),
    peer: String(row['CidrIp'] ?? row['CidrIpv6'] ?? row['SourceSecurityGroupId'] ?? row['DestinationSecurityGroupId'] ?? ''),
  }))
}

function admits(rule: Rule, port: number): boolean {
  return rule.protocol === '-1' || (rule.protocol === 'tcp' && port >= rule.from && port <= rule.to)
}

function isWithin(address: string, cidr: string): boolean {
  const [base = '', bits = ''] = cidr.split('/')
  if (!/^[\d.]+$/.test(base) || bits === '') return false
  const size = 2 ** (32 - Number(bits))
  return Math.floor(number(address) / size) === Math.floor(number(base) / size)
}

function number(address: string): number {
  return address.split('.').reduce((sum, byte) => sum * 256 + Number(byte), 0)
}
