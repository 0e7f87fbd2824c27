import type { Readable } from 'node:stream'
import type { ContainerOptions } from '../plan/container-spec.ts'
import type { SandboxNetwork } from '../plan/sandbox-name.ts'
import type { ObservedContainer, ObservedSandbox } from '../plan/world.ts'

/** What the agent asks of Docker. Every call but `pull`, `fill` and `watch` has a deadline of 30 s. Errors are DockerError. */
export interface Docker {
  info(): Promise<{ version: string; rootDir: string }>
  /** All containers with this agent's label, running or not. */
  list(): Promise<ObservedContainer[]>
  /** The same and this agent's network sandboxes, of one moment. */
  survey(): Promise<{ containers: ObservedContainer[]; sandboxes: ObservedSandbox[] }>
  inspect(id: string): Promise<ContainerFacts>
  imagePresent(image: string): Promise<boolean>
  /** Resolves when the image is present. */
  pull(image: string, options: { signal: AbortSignal; onProgress: (line: string) => void }): Promise<void>
  /** Returns the id; kind `conflict` where the name is taken. */
  create(options: ContainerOptions): Promise<string>
  start(id: string): Promise<void>
  /** Makes and starts a network sandbox; returns its id. Kind `conflict` where the name is taken. */
  makeSandbox(name: string, network: SandboxNetwork): Promise<string>
  /** Kind `conflict` where the name is taken, `missing` where there is no such container. */
  rename(id: string, name: string): Promise<void>
  /** Kind `missing` or `not-running` where there is nothing to signal. */
  signal(id: string, signal: 'SIGTERM' | 'SIGKILL'): Promise<void>
  /** Kills what still runs; a container that is gone is fine. */
  remove(id: string): Promise<void>
  /** Unpacks an uncompressed tar below `path` inside the container's own file system. */
  fill(id: string, path: string, tar: Readable, signal: AbortSignal): Promise<void>
  /** Last lines of both streams, without their frames. */
  tail(id: string, lines: number): Promise<string>
  /** Calls `onChange` for each event of this agent's containers, `trails` where the list may not show it yet; resolves when Docker or `signal` ends the stream. */
  watch(onChange: (trails: boolean) => void, signal: AbortSignal): Promise<void>
}

export interface ContainerFacts {
  id: string
  name: string
  labels: Record<string, string>
  status: ObservedContainer['status']
  beingRemoved: boolean
  /** 0 while it does not run */
  pid: number
  /** Docker's NetworkMode, with ids for names */
  network: string
  /** on the bridge; empty where it has none of its own */
  address: string
  /** Docker's json-file */
  logPath: string
  exitCode: number
  oomKilled: boolean
  /** Unix milliseconds; null where it never happened */
  startedAt: number | null
  endedAt: number | null
  /** Docker's own word on a failed start; often empty */
  error: string
}
