/** A small typed client of the sandbox, for tests and rigs: make and change records, read the ledger, set faults. */
import { LosslessNumber, parse, stringify } from 'lossless-json'
import { Pool } from 'undici'
import type { EventOptions } from './events.ts'
import type { Fault, InterfaceCall } from './faults.ts'
import type { SystemName } from './objects.ts'
import type { Recognise } from './system.ts'

export type Fields = Record<string, unknown>
export type Details = Record<string, Fields[]>

export type SandboxAnswer = {
  status: number
  code: string
  message: string
  data: unknown
  /** `data.masterDataId` of a write. */
  id: string | null
  detailIds: Record<string, string[]>
}

export type LedgerBody = {
  objAPIName?: string
  masterFieldVal?: Fields
  detailFieldVals?: Details
  [more: string]: unknown
}
export type LedgerAnswer = {
  code?: string
  message?: string
  data?: ({ masterDataId?: string; detailDataIds?: Record<string, string[]> } & Record<string, unknown>) | null
}

export type LedgerCall = {
  n: number
  at: number
  call: InterfaceCall
  objAPIName: string | null
  id: string | null
  /** Null where there was none, or one that is not a JSON object: then `text` is what came. */
  body: LedgerBody | null
  text?: string
  /** Null where nothing was decided or the fault answered no JSON object: then `answerText` is what left. */
  answer: LedgerAnswer | null
  answerText?: string
  status: number | null
  effect: boolean
  fault?: string[]
  key?: string
  requestId?: string
  replayed?: true
  abridged?: true
  /** When a late commit took effect; `due` while it is still to come. */
  effectAt?: number
  due?: number
}

export type SandboxRecord = {
  id: string
  sourceId: string | null
  voided: boolean
  createdAt: number
  modifiedAt: number
  visibleAt: number
  versions: number
  masterFieldVal: Fields
  detailFieldVals: Details
}

export type SandboxDocument = Pick<SandboxRecord, 'masterFieldVal' | 'detailFieldVals'> & { objAPIName: string }
export type CallOptions = { key?: string; headers?: Record<string, string>; token?: string }
export type BatchQuery = { from: number; to: number; offset?: number; limit?: number; includeDetail?: boolean }
export type LedgerQuery = { since?: number; limit?: number; call?: InterfaceCall; object?: string; id?: string }

export type FaultHit = Fault & { seen: number; hits: number }

export type SystemClient = {
  /** Base url as a connection has it, with its slash. */
  base: string
  create(object: string, master: Fields, details?: Details, options?: CallOptions): Promise<SandboxAnswer>
  update(object: string, id: string, master?: Fields, details?: Details, options?: CallOptions): Promise<SandboxAnswer>
  void(object: string, id: string, options?: CallOptions): Promise<SandboxAnswer>
  /** Any interface call with a body of your own. */
  post(call: 'create' | 'update' | 'invalid', body: string, headers?: Record<string, string>): Promise<SandboxAnswer>
  get(object: string, id: string): Promise<SandboxDocument | null>
  batch(object: string, query: BatchQuery): Promise<{ totalNum: number; dataList: SandboxDocument[] }>
  ledger(query?: LedgerQuery): Promise<LedgerCall[]>
  records(object: string): Promise<SandboxRecord[]>
  record(object: string, id: string): Promise<SandboxRecord | null>
  bySource(object: string, sourceId: string): Promise<SandboxRecord[]>
  faults(list: Fault[]): Promise<void>
  faultHits(): Promise<FaultHit[]>
  mode(recognise: Recognise): Promise<void>
  recognise(): Promise<Recognise>
  events(options: Partial<EventOptions>): Promise<void>
  eventState(): Promise<EventOptions & { pending: number; accepted: number; attempts: number }>
}

export type SandboxClient = {
  erp: SystemClient
  crm: SystemClient
  close(): Promise<void>
  [Symbol.asyncDispose](): Promise<void>
}

/** Numbers that a double holds exactly become numbers; the others stay `LosslessNumber`, whose `value` is the text. */
const readNumber = (text: string): number | LosslessNumber =>
  String(Number(text)) === text ? Number(text) : new LosslessNumber(text)

const read = (text: string): unknown => parse(text, undefined, readNumber)
const text = (value: unknown): string => stringify(value) ?? 'null'

const asObject = (value: unknown): Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Fields) : {}

const answerOf = (status: number, body: string): SandboxAnswer => {
  let answer: Fields
  try {
    answer = asObject(read(body))
  } catch {
    answer = {}
  }
  const data = answer.data ?? null
  const { masterDataId, detailDataIds } = asObject(data)
  return {
    status,
    code: String(answer.code ?? ''),
    message: String(answer.message ?? body),
    data,
    id: typeof masterDataId === 'string' ? masterDataId : null,
    detailIds: asObject(detailDataIds) as Record<string, string[]>,
  }
}

