import type { Json, Template } from '../../../master/deploy/words.ts'

/** What CloudFormation would know of a stack, made up: pseudo parameters, and one name for each resource. */
export const HERE = { partition: 'aws', region: 'us-east-1', account: '123456789012' } as const

const PSEUDO: Readonly<Record<string, string>> = { 'AWS::Partition': HERE.partition, 'AWS::Region': HERE.region, 'AWS::AccountId': HERE.account }
const ARNS: Readonly<Record<string, (id: string) => string>> = {
  'AWS::IAM::Role': (id) => `arn:aws:iam::${HERE.account}:role/${id}`,
  'AWS::IAM::InstanceProfile': (id) => `arn:aws:iam::${HERE.account}:instance-profile/${id}`,
  'AWS::S3::Bucket': (id) => `arn:aws:s3:::${id.toLowerCase()}`,
  'AWS::Logs::LogGroup': (id) => `arn:aws:logs:${HERE.region}:${HERE.account}:log-group:${id}:*`,
}

/** A value of the template with its references filled in: `Ref Bucket` is `bucket`, `GetAtt Role.Arn` an ARN of this account. */
export function rendered(template: Template, value: Json): Json {
  if (typeof value !== 'object' || value === null) return value
  if (Array.isArray(value)) return value.map((one: Json) => rendered(template, one))
  const entries = Object.entries(value as { readonly [key: string]: Json })
  const [name, argument] = entries[0] ?? ['', null]
  if (entries.length === 1 && name === 'Ref' && typeof argument === 'string') return PSEUDO[argument] ?? (template.Resources[argument]?.Type === 'AWS::S3::Bucket' ? argument.toLowerCase() : argument)
  if (entries.length === 1 && name === 'Fn::GetAtt' && Array.isArray(argument)) return attributeOf(template, String(argument[0]), String(argument[1]))
  if (entries.length === 1 && name === 'Fn::Join' && Array.isArray(argument)) {
    const parts = rendered(template, argument[1] ?? [])
    return Array.isArray(parts) ? parts.map(String).join(String(argument[0])) : ''
  }
  if (entries.length === 1 && name === 'Fn::Base64') return rendered(template, argument)
  return Object.fromEntries(entries.map(([key, inner]) => [key, rendered(template, inner)]))
}

function attributeOf(template: Template, id: string, name: string): string {
  const type = template.Resources[id]?.Type ?? ''
  if (name === 'Arn') {
    const arn = ARNS[type]
    if (arn === undefined) throw new Error(`no ARN is known for ${type}: add it here`)
    return arn(id)
  }
  return `${id}.${name}`
}

/** Everything a resource of the template refers to that is not in it; empty in a sound template. */
export function danglingReferences(template: Template): string[] {
  const dangling = new Set<string>()
  const walk = (value: Json): void => {
    if (typeof value !== 'object' || value === null) return
    if (Array.isArray(value)) return value.forEach((one: Json) => walk(one))
    for (const [key, inner] of Object.entries(value as { readonly [key: string]: Json })) {
      const target = key === 'Ref' && typeof inner === 'string' ? inner : key === 'Fn::GetAtt' && Array.isArray(inner) ? String(inner[0]) : null
      if (target !== null && !(target in PSEUDO) && !(target in template.Resources)) dangling.add(target)
      walk(inner)
    }
  }
  walk(JSON.parse(JSON.stringify(template)) as Json)
  return [...dangling]
}
