/** The few functions that the receive door needs of the rest of the house; main.ts hands them in. */
import type { Code } from '../../protocol/codes.ts'
import type { Admitted, Arrival, Kept, Millis, RawArrival, RecordKey } from '../doc/document.ts'
import type { Env } from '../doc/env.ts'
import type { ObjectDef } from '../doc/object.ts'

/** A push token as it is kept in memory: never the token itself. */
export interface PushToken {
  tokenId: string
  tenantId: string
  /** Connections and objects (by code) that it may push to; null = all of the tenant. */
  connections: readonly string[] | null
  objects: readonly string[] | null
  /** Pushes a second; default: the door's. */
  ratePerSecond?: number
  expiresAt?: Millis | null
}

export interface Tokens {
  find(sha256: Buffer): PushToken | undefined
}

/** An ERP connection 账套 as the door sees it. */
export interface PushConnection {
  connectionId: string
  /** IANA zone of times that do not tell theirs. */
  zone: string
  /** Declared object by its code or its apiName. The same definition must be the same JavaScript object until it changes. */
  object(name: string): ObjectDef | undefined
}

export interface PushCatalog {
  /** Connections of kind ERP: those that `dataCenterId` counts and names. */
  erp(tenantId: string): readonly PushConnection[]
}

/** What `admit` may reject with to say when to come again. Any rejection means that nothing was stored. */
export interface BufferUnavailable {
  retryAfterSeconds: number
}

/** What became of a version: every flow has applied it or a newer one, one has parked it, or it is still on its way. */
export type Settled = { done: true } | { failed: { flow: string; reason: string } } | 'pending'

export interface ReceiveDeps {
  tokens: Tokens
  catalog: PushCatalog
  admit(row: Arrival): Promise<Admitted>
  /** What is in no standard form. Rejects as `admit` does. */
  keep(row: RawArrival): Promise<Kept>
  /** Until it was decoded and every document of it is settled; gives up with 'pending' when the signal fires. */
  waitDecoded(row: RawArrival, seq: number, signal: AbortSignal): Promise<Settled>
  /** Works across nodes; gives up with 'pending' when the signal fires. */
  waitSettled(key: RecordKey, version: number, signal: AbortSignal): Promise<Settled>
  env: Env
  log: { error(details: object, message: string): void }
  /** For metrics; called once per answer. */
  answered?(code: Code, tenantId: string | null): void
  /** Pushes a second per token where the token names none. Default 10,000. */
  ratePerSecond?: number
  /** How long `directSync: true` waits. Default 10 s. */
  directSyncWait?: Millis
}

const inSeconds = (value: unknown): number | null =>
  typeof value === 'number' && Number.isFinite(value) && value > 0 ? Math.min(Math.ceil(value), 3600) : null

/** Seconds for `Retry-After` of a rejected admit. */
export const retryAfterOf = (error: unknown): number =>
  (typeof error === 'object' && error !== null && 'retryAfterSeconds' in error
    ? inSeconds(error.retryAfterSeconds)
    : null) ?? 2
