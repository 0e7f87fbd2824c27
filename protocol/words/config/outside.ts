import { anyMap, flag, idle, list, object, orNull, text, whole } from './shape.ts'

const name = text('', { max: 256 })
const words = list(text('', { max: 4096, multiline: true }), 1000, 'arguments')

/** Systems that Determined can work with and Drover does not know. */
export const OUTSIDE = {
  integrations: idle(orNull(object({
    pachyderm: orNull(object({
      dataset: orNull(anyMap()), pachd: orNull(anyMap()), proxy: orNull(anyMap()), project: text(null, { max: 256, emptyAllowed: true }), repo: text(null, { max: 256, emptyAllowed: true }),
      branch: text(null, { max: 256, emptyAllowed: true }), commit: text(null, { max: 256, emptyAllowed: true }), previous_commit: text(null, { max: 256, emptyAllowed: true }),
    })),
    webhooks: orNull(object({ webhook_id: list(whole(1, 1, 2 ** 31 - 1), 100, 'ids'), webhook_name: list(name, 100, 'names'), exclude: flag(false) })),
  })), 'there are no webhooks and no Pachyderm here'),
  slurm: idle(object({ slots_per_node: whole(null, 1, 65_536), gpu_type: text(null, { max: 256 }), sbatch_args: words }), 'no Slurm here'),
  pbs: idle(object({ slots_per_node: whole(null, 1, 65_536), pbsbatch_args: words }), 'no PBS here'),
  security: idle(orNull(anyMap()), 'no Kerberos here'),
  tensorboard_storage: idle(orNull(anyMap()), 'Determined ignores it too'),
  internal: idle(orNull(anyMap()), 'it is for Determined itself'),
}
