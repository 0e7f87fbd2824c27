import { randomUUID } from 'node:crypto'
import { Readable } from 'node:stream'
import type { FastifyInstance } from 'fastify'
import pg from 'pg'
import { realClock, type Clock } from '../../../protocol/kit/clock.ts'
import type { Log } from '../../../protocol/kit/log.ts'
import { BucketError, type Bucket } from '../../../protocol/bucket/door.ts'
import type { CommandResult, Commands, NewExperiment } from '../../store/commands.ts'
import { createCommand } from '../../store/run-command.ts'
import { migrate, openDb, type Db } from '../../store/db.ts'
import { clientHash } from '../auth/password.ts'
import type { ApiDeps, Provider } from '../deps.ts'
import { createGraphqlDoor } from '../../graphql/door.ts'
import { createRecentLog } from '../../recent-log.ts'
import { createApi } from '../server.ts'
import { ensureFirstUsers } from '../users-first.ts'
import { seedExperiment } from './seed.ts'

export const PASSWORD = 'Drover-Test-1'
export const ADMIN_URL = process.env['DROVER_TEST_PG']

/** Of pool gpu-big. */
export const PROVIDER: Provider = {
  policy: {
    name: 'gpu-big', region: 'us-east-1', instanceTypes: ['g5.xlarge', 'g5.2xlarge'], market: 'spot-then-on-demand', spotMaxPrice: null, maxPricePerHour: 3, minInstances: 0, maxInstances: 4,
    maxStartingMs: 20 * 60_000, maxIdleMs: 10 * 60_000, instanceSlots: null, cpuSlotsAllowed: false,
  },
  subnets: ['subnet-a'],
  settings: { imageId: 'ami-1', placementGroup: null, efa: false, instanceProfile: 'drover-agent', securityGroups: ['sg-1'], publicIp: false, keyName: null, rootVolumeGib: 200, rootVolumeThroughput: 500, instanceName: 'drover-agent', tags: [{ key: 'team', value: 'vision' }] },
}

export interface Rig {
  app: FastifyInstance
  db: Db
  /** bearer tokens */
  admin: string
  user: string
  adminId: number
  userId: number
  objects: Map<string, Buffer>
  calls: string[]
  created: NewExperiment[]
  answer: { result: CommandResult }
  /** as after a commit */
  change(): void
  logged: { fields: Record<string, unknown>; message: string }[]
  isReady: { value: boolean }
  /** as when Postgres restarts: every connection of this database ends */
  cutConnections(): Promise<void>
  /** followers that wait for a change */
  waiting(): number
  close(): Promise<void>
}

