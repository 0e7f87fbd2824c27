import { randomUUID } from 'node:crypto'
import { notFound, Refusal } from './errors.ts'
import { filtersOf, listAt, passes, withFilters, type Filter, type Form } from './form.ts'
import { CAUSES, idOf, itemsOf, stateXml, tellState, type Cause, type StateName } from './life.ts'
import { formOf, type Answer } from './moto.ts'
import { childrenOf, find, parseXml, printXml, put, textAt, without, xml, type Xml, type XmlDocument } from './xml.ts'
import { isUnknown, lifeOf, now, type Call, type World } from './world.ts'

/** An instance as it is, however stale the lists. */
export interface SimInstance {
  id: string
  type: string
  zone: string
  region: string
  market: 'on-demand' | 'spot'
  state: StateName
  stateReason: string
  privateIp: string
  clientToken: string
  tags: Record<string, string>
}

/** Every instance that moto knows in the region, in the order of launch. */
export async function truth(world: World, region: string, ids: readonly string[] = []): Promise<SimInstance[]> {
  const form = formOf('DescribeInstances', numbered(ids))
  const { reservations } = await world.moto.reservations(form, region)
  return reservations.flatMap(itemsOf).map((item) => {
    const state = tell(world, item)
    const tags = find(item, 'tagSet')
    return {
      id: idOf(item), type: textAt(item, 'instanceType'), zone: textAt(item, 'placement', 'availabilityZone'), region, state,
      market: textAt(item, 'instanceLifecycle') === 'spot' ? 'spot' : 'on-demand', stateReason: textAt(item, 'stateReason', 'message'),
      privateIp: textAt(item, 'privateIpAddress'), clientToken: textAt(item, 'clientToken'),
      tags: Object.fromEntries(tags ? childrenOf(tags).map((tag) => [textAt(tag, 'key'), textAt(tag, 'value')]) : []),
    }
  })
}

function tell(world: World, item: Xml): StateName {
  const state = tellState(item, world.lives.get(idOf(item)), now(world))
  if (state === 'terminated' && world.settings.forgetAfterMs !== null) {
    const life = lifeOf(world, idOf(item), textAt(item, 'placement', 'availabilityZone').slice(0, -1))
    life.seenEndedAt ??= now(world)
  }
  return state
}

/** Filters that moto does not know, or could not answer with ec2sim's states. */
const OWN_FILTERS: Readonly<Record<string, (item: Xml, reservation: Xml) => string>> = {
  'instance-state-name': (item) => textAt(item, 'instanceState', 'name'),
  'instance-state-code': (item) => textAt(item, 'instanceState', 'code'),
  'instance-lifecycle': (item) => textAt(item, 'instanceLifecycle'),
  'client-token': (item) => textAt(item, 'clientToken'),
  'launch-time': (item) => textAt(item, 'launchTime'),
  'state-reason-code': (item) => textAt(item, 'stateReason', 'code'),
  'reservation-id': (_item, reservation) => textAt(reservation, 'reservationId'),
}

export async function describeInstances(world: World, { form, region }: Call): Promise<Answer> {
  const ids = listAt(form, 'InstanceId')
  const { frozen, frozenById } = world.lists
  const lost = ids.filter((id) => isUnknown(world, id) || (frozen && frozenById && world.lives.has(id) && !frozen.has(id)))
  if (lost.length > 0) throw notFound(lost)
  const size = Math.min(askedSize(form, ids.length > 0), world.settings.pageSize ?? Infinity)
  const token = form.entries.get('NextToken')
  const filters = filtersOf(form)
  const own = filters.filter((filter) => filter.name in OWN_FILTERS)
  const { document, reservations } = await world.moto.reservations(withFilters(form, filters.filter((filter) => !own.includes(filter))), region)
  const pages = token === undefined ? told(world, reservations, own, ids.length > 0) : world.lists.pages.get(token)
  if (!pages) throw new Refusal({ code: 'InvalidParameterValue', status: 400, message: 'Unable to parse pagination token' })
  return page(world, document, pages, ids.length > 0 ? Infinity : size)
}

function askedSize(form: Form, byId: boolean): number {
  const text = form.entries.get('MaxResults')
  if (text === undefined) return Infinity
  if (byId) throw new Refusal({ code: 'InvalidParameterCombination', status: 400, message: 'The parameter instancesSet cannot be used with the parameter maxResults' })
  if (Number(text) >= 5 && Number(text) <= 1000) return Number(text)
  throw new Refusal({ code: 'InvalidParameterValue', status: 400, message: `Value ( ${text} ) for parameter maxResults is invalid. Expecting a value between 5 and 1000.` })
}

