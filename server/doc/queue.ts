/** Where a system tells its changes: message queues, and how its events name things (contracts.md section 3). */
import type { Millis } from './document.ts'

export type QueueKind = 'rabbitmq' | 'nats' | 'kafka'

/** A queue of a connection. Secrets already filled in. */
export interface QueueDef {
  id: string
  kind: QueueKind
  /** One or several, separated by commas: the nodes of one cluster. Holds the password, so all of it is kept as a secret. */
  url: string
  /** Certificates as PEM text; `key` is a secret. */
  tls?: { ca?: string; cert?: string; key?: string }
  state: 'enabled' | 'paused'
  /** Most messages that go into one commit, and half of what a node holds unacknowledged. */
  batch: number
  rabbitmq?: {
    queue: string
    /** Made where it is missing: a quorum queue, bound where an exchange is named. */
    create: boolean
    exchange?: string
    routingKeys: string[]
  }
  nats?: {
    stream: string
    /** All nodes share it; made where it is missing. */
    durable: string
    subjects: string[]
    startFrom: 'all' | 'new'
    /** A message that was not acknowledged for so long is given to another node. */
    ackWait: Millis
  }
  /** Experimental: has not run against a real broker yet. */
  kafka?: { topics: string[]; group: string; startFrom: 'all' | 'new' }
}

/** How a connection's events name what Mortise asks of them. Paths are dotted; null: the events do not tell it. */
export interface EventShape {
  names: {
    tenantId: string | null
    objectApiName: string
    dataId: string
    operation: string | null
    changedAt: string | null
    masterFieldVal: string | null
    detailFieldVals: string | null
  }
  /** Their words for an operation. */
  operations: Record<string, 'create' | 'update' | 'void'>
  /** What they call an object, to the code that is declared. */
  objects: Record<string, string>
  /** What they call our tenant; empty: as we do. */
  tenants: string[]
  /** Detail objects whose rows are told by events of their own: where such an event names its master record. */
  details: Record<string, { object: string; masterId: string }>
  /** How `changedAt` is written, where it is neither epoch ms nor ISO 8601. */
  time: string | null
  /** Events of objects and tenants that are not declared: kept as refused, or passed over. */
  others: 'refuse' | 'skip'
}

export const plainShape: EventShape = {
  names: {
    tenantId: 'tenantId',
    objectApiName: 'objectApiName',
    dataId: 'dataId',
    operation: 'operation',
    changedAt: 'changedAt',
    masterFieldVal: 'masterFieldVal',
    detailFieldVals: 'detailFieldVals',
  },
  operations: {},
  objects: {},
  tenants: [],
  details: {},
  time: null,
  others: 'refuse',
}

/** How calls of a webhook are signed. The secrets are kept apart. */
export interface HookVerify {
  algorithm: 'sha1' | 'sha256' | 'sha512'
  /** Header with the signature. */
  header: string
  /** Before the signature, such as `sha256=` or `v1,`. */
  prefix: string
  encoding: 'hex' | 'base64' | 'base64url'
  /** What is signed, in this order. */
  sign: ('body' | { header: string } | { text: string })[]
  /** Whether the secret is the key as text, or the key's base64 (also behind `whsec_`). */
  key: 'text' | 'base64'
  timestamp?: { header: string; tolerance: Millis }
}
