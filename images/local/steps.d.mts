export const REPO: string
export const STATE: string
export const TOOLS: string
/** A phase failed; `cure` says what a person can do. */
export class SetupError extends Error {
  constructor(message: string, cure: string)
  cure: string
}
