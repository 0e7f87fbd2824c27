import { CliError, EXIT } from '../../cli/fail.ts'
import type { Invocation } from '../../cli/invocation.ts'
import type { Stacks } from '../aws/door.ts'
import { closingTemplate } from '../closing.ts'
import type { Template } from '../words.ts'
import { followStack } from '../follow.ts'
import { agree } from './agree.ts'
import { placeOf, withStacks, type Options } from './context.ts'
import { curesOf, toldOf } from './up.ts'

/**
 * Takes the installation away: the master first, so that nothing more is launched, then every machine, then the stack. Checkpoints
 * stay unless `--delete-checkpoints`. Begun again where it was broken off.
 */
export async function down(invocation: Invocation, options: Options): Promise<void> {
  const { terminal, signal } = invocation
  const { name, region } = placeOf(invocation, options)
  const withBucket = options['deleteCheckpoints'] === true
  await withStacks(invocation, region, async (stacks) => {
    const stack = await stacks.find(name)
    if (stack === null) throw new CliError(EXIT.failed, `there is no installation ${name} in ${region}`, 'drover deploy aws list shows those there are')
    const bucket = stack.outputs['Bucket'] ?? null
    terminal.note(`${name} in ${region} will go: master, machines, database and all that it knows; ${withBucket ? `and the bucket ${bucket} with EVERY CHECKPOINT in it` : `the bucket ${bucket} stays, with every checkpoint`}.`)
    if (!(await agree(invocation, options, 'Take it away?'))) throw new CliError(EXIT.failed, 'nothing was changed', 'answer y, or give --yes')
    const { openMachines } = await import('../aws/herd.ts')
    const closing = closingTemplate(await stacks.template(name))
    await closeMaster(invocation, stacks, name, closing)
    const ended = await openMachines({ region, signal }).end(name, (left) => terminal.status(`${left} machine${left === 1 ? '' : 's'} to end`))
    terminal.note(`${ended} machine${ended === 1 ? '' : 's'} ended`)
    await remove(invocation, stacks, name, region)
    const objects = withBucket && bucket !== null && 'Bucket' in closing.Resources ? await removeBucket(invocation, bucket, region) : null
    if (terminal.json) return terminal.data({ name, region, machines: ended, bucket: objects === null ? bucket : null, objectsDeleted: objects ?? 0 })
    terminal.line(objects === null ? `${name} is gone. What stays: the bucket ${bucket}` : `${name} is gone, its bucket with ${objects} objects too`)
  })
}

/** Once more where something that is not the stack's keeps its network: that is swept first. */
async function remove(invocation: Invocation, stacks: Stacks, name: string, region: string): Promise<void> {
  const { terminal, signal } = invocation
  const since = new Date(Date.now() - 1_000)
  try {
    await stacks.remove(name)
    const { ending } = await followStack(stacks, name, since, { say: (text) => terminal.note(text), signal })
    if (ending === 'gone') return
  } catch (error) {
    if (!(error instanceof Error) || error.name !== 'DependencyViolation') throw error
  }
  const { sweepNetwork } = await import('../aws/sweep.ts')
  const swept = await sweepNetwork(name, { region, signal, whole: false })
  terminal.note(`left in the network and swept: ${swept.join(', ') || 'nothing'}`)
  const again = new Date(Date.now() - 1_000)
  await stacks.remove(name)
  await ends(invocation, stacks, name, again, 'gone')
  // a stack that was deleted in two goes may have let go of its network
  await sweepNetwork(name, { region, signal, whole: true })
}

/** A stack that was never whole, or is half gone already, is not updated first: there is no master in it to fear. */
async function closeMaster(invocation: Invocation, stacks: Stacks, name: string, closing: Template): Promise<void> {
  const status = (await stacks.find(name))?.status ?? ''
  if (!/^(CREATE|UPDATE|UPDATE_ROLLBACK)_COMPLETE$/.test(status)) return
  const preview = await stacks.preview(name, closing)
  if (preview.changes.length === 0) return stacks.forget(name, preview)
  const since = new Date(Date.now() - 1_000)
  await stacks.apply(name, preview)
  await ends(invocation, stacks, name, since, 'done')
}

async function ends({ terminal, signal }: Invocation, stacks: Stacks, name: string, since: Date, wanted: 'done' | 'gone'): Promise<void> {
  const { ending, status, failures } = await followStack(stacks, name, since, { say: (text) => terminal.note(text), signal })
  if (ending !== wanted) throw new CliError(EXIT.failed, `${name} is not gone: ${status}${toldOf(failures)}`, `${curesOf(failures)}; then run down again`)
}

/** Objects first, then the bucket; gives how many there were. */
async function removeBucket({ terminal, signal }: Invocation, name: string, region: string): Promise<number> {
  const { removeS3Bucket } = await import('../../../protocol/bucket/remove-bucket.ts')
  return removeS3Bucket({ name, region, signal, tell: (removed) => terminal.status(`${removed} objects deleted`) })
}
