/** The few functions that the dispatch room needs of the rest of the house; server/cli/dispatch.ts hands them in. */
import type { Millis } from '../doc/document.ts'
import type { OutBatchDef } from '../doc/flow.ts'
import type { BatchResult } from '../connect/masterdata-batch/wire.ts'
import type { MasterdataBatchConnector } from '../connect/masterdata-batch/masterdata-batch.ts'

/** One object that is sent in batches, as declared now. */
export interface Lane {
  tenantId: string
  connectionId: string
  object: string
  path: string
  keyField: string
  zone: string
  perDay: number
  perHour: number
  said: OutBatchDef
  /** Where the target is to call back; null: nowhere. */
  url: string | null
  timeout: Millis
}

export interface Lanes {
  find(tenantId: string, connectionId: string, object: string): Lane | undefined
  /** Connections that send batches, and with what. */
  targets(): { tenantId: string; connectionId: string; timeout: Millis; concurrency: number }[]
  connector(tenantId: string, connectionId: string): Pick<MasterdataBatchConnector, 'post' | 'told'> | undefined
}

/** A call that was answered: its link is asked again. */
export interface Asker {
  tenant_id: string
  pair_id: string
  link_id: number
  key: string
}

export type { BatchResult }
