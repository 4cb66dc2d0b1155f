/** What the engine is given to work with: configuration as compiled, connectors, and the outside world. */
import type { Connector } from '../doc/connector.ts'
import type { Env } from '../doc/env.ts'
import type { Millis, Side } from '../doc/document.ts'
import type { Fault } from '../doc/fault.ts'
import type { FunctionKind } from '../doc/function.ts'
import type { ConnectionDef, Finding, Pair } from '../doc/flow.ts'
import type { ObjectDef } from '../doc/object.ts'
import type { Matcher } from './match.ts'
import type { Road, Target } from './road.ts'

export interface Log {
  info(fields: object, message: string): void
  warn(fields: object, message: string): void
  error(fields: object, message: string): void
}

/** A snapshot that changes under the engine: look up, do not keep. */
export interface Directory {
  pair(tenantId: string, pairId: string): Pair | undefined
  /** Pairs in which the object takes part, on either side. */
  pairsOf(tenantId: string, connectionId: string, object: string): Pair[]
  object(tenantId: string, connectionId: string, code: string): ObjectDef | undefined
  connector(tenantId: string, connectionId: string): Connector | undefined
  connection(tenantId: string, connectionId: string): ConnectionDef | undefined
  /** How far that system's clock is ahead of ours; null while unknown. */
  skew(tenantId: string, connectionId: string): { ms: number; uncertainty: number } | null
  /** Of the tenant's configuration as this directory holds it. */
  revision?(tenantId: string): number | undefined
  /** Pairs with a flow that tells its source, on this connection, how its records fare. */
  tellers?(tenantId: string, connectionId: string): { tenantId: string; pairId: string }[]
  /** Every pair that compiles; the same list until the configuration changes. */
  pairs?(): readonly Pair[]
  /** Every connection that something is or may be sent to or read from. */
  targets(): Target[]
}

/** Records of one flow, handed to one of its functions together. */
export interface FunctionCall {
  tenantId: string
  /** What a look-up of a document without a connection means. */
  connectionId: string
  name: string
  kind: FunctionKind
  /** JSON text of each argument. */
  inputs: readonly string[]
  /** What has not begun by this moment (epoch ms) is left for another time. */
  until?: Millis
}

export type FunctionAnswer =
  | { kind: 'done'; output: string; logs: string[] }
  | { kind: 'fault'; fault: Fault; logs: string[] }
  /** It is not run any more until it is mended or a person says so. */
  | { kind: 'suspended'; fault: Fault }
  | { kind: 'left' }

/** Runs functions of flows: handed in, for what is suspended is another room's to know. */
export interface FunctionRunner {
  /** One answer for each input, in their order. */
  run(call: FunctionCall): Promise<FunctionAnswer[]>
}

export interface Engine {
  road: Road
  directory: Directory
  env: Env
  log: Log
  /** Match before create by rules over fields; without it no flow has any. */
  matcher?: Matcher
  /** Without it, records of flows that have functions wait for the configuration. */
  functions?: FunctionRunner
  /** Told what of a record does not fit its declaration. */
  notice?: (pair: Pair, from: Side, record: string, findings: readonly Finding[]) => void
}
