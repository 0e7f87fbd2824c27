import { pino } from 'pino'

/** A constant sentence plus fields; one JSON record a line, so that no input can forge a record. */
export interface Log {
  debug(fields: object, message: string): void
  info(fields: object, message: string): void
  warn(fields: object, message: string): void
  error(fields: object, message: string): void
  child(fields: Record<string, unknown>): Log
}

export type LogLevel = 'debug' | 'info' | 'warn' | 'error'

/** `tap` is handed each line that is written, secrets left out. */
export function createLog(options: { name: string; level: LogLevel; tap?: (line: string) => void }): Log {
  const settings = { name: options.name, level: options.level, base: { name: options.name }, timestamp: pino.stdTimeFunctions.isoTime, redact: ['password', 'token', 'seed', 'jwt', '*.password', '*.token', '*.seed', '*.jwt'] }
  if (options.tap === undefined) return pino(settings)
  return pino(settings, pino.multistream([{ level: options.level, stream: pino.destination(1) }, { level: options.level, stream: { write: options.tap } }]))
}