const ledgerCall = (call: LedgerCall): LedgerCall => {
  const { body, answer } = call as { body: unknown; answer: unknown }
  return {
    ...call,
    ...(typeof body === 'string' ? { body: null, text: body } : {}),
    ...(typeof answer === 'string' ? { answer: null, answerText: answer } : {}),
  }
}

const systemClient = (pool: Pool, url: string, system: SystemName, token: string): SystemClient => {
  const root = `/sandbox/${system}/`
  const ask = async (
    method: 'GET' | 'POST' | 'PUT',
    path: string,
    body?: string,
    headers: Record<string, string> = {},
  ) => {
    const answer = await pool.request({
      method,
      path: root + path,
      headers: { token, ...(body === undefined ? {} : { 'content-type': 'application/json' }), ...headers },
      ...(body === undefined ? {} : { body }),
    })
    return { status: answer.statusCode, body: await answer.body.text() }
  }
  const setting = async <T>(method: 'GET' | 'PUT', path: string, value?: unknown): Promise<T> => {
    const { status, body } = await ask(method, path, value === undefined ? undefined : text(value))
    if (status !== 200) throw new Error(`${method} ${root}${path}: ${status} ${body}`)
    return read(body) as T
  }
  const write = async (
    call: 'create' | 'update' | 'invalid',
    body: unknown,
    headers: Record<string, string>,
    options: CallOptions,
  ) => {
    const own = {
      ...(options.token === undefined ? {} : { token: options.token }),
      ...(options.key === undefined ? {} : { 'idempotency-key': options.key }),
    }
    const { status, body: answer } = await ask('POST', call, text(body), { ...headers, ...own, ...options.headers })
    return answerOf(status, answer)
  }
  const question = (values: Record<string, unknown>): string =>
    new URLSearchParams(
      Object.entries(values).filter(([, value]) => value !== undefined) as [string, string][],
    ).toString()
  const found = async <T>(path: string): Promise<T> => {
    const { status, body } = await ask('GET', path)
    const answer = answerOf(status, body)
    if (status !== 200 || answer.code !== '0') throw new Error(`GET ${root}${path}: ${status} ${body}`)
    return answer.data as T
  }
  const body = (objAPIName: string, masterFieldVal: Fields, detailFieldVals?: Details) => ({
    objAPIName,
    masterFieldVal,
    ...(detailFieldVals === undefined ? {} : { detailFieldVals }),
  })
  const records = async (object: string, query = ''): Promise<SandboxRecord[]> =>
    (await setting<{ records: SandboxRecord[] }>('GET', `records/${encodeURIComponent(object)}${query}`)).records

  return {
    base: url + root,
    create: (object, master, details, options = {}) => write('create', body(object, master, details), {}, options),
    update: (object, id, master = {}, details = undefined, options = {}) =>
      write('update', body(object, master, details), { id: encodeURIComponent(id) }, options),
    void: (object, id, options = {}) =>
      write('invalid', body(object, {}), { id: encodeURIComponent(id), operationType: '3' }, options),
    post: async (call, sent, headers = {}) => {
      const { status, body: answer } = await ask('POST', call, sent, headers)
      return answerOf(status, answer)
    },
    get: (objAPIName, dataId) => found(`queryMasterById?${question({ objAPIName, dataId, includeDetail: true })}`),
    batch: (objAPIName, { from, to, offset = 0, limit = 100, includeDetail = true }) =>
      found(`queryMasterBatch?${question({ objAPIName, startTime: from, endTime: to, includeDetail, offset, limit })}`),
    ledger: async (query = {}) =>
      (await setting<{ calls: LedgerCall[] }>('GET', `ledger?${question(query)}`)).calls.map(ledgerCall),
    records: (object) => records(object),
    record: async (object, id) => (await records(object, `?${question({ id })}`))[0] ?? null,
    bySource: (object, sourceId) => records(object, `?${question({ sourceId })}`),
    faults: (list) => setting('PUT', 'faults', list),
    faultHits: async () => (await setting<{ faults: FaultHit[] }>('GET', 'faults')).faults,
    mode: (recognise) => setting('PUT', 'mode', { recognise }),
    recognise: async () => (await setting<{ recognise: Recognise }>('GET', 'mode')).recognise,
    events: (options) => setting('PUT', 'events', options),
    eventState: () => setting('GET', 'events'),
  }
}

/** `url` is where the sandbox listens, without a path. Calls that are cut reject with undici's error. */
export const sandboxClient = (url: string, tokens: { erpToken: string; crmToken: string }): SandboxClient => {
  const pool = new Pool(url, { connections: 64, keepAliveTimeout: 1_000 })
  const close = (): Promise<void> => pool.destroy()
  return {
    erp: systemClient(pool, url, 'erp', tokens.erpToken),
    crm: systemClient(pool, url, 'crm', tokens.crmToken),
    close,
    [Symbol.asyncDispose]: close,
  }
}
