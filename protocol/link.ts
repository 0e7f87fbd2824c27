import { connect, credsAuthenticator, type Msg, type NatsConnection, type Subscription } from 'nats'
import type { Log } from './kit/log.ts'

/** The only importer of `nats`. The alias is @nats-io/transport-node 3: 2.x lets CRLF in a subject inject commands. */
export interface LinkOptions {
  urls: readonly string[]
  name: string
  inboxPrefix: string
  /** newest credentials at each dial, in the `.creds` format of `creds()` below */
  credentials: () => { jwt: string; seed: string }
  log: Log
}

export type LinkMessage = Msg
export type Link = NatsConnection
export type LinkSubscription = Subscription

/**
 * Connects and stays connected for ever: reconnects with jitter, notices a silent partition in 15 s, survives
 * refused authentications (the next dial asks for newer credentials). Publishing while down loses the message:
 * nothing of value goes without outbox and reply (DESIGN decision 2).
 */
export async function openLink(options: LinkOptions): Promise<Link> {
  const connection = await connect({
    servers: [...options.urls],
    name: options.name,
    inboxPrefix: options.inboxPrefix,
    authenticator: (nonce) => {
      const { jwt, seed } = options.credentials()
      return credsAuthenticator(new TextEncoder().encode(credentialsFile(jwt, seed)))(nonce)
    },
    maxReconnectAttempts: -1,
    reconnectTimeWait: 1_000,
    reconnectJitter: 1_000,
    pingInterval: 5_000,
    maxPingOut: 2,
    timeout: 4_000,
    ignoreAuthErrorAbort: true,
    waitOnFirstConnect: true,
    noAsyncTraces: true,
  })
  void watch(connection, options.log)
  return connection
}

async function watch(connection: Link, log: Log): Promise<void> {
  for await (const status of connection.status()) {
    if (status.type === 'disconnect' || status.type === 'reconnect' || status.type === 'error') log.info({ status: status.type }, 'nats connection changed')
  }
}

function credentialsFile(jwt: string, seed: string): string {
  return `-----BEGIN NATS USER JWT-----\n${jwt}\n------END NATS USER JWT------\n\n-----BEGIN USER NKEY SEED-----\n${seed}\n------END USER NKEY SEED------\n`
}
