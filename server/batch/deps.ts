/** The few functions that the batch room needs of the rest of the house; server/cli/batch.ts hands them in. */
import type { Locale } from '../../protocol/codes.ts'
import type { Admitted, Arrival } from '../doc/document.ts'
import type { ObjectDef } from '../doc/object.ts'
import type { Sql } from '../store/sql.ts'

/** A caller, as its secret has shown. */
export interface Client {
  tenantId: string
  clientId: string
  origins: readonly string[]
}

/** An object that takes batches. The same definition must be the same JavaScript object until it changes. */
export interface BatchObject {
  connectionId: string
  /** IANA zone of dates that do not tell theirs. */
  zone: string
  def: ObjectDef
}

export interface BatchCatalog {
  at(tenantId: string, path: string): BatchObject | undefined
  object(tenantId: string, connectionId: string, code: string): BatchObject | undefined
  /** Zone in which the tenant's days and hours begin. */
  zone(tenantId: string): string
}

export interface Clients {
  /** Constant time. */
  prove(clientId: string, secret: string): Client | undefined
  /** As declared now: a client that was removed has no tokens. */
  find(tenantId: string, clientId: string): Client | undefined
}

/** What ends a batch, told in the transaction that ends it. */
export interface Ended {
  tenantId: string
  clientId: string
  batchId: number
  bizId: string
  url: string
  locale: Locale
  /** JSON; null: it could not be processed. */
  data: string | null
}

export type Admit = (tx: Sql, rows: readonly Arrival[]) => Promise<Admitted[]>

export const defaultLimits = { perDay: 100, perHour: 50 } as const
