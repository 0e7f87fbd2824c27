export const REPO: string
export const STATE: string
export const TOOLS: string
export class SetupError extends Error {
  cure: string
}
