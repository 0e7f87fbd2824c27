import { chmod, chown, mkdir, open } from 'node:fs/promises'
import type { AllocationSpec } from '../../protocol/wire/spec.ts'
import type { AllocationPaths } from './attendant.ts'

/**
 * The host side of /run/drover, owned by the user of the run. `restored` is not made here: its presence means a whole
 * checkpoint. Idempotent. An agent that is not root cannot give files away: it opens the directories to all instead,
 * behind a state directory that only it can enter.
 */
export async function makeRunDirectory(paths: AllocationPaths, user: AllocationSpec['user']): Promise<void> {
  const root = process.getuid?.() === 0
  await mkdir(paths.root, { recursive: true, mode: 0o700 })
  for (const path of [paths.run, paths.checkpoints, paths.storage]) {
    await mkdir(path, { recursive: true })
    if (root) await chown(path, user.uid, user.gid)
    await chmod(path, root ? 0o755 : 0o777)
  }
  const metrics = await open(paths.metricsFile, 'a', 0o644)
  try {
    if (root) await metrics.chown(user.uid, user.gid)
    else await metrics.chmod(0o666)
  } finally {
    await metrics.close()
  }
}
