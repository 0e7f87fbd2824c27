import {
  CloudFormationClient, CreateChangeSetCommand, CreateStackCommand, DeleteChangeSetCommand, DeleteStackCommand, DescribeChangeSetCommand, DescribeStackEventsCommand,
  DescribeStacksCommand, ExecuteChangeSetCommand, GetTemplateCommand, ValidateTemplateCommand, type Change as AwsChange, type DescribeChangeSetCommandOutput, type Stack,
} from '@aws-sdk/client-cloudformation'
import { setTimeout as sleep } from 'node:timers/promises'
import { TAG_INSTALLATION } from '../words.ts'
import type { Change, StackEvent, Stacks, StackState } from './door.ts'

const POLL_MS = 1_000
const PAGES_MAX = 50

/** Credentials, region and endpoint by the SDK's own chain. `nonce` makes change sets' names unique. */
export function openStacks({ region, signal, nonce }: { region: string; signal: AbortSignal; nonce: () => string }): Stacks {
  const client = new CloudFormationClient({ region })
  const options = { abortSignal: signal }

  async function find(name: string): Promise<StackState | null> {
    try {
      const { Stacks: found } = await client.send(new DescribeStacksCommand({ StackName: name }), options)
      return found?.[0] === undefined ? null : stateOf(found[0])
    } catch (error) {
      if (error instanceof Error && error.name === 'ValidationError' && error.message.includes('does not exist')) return null
      throw error
    }
  }

  async function settled(name: string, id: string): Promise<DescribeChangeSetCommandOutput> {
    for (;;) {
      const set = await client.send(new DescribeChangeSetCommand({ StackName: name, ChangeSetName: id }), options)
      if (set.Status !== 'CREATE_PENDING' && set.Status !== 'CREATE_IN_PROGRESS') return set
      await sleep(POLL_MS, undefined, { signal })
    }
  }

  return {
    find,
    async list() {
      const all: StackState[] = []
      let token: string | undefined
      do {
        const page = await client.send(new DescribeStacksCommand({ NextToken: token }), options)
        all.push(...(page.Stacks ?? []).filter((stack) => stack.Tags?.some((tag) => tag.Key === TAG_INSTALLATION)).map(stateOf))
        token = page.NextToken
      } while (token !== undefined)
      return all
    },
    async preview(name, template) {
      const there = await find(name)
      const body = JSON.stringify(template)
      if (there === null) {
        await client.send(new ValidateTemplateCommand({ TemplateBody: body }), options)
        return { id: null, template, changes: Object.entries(template.Resources).map(([id, { Type: type }]) => ({ id, type, action: 'create', because: [] })) }
      }
      const made = await client.send(new CreateChangeSetCommand({ StackName: name, ChangeSetName: `drover-${nonce()}`, ChangeSetType: 'UPDATE', TemplateBody: body, Capabilities: ['CAPABILITY_NAMED_IAM'], Tags: tagsOf(name) }), options)
      const id = made.Id ?? ''
      const set = await settled(name, id)
      const nothing = /didn't contain changes|No updates are to be performed/i.test(set.StatusReason ?? '')
      if (set.Status === 'FAILED' && !nothing) throw new Error(`CloudFormation refused the template: ${set.StatusReason ?? 'it gave no reason'}`)
      return { id, template, changes: nothing ? [] : await allChanges(client, name, id, set) }
    },
    async apply(name, { id, template }) {
      if (id !== null) await client.send(new ExecuteChangeSetCommand({ StackName: name, ChangeSetName: id }), options)
      else await client.send(new CreateStackCommand({ StackName: name, TemplateBody: JSON.stringify(template), Capabilities: ['CAPABILITY_NAMED_IAM'], Tags: tagsOf(name), OnFailure: 'ROLLBACK' }), options)
    },
    async forget(name, { id }) {
      if (id !== null) await client.send(new DeleteChangeSetCommand({ StackName: name, ChangeSetName: id }), options)
    },
    async remove(name) {
      await client.send(new DeleteStackCommand({ StackName: name }), options)
    },
    events: (name, since) => eventsSince(client, name, since, signal),
    async template(name) {
      const { TemplateBody } = await client.send(new GetTemplateCommand({ StackName: name, TemplateStage: 'Original' }), options)
      return TemplateBody ?? ''
    },
  }
}

async function allChanges(client: CloudFormationClient, name: string, id: string, first: DescribeChangeSetCommandOutput): Promise<Change[]> {
  const changes = [...(first.Changes ?? [])]
  for (let token = first.NextToken; token !== undefined;) {
    const page = await client.send(new DescribeChangeSetCommand({ StackName: name, ChangeSetName: id, NextToken: token }))
    changes.push(...(page.Changes ?? []))
    token = page.NextToken
  }
  return changes.map(changeOf)
}

function changeOf({ ResourceChange: change }: AwsChange): Change {
  const because = (change?.Details ?? []).flatMap((detail) => detail.Target?.Name ?? detail.Target?.Attribute ?? [])
  return { id: change?.LogicalResourceId ?? '', type: change?.ResourceType ?? '', action: actionOf(change?.Action, change?.Replacement), because: [...new Set(because)] }
}

function actionOf(action: string | undefined, replacement: string | undefined): Change['action'] {
  if (action === 'Add' || action === 'Import') return 'create'
  if (action === 'Remove') return 'delete'
  if (replacement === 'True') return 'replace'
  return replacement === 'Conditional' ? 'perhaps replace' : 'update'
}

async function eventsSince(client: CloudFormationClient, name: string, since: Date, signal: AbortSignal): Promise<StackEvent[]> {
  const events: StackEvent[] = []
  let token: string | undefined
  for (let page = 0; page < PAGES_MAX; page += 1) {
    const { StackEvents = [], NextToken } = await client.send(new DescribeStackEventsCommand({ StackName: name, NextToken: token }), { abortSignal: signal })
    const fresh = StackEvents.filter((event) => (event.Timestamp?.getTime() ?? 0) >= since.getTime())
    events.push(...fresh.map((event) => ({
      id: event.EventId ?? '', at: event.Timestamp ?? since, resource: event.LogicalResourceId ?? '', type: event.ResourceType ?? '', status: event.ResourceStatus ?? '', reason: event.ResourceStatusReason ?? '',
    })))
    if (NextToken === undefined || fresh.length < StackEvents.length) break
    token = NextToken
  }
  return events.toReversed()
}

function tagsOf(name: string): { Key: string; Value: string }[] {
  return [{ Key: TAG_INSTALLATION, Value: name }]
}

function stateOf(stack: Stack): StackState {
  return {
    name: stack.StackName ?? '', status: stack.StackStatus ?? '', reason: stack.StackStatusReason ?? '', createdAt: stack.CreationTime ?? new Date(0), changedAt: stack.LastUpdatedTime ?? null,
    outputs: Object.fromEntries((stack.Outputs ?? []).map((output) => [output.OutputKey ?? '', output.OutputValue ?? ''])),
  }
}
