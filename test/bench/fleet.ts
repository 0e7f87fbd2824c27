import { encodeUser } from '@nats-io/jwt'
import { createUser } from '@nats-io/nkeys'
import { connect, jwtAuthenticator } from 'nats'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { loadNatsKeys } from '../../master/identity/nats-keys.ts'
import type { Heartbeat } from '../../protocol/wire/heartbeat.ts'
import { heartbeatSubject, inboxPrefix } from '../../protocol/wire/subjects.ts'
import type { Stack } from '../rig/stack.ts'
import { cpuMs, residentMb } from './process.ts'
import type { Row } from './row.ts'
import { seedAgents } from './sim-agents.ts'

const AGENTS = 1_000
const BEAT_MS = 5_000
const RUNS = 5
const WINDOW_MS = 10_000

/** What 1,000 agents with a heartbeat each 5 s cost the master, beside the same master with one agent: CPU in ms a second (10 = 1 % of a core), resident MB. */
export async function fleetRows(stack: Stack): Promise<Row[]> {
  const before = await windows(stack.master.pid)
  const seeded = await seedAgents(stack, { pool: 'simulated', agents: AGENTS, slots: 8, beat: true })
  const herd = await beat(stack, seeded)
  await sleep(2 * BEAT_MS)
  const during = await windows(stack.master.pid)
  const answered = herd.stop()
  seeded.stop()
  const sent = during.seconds * (AGENTS / (BEAT_MS / 1000))
  process.stderr.write(`heartbeats answered: ${answered}, about ${Math.round(sent)} were due in the measured windows\n`)
  return [
    { name: '1,000 agents at 5 s heartbeats, CPU of the master', unit: 'ms/s', ours: during.cpu, peer: during.cpu.map(() => 100), peerName: 'a tenth of a core', goal: { atMost: 1 } },
    { name: '1,000 agents at 5 s heartbeats, memory of the master', unit: 'MB', ours: during.memory, peer: before.memory, peerName: 'the same master with one agent', goal: { atMost: 1.5 } },
  ]
}

async function windows(pid: number): Promise<{ cpu: number[]; memory: number[]; seconds: number }> {
  const cpu: number[] = []
  const memory: number[] = []
  for (let run = 0; run < RUNS; run += 1) {
    const from = cpuMs(pid)
    await sleep(WINDOW_MS)
    cpu.push((cpuMs(pid) - from) / (WINDOW_MS / 1000))
    memory.push(residentMb(pid))
  }
  return { cpu, memory, seconds: (RUNS * WINDOW_MS) / 1000 }
}

/** One connection speaks for all: each agent's heartbeats are spread over the period, with its own inbox. */
async function beat(stack: Stack, agents: Awaited<ReturnType<typeof seedAgents>>): Promise<{ stop(): number }> {
  const keys = await loadNatsKeys(join(stack.dir, 'master'))
  const user = createUser()
  const jwt = await encodeUser('bench', user, keys.account, { pub: { allow: ['>'] }, sub: { allow: ['>'] }, subs: -1, data: -1, payload: -1 })
  const link = await connect({ servers: `127.0.0.1:${stack.natsPort}`, authenticator: jwtAuthenticator(jwt, user.getSeed()) })
  let answered = 0
  const state = agents.ids.map((id) => ({ id, subject: heartbeatSubject(id), reply: `${inboxPrefix(id)}.r`, hash: agents.inventory(id).hash, store: null as string | null, have: 0 }))
  for (const agent of state) {
    link.subscribe(agent.reply, { callback: (_error, message) => {
      const reply = JSON.parse(message.string()) as { kind: string; store: string; generation?: number }
      answered += 1
      agent.store = reply.store
      agent.have = reply.generation ?? agent.have
    } })
  }
  let next = 0
  const timer = setInterval(() => {
    for (let n = 0; n < AGENTS / (BEAT_MS / 50); n += 1) {
      const agent = state[next % AGENTS]
      next += 1
      if (!agent) continue
      const message: Heartbeat = { v: 1, inc: 1, store: agent.store, have: agent.have, inventoryHash: agent.hash, outbox: 0 }
      link.publish(agent.subject, JSON.stringify(message), { reply: agent.reply })
    }
  }, 50)
  return {
    stop() {
      clearInterval(timer)
      void link.close()
      return answered
    },
  }
}
