import { grant, type Taken } from './capacity.ts'
import { ec2Error, Refusal } from './errors.ts'
import type { Zones } from './facts.ts'
import type { Form } from './form.ts'
import { idOf, itemsOf, stateXml, type StateName } from './life.ts'
import type { Answer } from './moto.ts'
import { truth } from './instances.ts'
import { parseXml, printXml, put } from './xml.ts'
import { now, type Call, type World } from './world.ts'

/** A launch that was answered: what it asked for, and the answer. */
interface Told {
  asked: string
  answer: Answer
}

export interface Launcher {
  run(call: Call): Promise<Answer>
}

/**
 * RunInstances as EC2 does it: one launch for a ClientToken (in each zone that a call names), between MinCount and
 * MaxCount as capacity allows or nothing, and no spot instance below the price.
 */
export function openRunInstances(world: World, zones: Zones): Launcher {
  const told = new Map<string, Told>()
  const run = async (call: Call): Promise<Answer> => {
    const { form, region, facts } = call
    const token = form.entries.get('ClientToken')
    const key = `${token} ${facts.zone || region}`
    const before = token === undefined ? undefined : told.get(key)
    if (before) return again(world, call, before)
    checkPrice(world, call)
    const place = await findPlace(world, zones, call)
    const answer = await world.moto.send(narrowed(form, place), region)
    if (answer.status !== 200) return answer
    remember(world, call, answer)
    if (token !== undefined) told.set(key, { asked: asked(form), answer })
    return answer
  }
  return { run: (call) => (call.form.entries.get('DryRun') === 'true' ? world.moto.send(call.form, call.region) : world.oneByOne(() => run(call))) }
}

/** The same answer again; only the states may have changed. */
async function again(world: World, { form, region, facts }: Call, before: Told): Promise<Answer> {
  if (before.asked !== asked(form)) throw new Refusal(ec2Error('IdempotentParameterMismatch', facts))
  const document = parseXml(before.answer.body)
  const items = itemsOf(document.root)
  const states = new Map((await truth(world, region)).map(({ id, state }) => [id, state]))
  const current = items.map((item): StateName => states.get(idOf(item)) ?? 'terminated')
  if (current.every((state) => state === 'terminated')) throw new Refusal(ec2Error('IdempotentInstanceTerminated', facts))
  for (const [i, item] of items.entries()) put(item, stateXml('instanceState', current[i] ?? 'terminated'))
  return { ...before.answer, body: printXml(document) }
}

/** Everything that the call says, its token aside. */
function asked(form: Form): string {
  return JSON.stringify([...form.entries].filter(([name]) => name !== 'ClientToken').toSorted(([a], [b]) => (a < b ? -1 : 1)))
}

function checkPrice(world: World, { form, facts }: Call): void {
  const bid = form.entries.get('InstanceMarketOptions.SpotOptions.MaxPrice')
  const price = world.prices.current(facts.type, facts.zone)
  if (facts.market !== 'spot' || bid === undefined || price === null || Number(bid) >= price) return
  const message = `Your Spot request price of ${Number(bid)} is lower than the minimum required Spot request fulfillment price of ${price}.`
  throw new Refusal(ec2Error('SpotMaxPriceTooLow', facts, { message }))
}

async function findPlace(world: World, zones: Zones, { form, region, facts }: Call): Promise<{ zone: string; count: number }> {
  const max = Number(form.entries.get('MaxCount') ?? 1)
  const min = Number(form.entries.get('MinCount') ?? 1)
  if (!(min >= 1 && max >= min)) throw new Refusal(ec2Error('InvalidParameterValue', facts, { message: `Value (${min}) for parameter minCount is invalid. It must be between 1 and maxCount (${max}).` }))
  if (!world.capacity.list().some((one) => one.type === facts.type)) return { zone: facts.zone, count: max }
  const taken: Taken[] = (await truth(world, region)).filter(({ state }) => state === 'pending' || state === 'running')
  const granted = grant(world.capacity, { ...facts, min, max }, facts.zone === '' ? await zones.all(region) : [], taken)
  if (!granted) throw new Refusal(ec2Error('InsufficientInstanceCapacity', facts))
  return granted
}

/** moto starts MinCount instances and does not look at MaxCount. */
function narrowed(form: Form, { zone, count }: { zone: string; count: number }): Form {
  const entries = new Map(form.entries)
  entries.set('MinCount', String(count))
  entries.set('MaxCount', String(count))
  const named = ['Placement.AvailabilityZone', 'SubnetId', 'NetworkInterface.1.SubnetId'].some((name) => entries.has(name))
  if (zone !== '' && !named) entries.set('Placement.AvailabilityZone', zone)
  return { action: form.action, entries }
}

function remember(world: World, { form, region }: Call, answer: Answer): void {
  const at = now(world)
  const { pendingMs, hideNewMs } = world.settings
  const onShutdown = form.entries.get('InstanceInitiatedShutdownBehavior') === 'terminate' ? 'terminate' : 'stop'
  for (const item of itemsOf(parseXml(answer.body).root)) {
    world.lives.set(idOf(item), { id: idOf(item), region, runningAt: at + pendingMs, visibleAt: at + hideNewMs, onShutdown, endedAt: null, seenEndedAt: null, terminatedAt: 0, cause: null })
  }
}