/** What EC2 tells of moto's reservations now: states, freshness, filters. */
function told(world: World, reservations: Xml[], filters: readonly Filter[], byId: boolean): Xml[] {
  const { lists } = world
  if (!byId && lists.empty > 0) {
    lists.empty -= 1
    return []
  }
  return reservations.filter((reservation) => {
    const set = find(reservation, 'instancesSet')
    if (!set) return false
    set.children = itemsOf(reservation).flatMap((item) => {
      tell(world, item)
      const stale = lists.frozen && (!byId || lists.frozenById) ? lists.frozen.get(idOf(item)) : item
      const keep = stale && !isUnknown(world, idOf(item)) && filters.every((filter) => passes(filter, OWN_FILTERS[filter.name]?.(stale, reservation) ?? ''))
      return keep ? [stale] : []
    })
    return set.children.length > 0
  })
}

function page(world: World, document: XmlDocument, reservations: Xml[], size: number): Answer {
  const rest = reservations.slice(size)
  put(document.root, xml('reservationSet', reservations.slice(0, size)))
  without(document.root, 'nextToken')
  if (rest.length > 0) {
    const token = Buffer.from(randomUUID()).toString('base64')
    world.lists.pages.set(token, rest)
    childrenOf(document.root).splice(1, 0, xml('nextToken', token))
  }
  return { status: 200, headers: { 'content-type': 'text/xml' }, body: printXml(document) }
}

/** Lists stay as they are now until they thaw. */
export async function freeze(world: World, region: string, byId: boolean): Promise<void> {
  const { reservations } = await world.moto.reservations(formOf('DescribeInstances', {}), region)
  const items = reservations.flatMap(itemsOf)
  for (const item of items) tell(world, item)
  world.lists.frozen = new Map(items.filter((item) => !isUnknown(world, idOf(item))).map((item) => [idOf(item), item]))
  world.lists.frozenById = byId
}

/** One id that EC2 does not know, and nothing is ended. */
export async function terminateInstances(world: World, { form, region }: Call): Promise<Answer> {
  const ids = listAt(form, 'InstanceId')
  const lost = ids.filter((id) => isUnknown(world, id))
  if (lost.length > 0) throw notFound(lost)
  return end(world, region, ids, CAUSES.user, form.entries.get('DryRun') === 'true')
}

/** Ends them in moto, and slowly here. moto stumbles over an instance that it ended before: it is asked for the others only. */
export async function end(world: World, region: string, ids: readonly string[], cause: Cause, dry = false): Promise<Answer> {
  const before = new Map((await truth(world, region, ids)).map(({ id, state }) => [id, state]))
  const isEnded = (id: string): boolean => before.get(id) === 'terminated' || (world.lives.get(id)?.endedAt ?? null) !== null
  const open = ids.filter((id) => !isEnded(id))
  const answer = open.length === 0 ? nothingEnded() : await world.moto.send(formOf('TerminateInstances', { ...numbered(open), ...(dry ? { DryRun: 'true' } : {}) }), region)
  if (answer.status !== 200) return answer
  const at = now(world)
  for (const id of open) Object.assign(lifeOf(world, id, region), { endedAt: at, seenEndedAt: at, terminatedAt: at + world.settings.shuttingDownMs, cause })
  const document = parseXml(answer.body)
  const told = new Map(itemsOf(document.root).map((item) => [idOf(item), item]))
  const items = [...before].map(([id, was]) => {
    const item = told.get(id) ?? xml('item', [xml('currentState'), xml('instanceId', id), xml('previousState')])
    put(item, stateXml('previousState', was))
    put(item, stateXml('currentState', was === 'terminated' ? 'terminated' : 'shutting-down'))
    return item
  })
  put(document.root, xml('instancesSet', items))
  return { ...answer, body: printXml(document) }
}

function nothingEnded(): Answer {
  const body = `<?xml version="1.0" encoding="utf-8"?>\n<TerminateInstancesResponse xmlns="http://ec2.amazonaws.com/doc/2016-11-15"><instancesSet/><requestId>${randomUUID()}</requestId></TerminateInstancesResponse>`
  return { status: 200, headers: { 'content-type': 'text/xml' }, body }
}

function numbered(ids: readonly string[]): Record<string, string> {
  return Object.fromEntries(ids.map((id, i) => [`InstanceId.${i + 1}`, id]))
}