/** A fresh database, the API over it, a recording double of the commands (which write rows of their own) and a bucket in memory. */
export async function startRig(options: { webDir?: string } = {}): Promise<Rig> {
  if (!ADMIN_URL) throw new Error('DROVER_TEST_PG is not set')
  const name = `drover_api_${randomUUID().replaceAll('-', '')}`
  await runAsAdmin(`CREATE DATABASE ${name}`)
  const url = new URL(ADMIN_URL)
  url.pathname = `/${name}`
  const db = openDb(url.href, { max: 8, applicationName: 'api-test', onError: () => undefined })
  await migrate(db)
  await ensureFirstUsers(db, PASSWORD)
  const listeners = new Set<() => void>()
  const rig = { objects: new Map<string, Buffer>(), calls: [], created: [], answer: { result: { kind: 'done' } }, logged: [], isReady: { value: true } } as Pick<Rig, 'objects' | 'calls' | 'created' | 'answer' | 'logged' | 'isReady'>
  let waiting = 0
  const clock: Clock = {
    ...realClock,
    sleep: async (ms, signal) => {
      waiting += 1
      await realClock.sleep(ms, signal)
      waiting -= 1
    },
  }
  const recentLog = createRecentLog()
  for (let i = 1; i <= 20; i += 1) recentLog.take(JSON.stringify({ level: 30, time: new Date(1_700_000_000_000 + i).toISOString(), msg: `record ${i}` }))
  const graphql = createGraphqlDoor({ db, databaseUrl: url.href, log: recordLog(rig.logged) })
  const deps: ApiDeps = {
    db, graphql, commands: recordCommands(db, rig), clusterId: 'cluster-1', bucket: bucketOf(rig.objects), clock, random: () => 0.5, log: recordLog(rig.logged), recentLog, ready: () => rig.isReady.value,
    settings: {
      clusterName: 'test', defaultComputePool: 'default', defaultAuxPool: 'default', pools: [{ name: 'default', description: 'the one', provider: null }, { name: 'gpu-big', description: '', provider: PROVIDER }], listen: '127.0.0.1:0', webDir: options.webDir ?? null,
      checkpointStorage: { type: 's3', bucket: 'bkt', prefix: 'p', endpoint_url: null, access_key: null, secret_key: null, save_experiment_best: 0, save_trial_best: 1, save_trial_latest: 1 },
    },
    feed: { onChange: (listener) => { listeners.add(listener); return () => listeners.delete(listener) } },
  }
  const app = await createApi(deps)
  await app.ready()
  const users = await db.selectFrom('users').select(['id', 'username']).execute()
  const idOf = (username: string): number => users.find((user) => user.username === username)?.id ?? 0
  return {
    ...rig, app, db, admin: await logIn(app, 'admin'), user: await logIn(app, 'determined'), adminId: idOf('admin'), userId: idOf('determined'),
    waiting: () => waiting,
    cutConnections: () => runAsAdmin(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '${name}'`),
    change: () => { for (const listener of listeners) listener() },
    close: async () => {
      await app.close()
      await graphql.close()
      await db.destroy()
      await runAsAdmin(`DROP DATABASE ${name} WITH (FORCE)`)
    },
  }
}

export async function logIn(app: FastifyInstance, username: string, password = PASSWORD): Promise<string> {
  const response = await app.inject({ method: 'POST', url: '/api/v1/auth/login', payload: { username, password: clientHash(password), isHashed: true } })
  const body = response.json<{ token?: string; message?: string }>()
  if (!body.token) throw new Error(`login failed: ${body.message}`)
  return body.token
}

export async function runAsAdmin(statement: string): Promise<void> {
  const client = new pg.Client(ADMIN_URL)
  await client.connect()
  await client.query(statement).finally(() => client.end())
}

function recordCommands(db: Db, rig: Pick<Rig, 'calls' | 'created' | 'answer'>): Commands {
  const record = (name: string) => (...args: unknown[]): Promise<CommandResult> => {
    rig.calls.push(`${name} ${args.map((arg) => (typeof arg === 'object' ? JSON.stringify(arg) : String(arg))).join(' ')}`)
    return Promise.resolve(rig.answer.result)
  }
  return {
    createExperiment: async (input) => {
      rig.created.push(input)
      const made = await seedExperiment(db, { ownerId: input.ownerId, name: input.config.name, state: input.activate ? 'ACTIVE' : 'PAUSED', allocation: input.activate ? 'PENDING' : null, config: input.config })
      return { experimentId: made.experimentId, trialId: made.trialId, trialIds: [made.trialId], jobId: randomUUID(), startedAt: new Date(), pool: 'default' }
    },
    activate: record('activate'), pause: record('pause'), cancel: record('cancel'), kill: record('kill'), killTrial: record('killTrial'), setArchived: record('setArchived'),
    setAgentEnabled: record('setAgentEnabled'), setSlotEnabled: record('setSlotEnabled'),
    retireInstance: record('retireInstance'), changeExperiment: record('changeExperiment'), moveExperiment: record('moveExperiment'), continueExperiment: record('continueExperiment'), changeJob: record('changeJob'), deleteExperiment: record('deleteExperiment'), killCommand: record('killCommand'), createCommand: (input) => createCommand(db, input), resumePool: record('resumePool'), deleteCheckpoints: record('deleteCheckpoints'), releaseBrake: record('releaseBrake'),
  }
}

function recordLog(logged: Rig['logged']): Log {
  const write = (fields: object, message: string): void => { logged.push({ fields: { ...fields }, message }) }
  const log: Log = { debug: write, info: write, warn: write, error: write, child: () => log }
  return log
}

function bucketOf(objects: Map<string, Buffer>): Bucket {
  const refuse = (): never => { throw new Error('the API only reads') }
  return {
    url: 's3://bkt',
    getStream: (key) => {
      const bytes = objects.get(key)
      return bytes ? Promise.resolve(Readable.from([bytes])) : Promise.reject(new BucketError('missing', key))
    },
    putFile: refuse, putBytes: refuse, getBytes: refuse, getFile: refuse, head: refuse, list: refuse, remove: refuse, close: () => undefined,
  }
}
