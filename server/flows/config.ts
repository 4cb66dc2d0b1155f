/** What a configuration file says once it is understood: the house's own definitions, and what publishing them asks for. */
import type { Side } from '../doc/document.ts'
import type { ConnectionDef, PairDef } from '../doc/flow.ts'
import type { FunctionDef } from '../doc/function.ts'
import type { ObjectDef } from '../doc/object.ts'
import type { HookVerify } from '../doc/queue.ts'

/** Where a secret of the file came from, so that an export can say it again without showing it: `${ERP_TOKEN}` or `generated`. */
export type Origin = string | null

export interface ConnectionConfig {
  def: ConnectionDef
  headerOrigins: Record<string, Origin>
  /** By the names of `splitAuth`. */
  authOrigins: Record<string, Origin>
  /** By the names of `splitQueues`. */
  queueOrigins: Record<string, Origin>
  objects: ObjectDef[]
}

/** What enabling and publishing ask of converge ("Flows that stop"). */
export interface Publishing {
  startFrom: 'now' | 'all'
  onPublish: 'nextChange' | 'differing' | 'all'
}

export interface PairConfig {
  def: PairDef
  publishing: Partial<Record<Side, Publishing>>
}

/** The value before, while both are valid. */
export interface Former {
  value: string
  origin: Origin
}

export interface TokenConfig {
  name: string
  value: string
  origin: Origin
  connections: string[] | null
  /** Object codes, or null for all. */
  objects: string[] | null
  ratePerSecond: number | null
  expiresAt: number | null
  former: Former | null
  formerUntil: number | null
}

export interface HookConfig {
  connectionId: string
  name: string
  secret: string
  origin: Origin
  former: Former | null
  formerUntil: number | null
  verify: (HookVerify & { secret: string; origin: Origin; former: Former | null }) | null
}

export interface BatchClientConfig {
  clientId: string
  secret: string
  secretOrigin: Origin
  salt: string
  saltOrigin: Origin
  formerSecret: Former | null
  formerSalt: Former | null
  formerUntil: number | null
  origins: string[]
}

export interface TenantConfig {
  tenantId: string
  name: string
  zone: string
  /** Days for which bodies are shown; null: as long as they are kept. */
  bodyDays: number | null
  connections: ConnectionConfig[]
  functions: FunctionDef[]
  pairs: PairConfig[]
  tokens: TokenConfig[]
  hooks: HookConfig[]
  batchClients: BatchClientConfig[]
}

export interface Config {
  /** The file's name as given, for messages. */
  file: string
  tenants: TenantConfig[]
}

const MINUTE = 60_000
const HOUR = 60 * MINUTE

/** What a connection is when the file does not say; an export leaves these out. */
export const connectionDefaults = {
  kind: 'standard',
  result: { codePath: 'code', messagePath: 'message', dataPath: 'data', successCodes: ['0'] },
  keyKept: 24 * HOUR,
  longestProcessing: MINUTE,
  timeout: 30_000,
  lateness: HOUR,
  overlap: 10 * MINUTE,
  concurrency: 8,
  readable: true,
  pageSize: 100,
} as const

/** What is another where a connection is of kind `fxiaoke`. */
export const fxiaokeDefaults = {
  recognise: 'byId',
  perInterface: [{ calls: 100, every: 20_000 }],
} as const

/** Of a connection of kind `masterdata-batch`: the figures that such interfaces publish. */
export const outBatchDefaults = {
  maxRows: 200,
  fillFor: MINUTE,
  perDay: 100,
  perHour: 50,
  signed: false,
  query: true,
  answerWithin: 2 * HOUR,
  locale: 'zh_CN',
} as const

export const flowDefaults = {
  state: 'enabled',
  startFrom: 'now',
  onPublish: 'nextChange',
  leavingScope: 'leave',
  goneAtSource: 'keep',
  repush: 'update',
  matchBeforeCreate: false,
} as const

export const defaultZone = 'Asia/Shanghai'
export const defaultIdField = 'id'
