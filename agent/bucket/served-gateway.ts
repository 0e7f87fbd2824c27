import type { Clock } from '../../protocol/kit/clock.ts'
import type { Log } from '../../protocol/kit/log.ts'
import type { AllocationSpec } from '../../protocol/wire/spec.ts'
import { openGateway, type GatewayPlace } from '../gateway/open-gateway.ts'
import { createPreemption } from '../gateway/preemption.ts'
import type { Proxy } from '../gateway/proxy.ts'
import type { Journal } from '../journal/door.ts'

/** The gateway of one allocation, from before the start of its container to the drain. */
export interface ServedGateway {
  /** Settles when it serves, or never will (the task log says why). Never rejects. */
  readonly opened: Promise<unknown>
  readonly place: GatewayPlace
  preempt(): void
  /** Calls `listener` each time a checkpoint was reported. */
  onReported(listener: () => void): void
  close(): Promise<void>
}

export interface ServeOptions {
  journal: Journal
  proxy: Proxy
  spec: AllocationSpec
  run: string
  storage: string
  place: GatewayPlace
  clock: Clock
  random: () => number
  log: Log
}

export function serveAllocation(options: ServeOptions): ServedGateway {
  const gone = new AbortController()
  const preemption = createPreemption((options.journal.allocation(options.spec.alloc)?.preemptAt ?? null) !== null)
  const listeners: (() => void)[] = []
  const onReported = (): void => listeners.forEach((listener) => listener())
  const gateway = openGateway({ ...options, preemption, onReported, signal: gone.signal }).catch((error: unknown) => {
    options.log.error({ err: error }, 'gateway failed')
    return null
  })
  return {
    opened: gateway,
    place: options.place,
    preempt: () => preemption.ask(),
    onReported: (listener) => void listeners.push(listener),
    async close() {
      gone.abort()
      await (await gateway)?.close()
    },
  }
}
