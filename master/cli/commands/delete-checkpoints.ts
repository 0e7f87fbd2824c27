import { CliError, EXIT } from '../fail.ts'
import type { Invocation } from '../invocation.ts'

/** Whole checkpoints, or those of their files that a pattern names; all that are named or none. There is no way back, so it has to be said twice. */
export async function deleteCheckpoints({ client, terminal }: Invocation, uuids: readonly string[], { globs, yes }: { globs: readonly string[]; yes: boolean }): Promise<void> {
  if (!yes) throw new CliError(EXIT.usage, `${uuids.length === 1 ? 'a checkpoint that is deleted is' : 'checkpoints that are deleted are'} gone for good`, 'give --yes')
  await (await client()).post('/api/v1/checkpoints/rm', { checkpointUuids: uuids, checkpointGlobs: globs.length === 0 ? ['**/*'] : globs })
  if (terminal.json) terminal.data({ checkpointUuids: uuids, globs })
  else terminal.line(`${uuids.length} checkpoint${uuids.length === 1 ? '' : 's'}: ${globs.length === 0 ? 'deleted' : `files that match ${globs.join(' or ')} deleted`}; the bucket follows`)
}
