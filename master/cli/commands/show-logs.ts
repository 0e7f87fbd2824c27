import { realClock } from '../../../protocol/kit/clock.ts'
import type { Client } from '../client.ts'
import { CliError, EXIT } from '../fail.ts'
import { followExperiment } from '../follow-experiment.ts'
import { followLogs } from '../follow-logs.ts'
import { logText } from '../format.ts'
import type { Invocation } from '../invocation.ts'
import { filterQuery } from '../log-filters.ts'
import type { LogFilters } from '../log-filters.ts'
import type { Trial, TrialLog } from '../shapes.ts'

export async function trialLogs(invocation: Invocation, trialId: number, filters: LogFilters): Promise<void> {
  refuseContrary(filters)
  const client = await invocation.client()
  await printTrial(invocation, client, trialId, filters)
}

/** Of every trial, one after the other; followed, all at once with a status line. */
export async function experimentLogs(invocation: Invocation, experimentId: number, filters: LogFilters): Promise<void> {
  refuseContrary(filters)
  const { terminal, signal } = invocation
  const client = await invocation.client()
  if (filters.follow && filters.tail === null) {
    const print = printer(invocation)
    await followExperiment({ client, experimentId, out: { line: print, status: terminal.status }, signal, query: filterQuery(filters), format: formatter(invocation) })
    return
  }
  const { trials = [] } = await client.get<{ trials?: Trial[] }>(`/api/v1/experiments/${experimentId}/trials`)
  for (const { id } of trials) await printTrial(invocation, client, id, filters)
}

function refuseContrary(filters: LogFilters): void {
  if (filters.tail !== null && filters.head !== null) throw new CliError(EXIT.usage, '--head and --tail are given together', 'keep one of them')
  if (filters.head !== null && filters.follow) throw new CliError(EXIT.usage, '--head and --follow are given together', 'keep one of them')
}

async function printTrial(invocation: Invocation, client: Client, trialId: number, filters: LogFilters): Promise<void> {
  const [print, format] = [printer(invocation), formatter(invocation)]
  const query = filterQuery(filters)
  const { signal } = invocation
  const path = `/api/v1/trials/${trialId}/logs`
  if (filters.tail === null && !filters.follow) {
    for await (const entry of client.stream<TrialLog>(path, filters.head === null ? query : { ...query, limit: Math.max(1, filters.head) }, signal)) print(format(entry))
    return
  }
  const newest: TrialLog[] = []
  if (filters.tail !== null) {
    for await (const entry of client.stream<TrialLog>(path, { ...query, limit: Math.max(1, filters.tail), orderBy: 'ORDER_BY_DESC' }, signal)) newest.push(entry)
    for (const entry of newest.slice(0, filters.tail).reverse()) print(format(entry))
  }
  if (!filters.follow) return
  await followLogs({
    client, trialId, query, enough: new AbortController().signal, signal, after: Number(newest[0]?.id ?? -1), clock: realClock, random: Math.random,
    onLine: (entry) => print(format(entry)),
    onLost: (lost) => invocation.terminal.note(lost ? 'the master is lost; trying again' : 'the master is back'),
  })
}

/** A log entry is one line of JSON with -o json. */
function formatter({ terminal }: Invocation): (entry: TrialLog) => string {
  return terminal.json ? (entry) => JSON.stringify(entry) : logText
}

function printer({ terminal }: Invocation): (text: string) => void {
  return terminal.json ? (text) => terminal.data(JSON.parse(text), true) : terminal.line
}
