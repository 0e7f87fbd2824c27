import type { GatewayPlace } from '../gateway/open-gateway.ts'
import type { AllocationRow } from '../plan/row.ts'
import { sandboxName } from '../plan/sandbox-name.ts'
import type { StepContext } from './context.ts'
import type { Sandbox } from './sandboxes.ts'

/** The sandbox that the run joins; null where it has the host's network. */
export async function sandboxFor(context: StepContext, row: AllocationRow): Promise<Sandbox | null> {
  return row.place?.network === 'host' ? null : context.sandboxes.take(sandboxName(row.spec))
}

/** The same for a container that exists: another sandbox would not be its own. Rejects where it is gone; the next plan sees that too. */
export async function sandboxOfCreated(context: StepContext, row: AllocationRow): Promise<Sandbox | null> {
  if (row.place?.network === 'host') return null
  const sandbox = await context.sandboxes.find(sandboxName(row.spec))
  if (sandbox === null) throw new Error(`the network sandbox ${sandboxName(row.spec)} does not run`)
  return sandbox
}

/** Before the start, by the sandbox; a socket that is bound ahead is handed over, once. */
export function gatewayPlace(row: AllocationRow, sandbox: Sandbox | null): GatewayPlace {
  if (sandbox === null) return { at: 'host', port: row.place?.gatewayPort ?? 0 }
  const { pid, listening } = sandbox
  sandbox.listening = null
  return { at: 'namespace', pid, listening }
}

/** After it, by the run's own process: its network outlives a sandbox that somebody removed. */
export function runningPlace(row: AllocationRow, pid: number): GatewayPlace {
  return row.place?.network === 'host' ? { at: 'host', port: row.place.gatewayPort } : { at: 'namespace', pid, listening: null }
}
