import type { Json, Resource, StackConfig } from '../words.ts'
import { TAG_INSTALLATION } from '../words.ts'

export const ref = (id: string): Json => ({ Ref: id })
export const attribute = (id: string, name: string): Json => ({ 'Fn::GetAtt': [id, name] })
export const joined = (parts: readonly Json[], by = ''): Json => ({ 'Fn::Join': [by, parts] })

/** `arn:<partition>:<rest>`, right in every partition. */
export const arn = (...rest: readonly Json[]): Json => joined(['arn:', ref('AWS::Partition'), ':', ...rest])
/** An ARN of this account and region. */
export const arnHere = (service: string, ...rest: readonly Json[]): Json => arn(service, ':', ref('AWS::Region'), ':', ref('AWS::AccountId'), ':', ...rest)

/** The name of one of the installation's secrets; policies and user data know it by that. */
export const secretName = (config: StackConfig, of: 'database' | 'state'): string => `drover/${config.name}/${of}`
/** Secrets Manager adds six letters to the name. */
export const secretArn = (config: StackConfig, of: 'database' | 'state'): Json => arnHere('secretsmanager', `secret:${secretName(config, of)}-??????`)

/** Tags of a resource: the installation's, the person's, and a name where the console shows one. */
export function tags(config: StackConfig, name?: string): Json[] {
  const own = [{ Key: TAG_INSTALLATION, Value: config.name }, ...config.tags.map(({ key, value }) => ({ Key: key, Value: value }))]
  return name === undefined ? own : [{ Key: 'Name', Value: `${config.name}-${name}` }, ...own]
}

export function resource(type: string, properties: { readonly [key: string]: Json }, more: Omit<Resource, 'Type' | 'Properties'> = {}): Resource {
  return { Type: type, Properties: properties, ...more }
}

export interface Statement {
  readonly [key: string]: Json
}

export function allow(sid: string, actions: readonly string[], resources: Json, condition?: { readonly [key: string]: Json }): Statement {
  return { Sid: sid, Effect: 'Allow', Action: actions, Resource: resources, ...(condition === undefined ? {} : { Condition: condition }) }
}

export function policy(statements: readonly Statement[]): Json {
  return { Version: '2012-10-17', Statement: statements }
}

/** Who may take a role: a service of AWS, or a role of this stack. */
export function trust(principal: { readonly [key: string]: Json }, more: { readonly [key: string]: Json } = {}): Json {
  return policy([{ Effect: 'Allow', Principal: principal, Action: 'sts:AssumeRole', ...more }])
}
