import { randomUUID } from 'node:crypto'
import { notFound } from './errors.ts'
import { listAt, type Form } from './form.ts'
import { formOf, type Answer } from './moto.ts'
import { askedPrices, priceXml } from './spot-prices.ts'
import { printXml, xml, type Xml } from './xml.ts'
import { isUnknown, type Call, type World } from './world.ts'

const CONSOLE_BYTES = 64 << 10

/** What moto has nothing useful to say about. */
export function describeSpotPriceHistory(world: World, { form }: Call): Answer {
  const prices = askedPrices(form, world.prices.history(), world.clock.wallMs())
  const from = Number(form.entries.get('NextToken') ?? 0)
  const to = from + Number(form.entries.get('MaxResults') || 1000)
  // EC2 says that there is no more by an empty token, not by none
  return answer('DescribeSpotPriceHistoryResponse', [xml('spotPriceHistorySet', prices.slice(from, to).map(priceXml)), xml('nextToken', to < prices.length ? String(to) : '')])
}

export async function getConsoleOutput(world: World, { form, region }: Call): Promise<Answer> {
  const id = form.entries.get('InstanceId') ?? ''
  refuseUnknown(world, form)
  const known = await world.moto.send(formOf('DescribeInstances', { 'InstanceId.1': id }), region)
  if (known.status !== 200) return known
  const text = Buffer.from(world.consoles.get(id) ?? '').subarray(-CONSOLE_BYTES)
  const output = text.length === 0 ? [] : [xml('output', text.toString('base64'))]
  return answer('GetConsoleOutputResponse', [xml('instanceId', id), xml('timestamp', new Date(world.clock.wallMs()).toISOString()), ...output])
}

/** Any other call: moto's answer as it stands, unless it names an instance that EC2 would not know. */
export function passOn(world: World, { form, region }: Call): Promise<Answer> {
  refuseUnknown(world, form)
  return world.moto.send(form, region)
}

function refuseUnknown(world: World, form: Form): void {
  const lost = [...listAt(form, 'InstanceId'), ...listAt(form, 'ResourceId'), form.entries.get('InstanceId') ?? ''].filter((id) => isUnknown(world, id))
  if (lost.length > 0) throw notFound(lost)
}

function answer(name: string, children: Xml[]): Answer {
  const id = randomUUID()
  const root: Xml = { name, attributes: ' xmlns="http://ec2.amazonaws.com/doc/2016-11-15/"', children: [xml('requestId', id), ...children] }
  return { status: 200, headers: { 'content-type': 'text/xml;charset=UTF-8', 'x-amzn-requestid': id }, body: printXml({ head: '<?xml version="1.0" encoding="UTF-8"?>\n', root }) }
}
