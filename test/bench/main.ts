import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startStack, missingParts, type Stack } from '../rig/stack.ts'
import { apiRows } from './api.ts'
import { assignRows } from './assign.ts'
import { coldRows } from './cold.ts'
import { fleetRows } from './fleet.ts'
import { idleRows } from './idle.ts'
import { measured, table, type Measured, type Row } from './row.ts'
import { searchDurableRows } from './search-durable.ts'
import { searchRows } from './search.ts'
import { startRows } from './start.ts'
import { uploadRows } from './upload.ts'

/** `npm run bench [-- --json] [-- --only NAME]`: each group runs beside its peer; nothing is asserted on time. */
interface Group {
  names: string[]
  stack: boolean
  run: (stack: Stack) => Promise<Row[]> | Row[]
}

const GROUPS: readonly Group[] = [
  { names: ['ASHA in memory, 100,000 trials', 'ASHA in memory, last tenth'], stack: false, run: searchRows },
  { names: ['search durable, 50,000 trials', 'search durable, last tenth', 'search durable, state made anew'], stack: false, run: searchDurableRows },
  { names: ['checkpoint upload 256 MiB over HTTP'], stack: false, run: uploadRows },
  { names: ['E1 idle memory, agent', 'E1 idle CPU, agent', 'idle memory, master', 'idle CPU, master'], stack: true, run: idleRows },
  { names: ['cold: submit to running, less EC2, agent start and container start', 'idle limit to TerminateInstances'], stack: false, run: coldRows },
  { names: ['1,000 agents at 5 s heartbeats, CPU of the master', '1,000 agents at 5 s heartbeats, memory of the master'], stack: true, run: fleetRows },
  { names: ['submit to assigned at 500/s, p50', 'submit to assigned at 500/s, p99'], stack: true, run: assignRows },
  { names: ['metric reports', 'log text in', 'follow: print to reader', 'experiment list among 100,000', 'checkpoint list'], stack: true, run: apiRows },
  { names: ['C1 submit to running, dockerode', 'C1 submit to running, docker run'], stack: true, run: startRows },
]

/** A second pool for agents that are simulated. */
function poolsFile(): string {
  const path = join(mkdtempSync(join(tmpdir(), 'drover-bench-')), 'master.yaml')
  writeFileSync(path, 'resource_pools: [{pool_name: default}, {pool_name: simulated}]\n')
  return path
}

const json = process.argv.includes('--json')
const only = process.argv.includes('--only') ? (process.argv[process.argv.indexOf('--only') + 1] ?? '') : ''
const chosen = GROUPS.filter((group) => group.names.some((name) => name.toLowerCase().includes(only.toLowerCase())))
if (chosen.length === 0) {
  process.stderr.write(`no row is named ${only}; the rows are:\n${GROUPS.flatMap((group) => group.names).join('\n')}\n`)
  process.exit(2)
}
const missing = missingParts()
if (missing && chosen.some((group) => group.stack)) {
  process.stderr.write(`bench: ${missing}\n`)
  process.exit(1)
}
const stack = chosen.some((group) => group.stack) ? await startStack({ env: { DROVER_LOG_LEVEL: 'warn', DROVER_CONFIG: poolsFile() } }) : null
try {
  const rows: Measured[] = []
  for (const group of chosen) {
    for (const row of (await group.run(stack as Stack)).map(measured).filter((found) => found.name.toLowerCase().includes(only.toLowerCase()))) {
      rows.push(row)
      if (json) process.stdout.write(`${JSON.stringify(row)}\n`)
    }
  }
  if (!json) process.stdout.write(`${table(rows)}\n`)
} finally {
  await stack?.stop()
}
