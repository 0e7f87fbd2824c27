import { watch, type FSWatcher } from 'node:fs'

/**
 * Calls `wake` when the file or directory changes. Only a quickener: a loop's own sweep is what counts, so a path that
 * is not there yet or a host out of watches costs latency and nothing else. `retry` looks again for a missing path.
 */
export function wakeOnChange(path: string, wake: () => void): { retry(): void; close(): void } {
  let watcher: FSWatcher | null = null
  const drop = (): void => {
    watcher?.close()
    watcher = null
  }
  const retry = (): void => {
    if (watcher) return
    try {
      watcher = watch(path, { persistent: false }, () => wake())
      watcher.on('error', drop)
    } catch {
      watcher = null // absent, or no watches left: the sweep goes on
    }
  }
  retry()
  return { retry, close: drop }
}
