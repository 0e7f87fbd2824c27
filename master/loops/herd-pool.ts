import type { ProviderConfig } from '../config.ts'

/** A pool whose instances Drover makes. */
export interface HerdPool {
  name: string
  provider: ProviderConfig
}
