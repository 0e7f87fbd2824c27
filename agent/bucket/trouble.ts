/** Tells a person once when something has gone wrong for a while, and once when it is over. */
export interface Trouble {
  saw(error: string): void
  over(): void
}

export function createTrouble(options: { afterMs: number; monotonicMs: () => number; say: (level: 'INFO' | 'WARNING', text: string) => void; what: string }): Trouble {
  let since: number | null = null
  let told = false
  return {
    saw(error) {
      const now = options.monotonicMs()
      since ??= now
      if (told || now - since < options.afterMs) return
      told = true
      options.say('WARNING', `${options.what} has been waiting for ${Math.round((now - since) / 1000)} s and will go on trying: ${error}`)
    },
    over() {
      if (told && since !== null) options.say('INFO', `${options.what} goes on after ${Math.round((options.monotonicMs() - since) / 1000)} s`)
      since = null
      told = false
    },
  }
}
