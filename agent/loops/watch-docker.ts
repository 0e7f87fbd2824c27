import type { Clock } from '../../protocol/kit/clock.ts'
import type { Log } from '../../protocol/kit/log.ts'
import type { Docker } from '../docker/door.ts'

const PAUSE_MS = 1_000
/** Docker tells an end before its own list shows it (measured: the list then says "running"), so it is looked at again. */
const TRAILS_MS = [25, 75, 900]

/** Wakes the reconcile loop on each event of Docker; a broken stream is opened again for ever. Resolves with `signal`. */
export async function watchDocker(deps: { docker: Docker; onChange: () => void; clock: Clock; log: Log; signal: AbortSignal }): Promise<void> {
  let trailing = false
  const onEvent = (trails: boolean): void => {
    deps.onChange()
    if (trails && !trailing) void trail()
  }
  const trail = async (): Promise<void> => {
    trailing = true
    for (const ms of TRAILS_MS) {
      await deps.clock.sleep(ms, deps.signal)
      trailing = false
      deps.onChange()
    }
  }
  while (!deps.signal.aborted) {
    try {
      await deps.docker.watch(onEvent, deps.signal)
    } catch (error) {
      if (!deps.signal.aborted) deps.log.warn({ err: error }, 'the event stream of Docker broke, will be opened again')
    }
    deps.onChange()
    await deps.clock.sleep(PAUSE_MS, deps.signal)
  }
}
