import type { Log } from '../../protocol/kit/log.ts'

/** For tests whose subject warns by design. */
export const silentLog: Log = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined, child: () => silentLog }
