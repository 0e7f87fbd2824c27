import { createHash } from 'node:crypto'
import { expect, test } from 'vitest'
import { Manifest, Pointer } from '../bucket/manifest.ts'
import { EnrollReply, EnrollRequest, RenewReply } from './enroll.ts'
import { AgentEvent, EventBatch, EventReply } from './events.ts'
import { Heartbeat, HeartbeatReply } from './heartbeat.ts'
import { LogBatch, LogReply } from './logs.ts'
import { AllocationSpec } from './spec.ts'
import { PROTOCOL_VERSION } from './version.ts'

const PINNED = { version: 3, hash: '7a85bb8d4cbcce46' }

test('a wire change bumps the protocol version: raise it, add its history line, then pin the new hash here', () => {
  const schemas = [Manifest, Pointer, EnrollReply, EnrollRequest, RenewReply, AgentEvent, EventBatch, EventReply, Heartbeat, HeartbeatReply, LogBatch, LogReply, AllocationSpec]
  const hash = createHash('sha256').update(JSON.stringify(schemas)).digest('hex').slice(0, 16)
  expect({ version: PROTOCOL_VERSION, hash }).toEqual(PINNED)
})
