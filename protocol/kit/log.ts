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

export function createLog(options: { name: string; level: LogLevel }): Log {
  return pino({ name: options.name, level: options.level, base: { name: options.name }, timestamp: pino.stdTimeFunctions.isoTime, redact: ['password', 'token', 'seed', 'jwt', '*.password', '*.token', '*.seed', '*.jwt'] })
}
