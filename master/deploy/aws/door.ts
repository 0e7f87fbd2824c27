import type { Template } from '../words.ts'

/** One resource that a change set would touch. */
export interface Change {
  readonly id: string
  readonly type: string
  readonly action: 'create' | 'update' | 'replace' | 'perhaps replace' | 'delete'
  /** properties that change, as CloudFormation names them */
  readonly because: readonly string[]
}

export interface StackEvent {
  readonly id: string
  readonly at: Date
  /** logical id; the stack's own name for the stack itself */
  readonly resource: string
  readonly type: string
  /** e.g. CREATE_FAILED */
  readonly status: string
  /** '' where AWS gives none */
  readonly reason: string
}

export interface StackState {
  readonly name: string
  readonly status: string
  readonly reason: string
  readonly outputs: Readonly<Record<string, string>>
  readonly createdAt: Date
  readonly changedAt: Date | null
}

/** Looked at before it is done. */
export interface Preview {
  /** of the change set; null where there is no stack yet */
  readonly id: string | null
  readonly template: Template
  readonly changes: readonly Change[]
}

/**
 * CloudFormation, as much of it as an installation needs. Throws what the SDK throws; `aws/faults.ts` says it in words. A stack is
 * ours only with the installation's tag: others are neither listed nor touched.
 */
export interface Stacks {
  /** null: there is none of that name */
  find(name: string): Promise<StackState | null>
  /** of this tool's own tag, in this region */
  list(): Promise<StackState[]>
  preview(name: string, template: Template): Promise<Preview>
  /** begins it and returns */
  apply(name: string, preview: Preview): Promise<void>
  /** what a preview left behind is taken away */
  forget(name: string, preview: Preview): Promise<void>
  /** begins it and returns */
  remove(name: string): Promise<void>
  /** newest last; those after `since` only */
  events(name: string, since: Date): Promise<StackEvent[]>
  template(name: string): Promise<string>
}
