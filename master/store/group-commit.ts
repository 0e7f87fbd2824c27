/** More than this gains nothing and makes the first of a group wait. */
const GROUP_MAX = 64

interface Waiting<I, O> {
  input: I
  resolve: (output: O) => void
  reject: (error: unknown) => void
}

/**
 * Commits what arrives while a transaction is under way together in the next one: one wait for the disk, one turn of
 * the events' lock. `work` is one transaction. A group that fails is carried out one by one, so that nobody fails for another's mistake.
 */
export function groupCommit<I, O>(work: (inputs: readonly I[]) => Promise<readonly O[]>): (input: I) => Promise<O> {
  const waiting: Waiting<I, O>[] = []
  let running = false

  async function drain(): Promise<void> {
    running = true
    while (waiting.length > 0) await commit(waiting.splice(0, GROUP_MAX))
    running = false
  }

  async function commit(group: readonly Waiting<I, O>[]): Promise<void> {
    try {
      const outputs = await work(group.map((one) => one.input))
      group.forEach((one, index) => settle(one, outputs[index]))
    } catch (error) {
      const [only, ...others] = group
      if (only && others.length === 0) only.reject(error)
      else for (const one of group) await commit([one])
    }
  }

  return (input) => new Promise((resolve, reject) => {
    waiting.push({ input, resolve, reject })
    if (!running) void drain()
  })
}

function settle<I, O>(one: Waiting<I, O>, output: O | undefined): void {
  if (output === undefined) one.reject(new Error('a group was committed without an answer for one of its members'))
  else one.resolve(output)
}
