import { spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { copyFileSync, existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { CreateBucketCommand, S3Client } from '@aws-sdk/client-s3'
import { missingParts, PASSWORD, startStack, type Stack } from '../rig/stack.ts'
import { startRecordProxy, type RecordProxy } from './record-proxy.ts'

const BIN = process.env['DROVER_TEST_DETERMINED'] ?? ''
const ENDPOINT = process.env['DROVER_TEST_AWS_ENDPOINT'] ?? ''
const COMMAND_MS_MAX = 150_000

/** What a program of the package printed, and how it ended. */
export interface Ran {
  code: number
  out: string
  err: string
}

/** A cluster of ours and the published package beside it, which knows the master's address and nothing else. */
export interface Exam {
  stack: Stack
  proxy: RecordProxy
  /** the package's home, configuration and work directory */
  dir: string
  /** `det ...`; each entry of `input` is a line on its standard input. The home of another user of the terminal: `as`. */
  det(args: readonly string[], options?: { input?: readonly string[]; as?: string }): Promise<Ran>
  /** `det ...` that must end well; gives what it printed. */
  ok(...args: string[]): Promise<string>
  /** A script in the package's own Python; `client` is `determined.experimental.client`, logged in. It must end well. */
  python(script: string, ...args: string[]): Promise<string>
  /** a file of the work directory, with this content */
  file(name: string, content: string): string
  /** what rows leave for those that follow */
  facts: Map<string, string>
  fact(name: string): string
  stop(): Promise<void>
}

/** One line of the table: what a person types, and the check of what it prints and does. */
export interface Row {
  command: string
  check(exam: Exam): Promise<void>
}

export function missingForExam(): string | null {
  return missingParts() ?? (BIN === '' || !existsSync(join(BIN, 'det')) ? 'DROVER_TEST_DETERMINED is not set: no determined package to examine with' : ENDPOINT === '' ? 'DROVER_TEST_AWS_ENDPOINT is not set: no S3 to test with' : null)
}

export async function startExam(): Promise<Exam> {
  const bucket = `drover-exam-${randomUUID().slice(0, 8)}`
  const s3 = new S3Client({ endpoint: ENDPOINT, forcePathStyle: true, region: 'us-east-1', credentials: { accessKeyId: 'test', secretAccessKey: 'test' } })
  await s3.send(new CreateBucketCommand({ Bucket: bucket }))
  s3.destroy()
  const stack = await startStack({ cpuSlots: 4, bucket: `s3://${bucket}/herd?endpoint=${encodeURIComponent(ENDPOINT)}&region=us-east-1` })
  const proxy = await startRecordProxy(stack.url)
  const dir = join(stack.dir, 'exam')
  mkdirSync(join(dir, 'model'), { recursive: true })
  copyFileSync(join(import.meta.dirname, '../flow/training/train.py'), join(dir, 'model/train.py'))
  return examOf(stack, proxy, dir)
}

function examOf(stack: Stack, proxy: RecordProxy, dir: string): Exam {
  const facts = new Map<string, string>()
  const envOf = (as: string): Record<string, string> => {
    const home = join(dir, 'home', as)
    mkdirSync(home, { recursive: true })
    return { PATH: process.env['PATH'] ?? '', HOME: home, DET_MASTER: proxy.url, AWS_ACCESS_KEY_ID: 'test', AWS_SECRET_ACCESS_KEY: 'test', AWS_DEFAULT_REGION: 'us-east-1', COLUMNS: '400', PYTHONWARNINGS: 'ignore' }
  }
  const det: Exam['det'] = (args, { input = [], as = 'admin' } = {}) => run(join(BIN, 'det'), args, { env: envOf(as), cwd: dir, input })
  return {
    stack, proxy, dir, facts, det,
    async ok(...args) {
      return wellEnded(`det ${args.join(' ')}`, await det(args))
    },
    async python(script, ...args) {
      const prelude = `import sys, json\nfrom determined.experimental import client\nclient.login(master=${JSON.stringify(proxy.url)}, user="admin", password=${JSON.stringify(PASSWORD)})\n`
      return wellEnded(script, await run(join(BIN, 'python'), ['-c', prelude + script, ...args], { env: envOf('sdk'), cwd: dir, input: [] }))
    },
    file(name, content) {
      const path = join(dir, name)
      writeFileSync(path, content)
      return path
    },
    fact(name) {
      const value = facts.get(name)
      if (value === undefined) throw new Error(`an earlier row did not leave ${name}`)
      return value
    },
    async stop() {
      await proxy.close()
      await stack.stop()
    },
  }
}

function wellEnded(what: string, ran: Ran): string {
  if (ran.code !== 0) throw new Error(`${what}\nended with ${ran.code}\n${ran.out.slice(-2_000)}\n${ran.err.slice(-4_000)}`)
  return ran.out
}

/** In a session of its own, so that a password is read from standard input and not from a terminal. */
function run(command: string, args: readonly string[], { env, cwd, input }: { env: Record<string, string>; cwd: string; input: readonly string[] }): Promise<Ran> {
  const child = spawn(command, args, { env, cwd, detached: true, stdio: ['pipe', 'pipe', 'pipe'] })
  let [out, err] = ['', '']
  child.stdout.setEncoding('utf8').on('data', (text: string) => { out += text })
  child.stderr.setEncoding('utf8').on('data', (text: string) => { err += text })
  child.stdin.on('error', () => undefined)
  child.stdin.end(input.map((line) => `${line}\n`).join(''))
  const late = setTimeout(() => {
    err += `\nkilled after ${COMMAND_MS_MAX} ms: it hung`
    child.kill('SIGKILL')
  }, COMMAND_MS_MAX)
  return new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (code) => {
      clearTimeout(late)
      resolve({ code: code ?? -1, out, err })
    })
  })
}
