import type { Clock } from '../../protocol/kit/clock.ts'

/** Whether the database's clock goes as this process's does: a step of it would make everybody look silent (F38). */
export interface ClockWatch {
  /** at each look, with the database's time, Unix ms; for so long it has gone steadily, or Infinity while no step was ever seen */
  steadyForMs(databaseNow: number): number
}

/** Less is taken for the time that a query takes. */
const STEP_MS = 5_000

export function createClockWatch(clock: Clock): ClockWatch {
  let last: { database: number; own: number } | null = null
  let stepAt: number | null = null
  return {
    steadyForMs(database) {
      const own = clock.monotonicMs()
      if (last !== null && Math.abs(database - last.database - (own - last.own)) > STEP_MS) stepAt = own
      last = { database, own }
      return stepAt === null ? Number.POSITIVE_INFINITY : own - stepAt
    },
  }
}
