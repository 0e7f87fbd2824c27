import type { SimInstance } from './instances.ts'
import type { Ec2Call } from './recorder.ts'
import type { LiveRule, Rule } from './rules.ts'
import type { SpotPrice } from './spot-prices.ts'
import type { Settings } from './world.ts'

/** What EC2 tells an instance through its metadata service. */
export interface Notice {
  instance: string
  kind: 'spot' | 'rebalance'
  /** when it is taken, or when the recommendation was made */
  at: Date
}

/** EC2 as it fails, before a moto that keeps the instances. All of it can be changed while calls run. */
export interface Controls {
  readonly settings: Settings
  rule(rule: Rule): LiveRule
  rules(): readonly LiveRule[]
  removeRule(id: number): boolean
  clearRules(): void
  /** how many may run at once there; null = without limit */
  capacity(type: string, zone: string, market: 'on-demand' | 'spot', size: number | null): void
  spotPrice(price: { type: string; zone: string; perHour: number; at?: Date; product?: string }): void
  spotPrices(): readonly SpotPrice[]
  /** what GetConsoleOutput tells from now on */
  console(id: string, text: string): void
  /** calls of EC2, oldest first */
  calls(action?: string): Ec2Call[]
  clearCalls(): void
  /** lists (with `byId` also calls that name ids) stay as they are now */
  freezeLists(byId?: boolean): Promise<void>
  thawLists(): void
  /** so many lists tell of no instance at all */
  emptyLists(times: number): void
  /** every instance as it is, however stale the lists; no call of its own is recorded */
  instances(): Promise<SimInstance[]>
  /** as it was given to RunInstances, decoded */
  userData(id: string): Promise<string>
  /** Notice now, gone `noticeMs` later, as spot instances go. */
  interrupt(id: string, options: { noticeMs: number }): void
  rebalance(id: string): void
  /** Its system powers off: terminated, or stopped, as its launch said. */
  powerOff(id: string): Promise<void>
  onNotice(listener: (notice: Notice) => void): () => void
  notices(): readonly Notice[]
}

export interface Ec2Sim extends Controls {
  /** for AWS_ENDPOINT_URL: S3, STS and all else go through untouched */
  readonly url: string
  close(): Promise<void>
}
