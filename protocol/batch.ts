/** The master-data batch on the wire: its request cut into rows, and its result in the source document's shape (contracts.md section 4). */
import { type BatchCode, batchCodes, batchDone, batchFailed, type BatchRefusal, refuseBatch } from './batch-codes.ts'
import type { Locale, Sentences } from './codes.ts'
import { fill, to } from './codes.ts'
import { find, Kind, kindOf, name, nextMember, position, scan, valueBytes, valueText } from './scan.ts'

export const tokenPath = '/common/unAuth/tokens/generate'
/** Of the object: `POST /common/{path}/batch`. */
export const batchPath = (path: string): string => `/common/${path}/batch`
/** Up to so many rows are answered at once; so many a call may bring. */
export const rowsAtOnce = 200
export const mostRows = 10_000
/** As sent and inflated. */
export const mostMegabytes = 20
/** Ten thousand rows of a hundred fields. */
const mostNodes = 1_000_000

export interface BatchRequest {
  bizId: string
  /** 13 digits, as they were sent. */
  timestamp: string
  url: string | null
  /** The rows' own bytes: views of the body. */
  rows: Buffer[]
  /** White space stood between tokens. */
  spaced: boolean
}

const member = { bizId: name('bizId'), timestamp: name('timestamp'), url: name('url'), data: name('data') }

const shape = (path: string, expected: string): BatchRefusal => refuseBatch(4000002, 'shape', { path, expected })

const ofDefect = (body: Buffer, defect: Extract<ReturnType<typeof scan>, { ok: false }>['defect']): BatchRefusal =>
  defect.kind === 'depth' || defect.kind === 'nodes'
    ? refuseBatch(4130000, defect.kind === 'depth' ? 'depth' : undefined, { path: defect.path })
    : refuseBatch(4000001, defect.kind, { path: defect.path, ...position(body, defect.at) })

const isBizId = (text: string): boolean => /^[^\p{Cc}]{1,64}$/u.test(text) && text.trim() !== ''

/** Reads a body. Unknown members are left alone; nothing of a row is looked into. */
export const readBatch = (body: Buffer): BatchRequest | BatchRefusal => {
  const read = scan(body, 1, mostNodes)
  if (!read.ok) return ofDefect(body, read.defect)
  const { scan: scanned } = read
  if (scanned.root !== Kind.object) return shape('$', 'object')
  if (scanned.reserved !== null) return refuseBatch(4000002, 'reserved', { path: scanned.reserved })
  const { spaced } = scanned

  const biz = find(scanned, -1, member.bizId)
  if (biz < 0 || kindOf(scanned, biz) !== Kind.string) return shape('bizId', 'text')
  const bizId = valueText(scanned, biz)
  if (!isBizId(bizId)) return shape('bizId', '1-64')
  const time = find(scanned, -1, member.timestamp)
  const timeKind = time < 0 ? Kind.null : kindOf(scanned, time)
  if (timeKind !== Kind.number && timeKind !== Kind.string) return shape('timestamp', 'number')
  const timestamp = valueText(scanned, time)
  if (!/^\d{13}$/.test(timestamp)) return refuseBatch(4000011, 'digits')
  const address = find(scanned, -1, member.url)
  const urlKind = address < 0 ? Kind.null : kindOf(scanned, address)
  if (urlKind !== Kind.null && urlKind !== Kind.string) return shape('url', 'text')
  const url = urlKind === Kind.null ? null : valueText(scanned, address) || null
  const data = find(scanned, -1, member.data)
  if (data < 0 || kindOf(scanned, data) !== Kind.array) return shape('data', 'array of objects')

  // the index is scratch space: what is needed of it is held before the next scan
  const list = valueBytes(scanned, data)
  const inner = scan(list, 1, mostNodes)
  if (!inner.ok) return ofDefect(list, inner.defect)
  const rows: Buffer[] = []
  for (let m = nextMember(inner.scan, -1, -1); m >= 0; m = nextMember(inner.scan, -1, m)) {
    if (kindOf(inner.scan, m) !== Kind.object) return shape(`data[${rows.length}]`, 'object')
    rows.push(valueBytes(inner.scan, m))
    if (rows.length > mostRows) return refuseBatch(4130000, 'rows', { value: mostRows })
  }
  if (rows.length === 0) return shape('data', '1-10000')
  return { bizId, timestamp, url, rows, spaced }
}

// ── the result ───────────────────────────────────────────────────────────────────────────────────────────────────────────────────────
export const counted = {
  created: to(
    '此次请求新建成功了{count}条数据',
    '此次請求新建成功了{count}條資料',
    '{count} record(s) created by this request',
    '今回のリクエストで{count}件を新規作成しました',
  ),
  updated: to(
    '此次请求更新成功了{count}条数据',
    '此次請求更新成功了{count}條資料',
    '{count} record(s) updated by this request',
    '今回のリクエストで{count}件を更新しました',
  ),
} as const satisfies Record<string, Sentences>

/** Of one batch; keys of `validatorErrors` and `warnings` are the rows' numbers as their sender counts. */
export interface BatchOutcome {
  created: number
  updated: number
  failed: number
  validatorErrors: [key: string, sentences: string[]][]
  warnings: [key: string, sentences: string[]][]
  dbErrors: { row: string; code: string; message: string }[]
}

export interface BatchData {
  created: string
  dbErrors: BatchOutcome['dbErrors']
  updated: string
  warnings: Record<string, string[]>
  validatorErrors: Record<string, string[]>
  createdCount: number
  updatedCount: number
  failedCount: number
}

/** The `data` of a result: the source document's members, and the counts beside them. */
export const batchData = (outcome: BatchOutcome, locale: Locale): BatchData => ({
  created: fill(counted.created[locale], { count: outcome.created }),
  dbErrors: outcome.dbErrors,
  updated: fill(counted.updated[locale], { count: outcome.updated }),
  warnings: Object.fromEntries(outcome.warnings),
  validatorErrors: Object.fromEntries(outcome.validatorErrors),
  createdCount: outcome.created,
  updatedCount: outcome.updated,
  failedCount: outcome.failed,
})

/** `data` is JSON text, as it was fixed when the batch ended; null: accepted, or failed. */
export const batchAnswer = (code: BatchCode, resMsg: string, bizId: string | null, data: string | null): string =>
  `{"resCode":${code},"resMsg":${JSON.stringify(resMsg)}${bizId === null ? '' : `,"bizId":${JSON.stringify(bizId)}`}${
    data === null ? '' : `,"data":${data}`
  }}`

/** The callback's body. Without data: exactly the four members of a batch that could not be processed. */
export const callbackBody = (bizId: string, token: string, locale: Locale, data: string | null): string => {
  const code = data === null ? batchFailed : batchDone
  const head = `{"resCode":${code},"resMsg":${JSON.stringify(batchCodes[code].sentence[locale])},"bizId":${JSON.stringify(bizId)},"access_token":"${token}"`
  return data === null ? `${head}}` : `${head},"data":${data}}`
}
