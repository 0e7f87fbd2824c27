import { setFlagsFromString } from 'node:v8'

/**
 * An agent waits most of its life, beside training that wants the memory. Until its first container runs it is
 * interpreted only: the optimising compilers and what they make cost an idle agent 14 MB. Imported before all else.
 */
const FRUGAL = ['--optimize-for-size', '--max-semi-space-size=1', '--no-opt', '--no-maglev', '--no-sparkplug']
const SWIFT = ['--opt', '--maglev', '--sparkplug']

for (const flag of FRUGAL) setFlagsFromString(flag)

let swift = false

/** There is work: logs and checkpoints pass through here, and hot code is worth compiling. */
export function workBegins(): void {
  if (swift) return
  swift = true
  for (const flag of SWIFT) setFlagsFromString(flag)
}
