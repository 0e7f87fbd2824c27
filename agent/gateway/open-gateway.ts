import { constants, open } from 'node:fs/promises'
import { Server } from 'node:net'
import { join } from 'node:path'
import { backoffMs } from '../../protocol/kit/backoff.ts'
import type { Clock } from '../../protocol/kit/clock.ts'
import type { Log } from '../../protocol/kit/log.ts'
import { note } from './note.ts'
import { GATEWAY_PORT, serveGateway, type Gateway } from './gateway.ts'
import { SharedNetworkError, listenInside } from './listen-inside.ts'
import type { RouteOptions } from './call.ts'

const ATTEMPTS = 6

/** Where a gateway listens on 127.0.0.1: in the network namespace of a process, or, where the run shares ours, here. */
export type GatewayPlace =
  /** `listening`: bound there already */
  | { at: 'namespace'; pid: number; listening: Server | null }
  | { at: 'host'; port: number }

export interface OpenGatewayOptions extends Omit<RouteOptions, 'signal'> {
  place: GatewayPlace
  /** mounted at /run/drover; `gateway-ready` appears there */
  run: string
  clock: Clock
  random: () => number
  log: Log
  signal: AbortSignal
}

/**
 * Opens the gateway of a container, before its start where it can be, and tells it so by the file `gateway-ready`. Null when `signal` aborted or
 * the port was not to be had: then the task log says so, and a run that needs no API goes on.
 */
export async function openGateway(options: OpenGatewayOptions): Promise<Gateway | null> {
  for (let attempt = 1; !options.signal.aborted; attempt += 1) {
    try {
      return await openOnce(options, attempt === 1)
    } catch (error) {
      if (options.signal.aborted) return null
      if (attempt >= ATTEMPTS || error instanceof SharedNetworkError) {
        giveUp(options, error)
        return null
      }
      await options.clock.sleep(backoffMs(attempt, options.random, { baseMs: 100, capMs: 3_000, floorMs: 50 }), options.signal)
    }
  }
  return null
}

/** A socket that was bound ahead serves one try: it is closed with what failed. */
async function openOnce(options: OpenGatewayOptions, first: boolean): Promise<Gateway> {
  const gateway = serveGateway(await listen(options.place, first), options)
  try {
    await markReady(join(options.run, 'gateway-ready'))
    return gateway
  } catch (error) {
    await gateway.close()
    throw error
  }
}

async function listen(place: GatewayPlace, first: boolean): Promise<Server> {
  if (place.at === 'host') return listenHere(place.port)
  return (first ? place.listening : null) ?? listenInside(place.pid, GATEWAY_PORT)
}

function listenHere(port: number): Promise<Server> {
  return new Promise((resolve, reject) => {
    const server = new Server()
    server.once('error', reject)
    server.listen({ host: '127.0.0.1', port, exclusive: true }, () => resolve(server))
  })
}

function giveUp(options: OpenGatewayOptions, error: unknown): void {
  const reason = error instanceof Error ? error.message : 'unknown error'
  options.log.warn({ place: options.place.at, err: error }, 'gateway could not be opened')
  options.journal.outbox.append(note(options.spec.alloc, 'WARNING', `The master's API cannot be reached from this container (only the files below /run/drover): ${reason}`, options.clock.wallMs()))
}

/** The container may have put a link there: it is never followed. */
async function markReady(path: string): Promise<void> {
  const file = await open(path, constants.O_WRONLY | constants.O_CREAT | constants.O_NOFOLLOW, 0o644)
  await file.close()
}
