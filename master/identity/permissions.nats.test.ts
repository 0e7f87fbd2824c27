import { createUser } from '@nats-io/nkeys'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { openLink, type Link } from '../../protocol/link.ts'
import { eventSubject, heartbeatSubject, inboxPrefix, logSubject, pokeSubject, wakeSubject } from '../../protocol/wire/subjects.ts'
import { quietLog } from '../loops/rig.ts'
import { NATS_SERVER, openNatsRig, type NatsRig } from './nats-rig.ts'
import { agentJwt, MASTER, masterJwt } from './nats-users.ts'

describe.skipIf(!NATS_SERVER)('what an agent may do on a real nats-server', () => {
  let rig: NatsRig
  const links: Link[] = []
  beforeAll(async () => { rig = await openNatsRig() })
  afterEach(async () => void (await Promise.all(links.splice(0).map((link) => link.close()))))
  afterAll(async () => rig.stop())

  async function master(): Promise<Link> {
    const jwt = await masterJwt(rig.keys)
    return keep(await openLink({ urls: [rig.url], name: 'm', inboxPrefix: inboxPrefix(MASTER), log: quietLog, credentials: () => ({ jwt, seed: new TextDecoder().decode(rig.keys.master.getSeed()) }) }))
  }
  async function agent(id: string): Promise<Link> {
    const pair = createUser()
    const jwt = await agentJwt(rig.keys, id, pair.getPublicKey(), Date.now())
    return keep(await openLink({ urls: [rig.url], name: id, inboxPrefix: inboxPrefix(id), log: quietLog, credentials: () => ({ jwt, seed: new TextDecoder().decode(pair.getSeed()) }) }))
  }
  function keep(link: Link): Link {
    links.push(link)
    return link
  }
  /** Everything the master hears while `act` runs. */
  async function heardDuring(act: () => Promise<void> | void): Promise<string[]> {
    const link = await master()
    const heard: string[] = []
    link.subscribe('drover.v1.>', { callback: (_error, message) => void heard.push(message.subject) })
    await link.flush()
    await act()
    await new Promise((resolve) => setTimeout(resolve, 150))
    return heard
  }

  test('it publishes on its own subjects and on nothing else', async () => {
    const a = await agent('a1')
    const heard = await heardDuring(async () => {
      for (const subject of [heartbeatSubject('a1'), eventSubject('a1'), logSubject('a1', 'trial-1.1')]) a.publish(subject, '{}')
      for (const subject of [heartbeatSubject('a2'), eventSubject('a2'), logSubject('a2', 'trial-1.1'), pokeSubject('a1'), pokeSubject('a2'), wakeSubject('schedule'), 'drover.v1.agent.a1', '_INBOX_a2.x', '$SYS.REQ.SERVER.PING', '$JS.API.INFO']) a.publish(subject, '{}')
      await a.flush()
    })
    expect(heard.sort()).toEqual([eventSubject('a1'), heartbeatSubject('a1'), logSubject('a1', 'trial-1.1')].sort())
  })

  test('it hears its own poke and inbox and nothing else', async () => {
    const a = await agent('a1')
    const refused: string[] = []
    const heard: string[] = []
    for (const subject of [pokeSubject('a1'), pokeSubject('a2'), 'drover.v1.>', '>', eventSubject('a1'), '_INBOX_a2.>', '_INBOX_master.>']) {
      a.subscribe(subject, { callback: (error, message) => void (error ? refused.push(subject) : heard.push(message.subject)) })
    }
    await a.flush()
    const m = await master()
    for (const subject of [pokeSubject('a1'), pokeSubject('a2'), wakeSubject('feed'), eventSubject('a1')]) m.publish(subject)
    await m.flush()
    await new Promise((resolve) => setTimeout(resolve, 150))
    expect(heard).toEqual([pokeSubject('a1')])
    expect(refused.sort()).toEqual([pokeSubject('a2'), 'drover.v1.>', '>', eventSubject('a1'), '_INBOX_a2.>', '_INBOX_master.>'].sort())
  })

  test('at most ten subscriptions', async () => {
    const a = await agent('a1')
    const seen: string[] = []
    void (async () => {
      for await (const status of a.status()) seen.push(`${status.type} ${'error' in status ? status.error.message : ''}`)
    })()
    const subscribe = async (n: number): Promise<void> => {
      for (let i = 0; i < n; i += 1) a.subscribe(`${inboxPrefix('a1')}.s${i}`)
      await a.flush()
      await new Promise((resolve) => setTimeout(resolve, 150))
    }
    await subscribe(10)
    expect(seen).toEqual([])
    await subscribe(1).catch(() => undefined)
    expect(seen.join()).toMatch(/subscriptions exceeded/i)
  })

  test('the master answers a request, once, and may not write to an inbox unasked', async () => {
    const m = await master()
    m.subscribe('drover.v1.agent.*.hb', { callback: (_error, message) => { message.respond('one'); message.respond('two') } })
    await m.flush()
    const a = await agent('a1')
    const inbox: string[] = []
    a.subscribe(`${inboxPrefix('a1')}.all.>`, { callback: (_error, message) => void inbox.push(message.string()) })
    await a.flush()
    a.publish(heartbeatSubject('a1'), '{}', { reply: `${inboxPrefix('a1')}.all.1` })
    m.publish(`${inboxPrefix('a1')}.all.2`, 'unasked')
    await new Promise((resolve) => setTimeout(resolve, 200))
    expect(inbox).toEqual(['one'])
  })

  test('a JWT of another account key, and one that is over, are not let in', async () => {
    const other = await openNatsRig()
    const pair = createUser()
    const seed = new TextDecoder().decode(pair.getSeed())
    const foreign = await agentJwt(other.keys, 'a1', pair.getPublicKey(), Date.now())
    const over = await agentJwt(rig.keys, 'a1', pair.getPublicKey(), Date.now() - 25 * 3_600_000)
    for (const jwt of [foreign, over]) {
      const dial = openLink({ urls: [rig.url], name: 'x', inboxPrefix: inboxPrefix('a1'), log: quietLog, credentials: () => ({ jwt, seed }) })
      const outcome = await Promise.race([dial.then(() => 'let in', () => 'refused'), new Promise((resolve) => setTimeout(() => resolve('kept out'), 1_500))])
      expect(outcome).not.toBe('let in')
      dial.then((link) => link.close()).catch(() => undefined)
    }
    await other.stop()
  })
})
