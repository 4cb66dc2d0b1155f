/** The system under test, as the rules see it: the guide's five calls, each with what went and what came (contracts.md section 2). */

/** One HTTP request; throws where no answer comes. */
export type Send = (request: {
  method: 'GET' | 'POST'
  /** Below the base URL, with its query. */
  path: string
  headers: Record<string, string>
  body: string | null
  /** Without what proves who calls, or with something else in its place. */
  proof: 'right' | 'wrong'
}) => Promise<{ status: number; headers: Record<string, string | undefined>; text: string }>

/** The object that is tried, and a record of it that the system takes. Values are JSON text: no digit is lost on the way. */
export interface Subject {
  apiName: string
  idField: string
  /** Where the other side's id stands; makes our records known again. */
  externalIdField?: string
  /** A field of free text, for an update. */
  textField?: string
  /** A second one, which the update leaves out. */
  otherTextField?: string
  decimalField?: string
  master: Readonly<Record<string, string>>
  details: readonly { name: string; idField?: string; row: Readonly<Record<string, string>> }[]
  result: { codePath: string; messagePath: string; dataPath: string; successCodes: readonly string[] }
  notFoundCodes: readonly string[]
}

export interface Answer {
  status: number
  text: string
  /** Undefined: no JSON. */
  json: unknown
  code: string | null
  message: string | null
  data: unknown
  success: boolean
  /** Difference of the system's clock to ours, as far as its `Date` header tells. */
  skew: number | null
}

export interface Sent {
  masterFieldVal: Record<string, unknown>
  detailFieldVals: Record<string, Record<string, unknown>[]>
}

export interface Erp {
  subject: Subject
  create(over?: Readonly<Record<string, string>>, headers?: Record<string, string>, rows?: number): Promise<Answer>
  update(id: string, over: Readonly<Record<string, string>>): Promise<Answer>
  invalid(id: string): Promise<Answer>
  byId(id: string, how?: { object?: string; proof?: 'right' | 'wrong' }): Promise<Answer>
  batch(window: { from: number; to: number; offset?: number; limit?: number }): Promise<Answer>
  /** A record of our own, or the answer that was no success. */
  made(
    over?: Readonly<Record<string, string>>,
    rows?: number,
  ): Promise<{ id: string; answer: Answer } | { wrong: string }>
  /** Something that no record holds yet. */
  unique(): string
  now(): number
  pause(ms: number): Promise<void>
}

const at = (value: unknown, path: string): unknown =>
  path === ''
    ? value
    : path
        .split('.')
        .reduce<unknown>(
          (here, step) =>
            typeof here === 'object' && here !== null ? (here as Record<string, unknown>)[step] : undefined,
          value,
        )

const scalar = (value: unknown): string | null =>
  typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean' ? String(value) : null

export const idIn = (answer: Answer): string | null => {
  const id = scalar((answer.data as { masterDataId?: unknown } | null | undefined)?.masterDataId)
  return id === '' ? null : id
}

/** What an answer shows of itself, short enough to read. */
export const shown = (answer: Answer): string => `HTTP ${answer.status} ${answer.text.trim().slice(0, 300)}`

export const recordIn = (data: unknown): Sent | null => {
  const record = data as Partial<Sent> | null | undefined
  return typeof record?.masterFieldVal === 'object' && record.masterFieldVal !== null
    ? { masterFieldVal: record.masterFieldVal, detailFieldVals: record.detailFieldVals ?? {} }
    : null
}

/** The records of a page; null: it has no list. */
export const pageIn = (answer: Answer): Sent[] | null => {
  const list = (answer.data as { dataList?: unknown } | null | undefined)?.dataList
  return Array.isArray(list) ? list.map(recordIn).filter((one) => one !== null) : list === null ? [] : null
}

const object = (members: Readonly<Record<string, string>>): string =>
  `{${Object.entries(members)
    .map(([key, value]) => `${JSON.stringify(key)}:${value}`)
    .join(',')}}`

export const openErp = (
  subject: Subject,
  send: Send,
  clock: { now(): number; random(): string; pause(ms: number): Promise<void> },
): Erp => {
  const { result } = subject
  const ask = async (request: Parameters<Send>[0]): Promise<Answer> => {
    const began = clock.now()
    const { status, headers, text } = await send(request)
    let json: unknown
    try {
      json = JSON.parse(text) as unknown
    } catch {
      json = undefined
    }
    const code = scalar(at(json, result.codePath))
    const theirs = headers.date === undefined ? Number.NaN : Date.parse(headers.date)
    return {
      status,
      text,
      json,
      code,
      message: scalar(at(json, result.messagePath)),
      data: at(json, result.dataPath),
      success: status >= 200 && status < 300 && code !== null && result.successCodes.includes(code),
      skew: Number.isNaN(theirs) ? null : theirs - (began + clock.now()) / 2,
    }
  }
  const post = (path: string, body: string, headers: Record<string, string> = {}): Promise<Answer> =>
    ask({ method: 'POST', path, headers: { 'Content-Type': 'application/json', ...headers }, body, proof: 'right' })
  const get = (path: string, query: Record<string, string>, proof: 'right' | 'wrong'): Promise<Answer> =>
    ask({
      method: 'GET',
      path: `${path}?${new URLSearchParams(query).toString().replaceAll('+', '%20')}`,
      headers: {},
      body: null,
      proof,
    })
  const whole = (master: Readonly<Record<string, string>>, details: string): string =>
    `{"objAPIName":${JSON.stringify(subject.apiName)},"masterFieldVal":${object(master)}${details}}`
  const detailText = (rows: number): string =>
    subject.details.length === 0
      ? ''
      : `,"detailFieldVals":{${subject.details
          .map(
            (one) => `${JSON.stringify(one.name)}:[${Array.from({ length: rows }, () => object(one.row)).join(',')}]`,
          )
          .join(',')}}`
  const unique = (): string => `CHECK-${clock.random()}`
  const erp: Erp = {
    subject,
    create: (over = {}, headers = {}, rows = 2) =>
      post(
        'create',
        whole(
          {
            ...subject.master,
            ...(subject.externalIdField && { [subject.externalIdField]: JSON.stringify(unique()) }),
            ...over,
          },
          detailText(rows),
        ),
        headers,
      ),
    update: (id, over) =>
      post('update', whole({ [subject.idField]: JSON.stringify(id), ...over }, ''), {
        id: Buffer.from(id).toString('latin1'),
      }),
    invalid: (id) =>
      post('invalid', whole({ [subject.idField]: JSON.stringify(id) }, ''), {
        id: Buffer.from(id).toString('latin1'),
        operationType: '3',
      }),
    byId: (id, { object: named = subject.apiName, proof = 'right' } = {}) =>
      get('queryMasterById', { objAPIName: named, dataId: id, includeDetail: 'true' }, proof),
    batch: ({ from, to, offset = 0, limit = 100 }) =>
      get(
        'queryMasterBatch',
        {
          objAPIName: subject.apiName,
          startTime: String(from),
          endTime: String(to),
          includeDetail: 'true',
          offset: String(offset),
          limit: String(limit),
        },
        'right',
      ),
    made: async (over, rows) => {
      const answer = await erp.create(over, {}, rows)
      const id = answer.success ? idIn(answer) : null
      return id === null ? { wrong: shown(answer) } : { id, answer }
    },
    unique,
    now: clock.now,
    pause: clock.pause,
  }
  return erp
}
