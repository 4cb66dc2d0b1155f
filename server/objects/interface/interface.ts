/**
 * 生成 api: the interface of one declared object, with its real names and addresses, in one language: what its system must offer, and what
 * it may call (contracts.md sections 1, 2 and 4). Pure; the page, Markdown and OpenAPI are made of it.
 */
import { codes, type Locale, success } from '../../../protocol/codes.ts'
import type { AuthDef } from '../../doc/flow.ts'
import type { FieldDef, ObjectDef } from '../../doc/object.ts'
import { curlOf } from './curl.ts'
import { exampleIds, exampleMaster, exampleOf, exampleRecord, ownFields } from './examples.ts'
import { type Phrase, type Say, sayIn } from './phrases.ts'

/** What is known of the object's system. Values of headers are secrets and do not come here. */
export interface Described {
  tenantId: string
  object: ObjectDef
  connection: {
    connectionId: string
    role: 'erp' | 'crm'
    baseUrl: string
    headers: readonly string[]
    auth?: AuthDef | undefined
    result: { codePath: string; messagePath: string; dataPath: string; successCodes: readonly string[] }
    readable: boolean
    zone: string
    pageSize: number
  }
  /** ERP connections of the tenant: with more than one, a push must name its own (S6). */
  centers: number
  /** Path of the master-data interface, where the object has one: `positions`. */
  batchPath?: string
}

export interface Parameter {
  name: string
  value: string
  required: boolean
  say: string
}

export interface CallShown {
  id: string
  title: string
  say: string
  notes: readonly string[]
  method: 'GET' | 'POST'
  /** Without its query. */
  url: string
  headers: readonly Parameter[]
  query: readonly Parameter[]
  /** JSON, as it is sent; null: none. */
  body: unknown
  /** Of a success. */
  answer: unknown
  /** Of a failure, where its shape is the other side's to write. */
  failure: unknown
  curl: string
}

export interface FieldShown {
  code: string
  name: string
  type: string
  /** As declared: `text`, `decimal`, … */
  kind: FieldDef['type']
  required: boolean
  example: unknown
  note: string
}

export interface CodeShown {
  code: string
  http: number
  sentence: string
}

export interface ObjectInterface {
  locale: Locale
  title: string
  intro: string
  /** Where the object's own system, and Mortise, are called. */
  addresses: { theirs: string; ours: string }
  object: {
    code: string
    apiName: string
    name: string
    idField: string
    modifiedField: string | null
    externalIdField: string | null
  }
  fields: FieldShown[]
  details: { code: string; name: string; idField: string | null; fields: FieldShown[] }[]
  offers: CallShown[]
  calls: CallShown[]
  codes: CodeShown[]
  batchCodes: CodeShown[]
  /** What stands in the examples for what only their user knows. */
  placeholders: { id: string; rowId: string; otherId: string; referredId: string; secrets: string[] }
}

/** Neither credentials nor a query: they are configured, and may be secret. */
const addressOf = (baseUrl: string): string => {
  if (!URL.canParse(baseUrl)) return 'https://erp.example.com/'
  const url = new URL(baseUrl)
  return `${url.origin}${url.pathname}${url.pathname.endsWith('/') ? '' : '/'}`
}

const plain = /^(?:accept|content-type|user-agent)/i
/** `token` becomes TOKEN, `X-Api-Key` X_API_KEY. */
const placeholderOf = (name: string): string => name.toUpperCase().replaceAll(/[^A-Z0-9]+/g, '_')

/** What proves who calls: names as they are, values as placeholders. */
const proofsOf = (connection: Described['connection'], say: Say): { headers: Parameter[]; query: Parameter[] } => {
  const found: { headers: Parameter[]; query: Parameter[] } = { headers: [], query: [] }
  const put = (place: { in: 'header' | 'query'; name: string }, value: string, phrase: Phrase) =>
    found[place.in === 'header' ? 'headers' : 'query'].push({
      name: place.name,
      value,
      required: true,
      say: say(phrase),
    })
  for (const name of connection.headers)
    if (!plain.test(name))
      put({ in: 'header', name }, placeholderOf(name), name.toLowerCase() === 'token' ? 'hToken' : 'hConnection')
  const { basic, apiKey, oauth2, signature } = connection.auth ?? {}
  if (basic) put({ in: 'header', name: 'Authorization' }, 'Basic USER_AND_PASSWORD', 'hToken')
  if (apiKey) put(apiKey, placeholderOf(apiKey.name), 'hToken')
  if (oauth2) put(oauth2.carry, `${oauth2.carry.prefix}ACCESS_TOKEN`, 'hToken')
  if (signature) {
    put(signature.put, `${signature.put.prefix}SIGNATURE`, 'hSignature')
    if (signature.timestamp) put(signature.timestamp, 'TIMESTAMP', 'hSignature')
    if (signature.nonce) put(signature.nonce, 'NONCE', 'hSignature')
  }
  return found
}

const typePhrases: Record<FieldDef['type'], Phrase> = {
  text: 'fText',
  decimal: 'fDecimal',
  integer: 'fInteger',
  bool: 'fBool',
  date: 'fDate',
  datetime: 'fDatetime',
  select: 'fSelect',
  multiselect: 'fMultiselect',
  reference: 'fReference',
  person: 'fPerson',
  department: 'fDepartment',
  attachment: 'fAttachment',
}

const fieldShown = (field: FieldDef, example: unknown, say: Say, first: Phrase | null): FieldShown => {
  const options = field.options?.map(({ value, label }) => (label ? `${value} (${label})` : value)).join(', ')
  const note = [
    first && say(first),
    options && say('nOptions', { options }),
    field.references && say('nReference', { object: field.references }),
    field.length && say('nLength', { length: String(field.length) }),
    field.format && say('nFormat', { format: field.format }),
  ].filter((one) => typeof one === 'string')
  return {
    code: field.code,
    name: field.name ?? '',
    type: say(typePhrases[field.type]),
    kind: field.type,
    required: field.required === true,
    example,
    note: note.join(' · '),
  }
}

/** The id field stands first, also where nobody declared it. */
const masterFields = (object: ObjectDef, zone: string, say: Say): FieldShown[] => {
  const read = { ...exampleMaster(object, zone, 'read'), ...exampleMaster(object, zone, 'write') }
  const declared = object.fields.filter((field) => field.code !== object.idField)
  const id = object.fields.find((field) => field.code === object.idField) ?? {
    code: object.idField,
    type: 'text' as const,
  }
  return [
    fieldShown(id, exampleIds.record, say, 'nId'),
    ...declared.map((field) =>
      fieldShown(
        field,
        read[field.code] ?? exampleOf(field, zone),
        say,
        field.code === object.externalIdField
          ? 'nExternal'
          : field.code === object.modifiedField && ownFields(object).has(field.code)
            ? 'nModified'
            : null,
      ),
    ),
  ]
}

/** Puts a value where a dotted path says, so that the examples obey the connection's result rule. */
const putAt = (into: Record<string, unknown>, path: string, value: unknown): void => {
  const steps = path.split('.')
  let here = into
  for (const step of steps.slice(0, -1)) here = (here[step] ??= {}) as Record<string, unknown>
  here[steps.at(-1) ?? path] = value
}

const answerWith = ({ result }: Described['connection'], code: string, message: string, data: unknown) => {
  const answer: Record<string, unknown> = {}
  putAt(answer, result.codePath, code)
  putAt(answer, result.messagePath, message)
  putAt(answer, result.dataPath, data)
  return answer
}

const call = (made: Omit<CallShown, 'curl'>): CallShown => ({ ...made, curl: curlOf(made) })

const offersOf = ({ object, connection }: Described, say: Say): CallShown[] => {
  const base = addressOf(connection.baseUrl)
  const proofs = proofsOf(connection, say)
  const { zone } = connection
  const json: Parameter = { name: 'Content-Type', value: 'application/json', required: true, say: say('hContent') }
  const key: Parameter = { name: 'Idempotency-Key', value: 'KEY-1', required: false, say: say('hIdempotency') }
  const id: Parameter = { name: 'id', value: exampleIds.record, required: true, say: say('hId') }
  const { result } = connection
  const rule = say('successRule', {
    codePath: result.codePath,
    messagePath: result.messagePath,
    codes: result.successCodes.map((code) => `"${code}"`).join(' / '),
  })
  const good = result.successCodes[0] ?? '0'
  const failure = answerWith(connection, '1001', say('refusalMessage'), null)
  const write = (
    name: 'create' | 'update' | 'invalid',
    body: unknown,
    headers: Parameter[],
    notes: string[],
  ): CallShown =>
    call({
      id: name,
      title: say(name),
      say: say(`${name}Say`, { idField: object.idField }),
      notes: [rule, ...notes],
      method: 'POST',
      url: `${base}${name}`,
      headers: [json, ...proofs.headers, ...headers, key],
      query: proofs.query,
      body,
      answer: answerWith(connection, good, 'success', {
        masterDataId: exampleIds.record,
        ...(object.details.length > 0 &&
          name !== 'invalid' && {
            detailDataIds: Object.fromEntries(
              object.details.map((detail) => [detail.apiName ?? detail.code, [exampleIds.row]]),
            ),
          }),
      }),
      failure,
    })
  const query = (name: 'queryMasterBatch' | 'queryMasterById', asked: Parameter[], data: unknown): CallShown =>
    call({
      id: name,
      title: say(name),
      say: say(`${name}Say`),
      notes: [rule],
      method: 'GET',
      url: `${base}${name}`,
      headers: proofs.headers,
      query: [
        { name: 'objAPIName', value: object.apiName, required: true, say: say('qObject') },
        ...asked,
        { name: 'includeDetail', value: 'true', required: true, say: say('qDetail') },
        ...proofs.query,
      ],
      body: null,
      answer: answerWith(connection, good, 'success', data),
      failure,
    })
  const created = exampleRecord(object, zone, 'write')
  const read = exampleRecord(object, zone, 'read')
  const updated = exampleRecord(object, zone, 'write')
  updated.masterFieldVal[object.idField] = exampleIds.record
  for (const detail of object.details) {
    const [row] = updated.detailFieldVals?.[detail.apiName ?? detail.code] ?? []
    if (row && detail.idField) row[detail.idField] = exampleIds.row
  }
  const number = (name: string, value: number, phrase: Phrase): Parameter => ({
    name,
    value: String(value),
    required: true,
    say: say(phrase),
  })
  const day = Date.UTC(2026, 0, 31)
  return [
    write('create', created, [], [say('idempotency'), say('digits')]),
    write('update', updated, [id], [say('idempotency')]),
    ...(connection.readable
      ? [
          query(
            'queryMasterBatch',
            [
              number('startTime', day, 'qStart'),
              number('endTime', day + 86_400_000, 'qEnd'),
              number('offset', 0, 'qOffset'),
              number('limit', connection.pageSize, 'qLimit'),
            ],
            { totalNum: 1, dataList: [read] },
          ),
          query(
            'queryMasterById',
            [{ name: 'dataId', value: exampleIds.record, required: true, say: say('qDataId') }],
            read,
          ),
        ]
      : []),
    write(
      'invalid',
      { objAPIName: object.apiName, masterFieldVal: { [object.idField]: exampleIds.record } },
      [{ name: 'operationType', value: '3', required: true, say: say('hOperation') }, id],
      [],
    ),
  ]
}

const pushesOf = (
  { tenantId, object, connection, centers }: Described,
  ours: string,
  locale: Locale,
  say: Say,
): CallShown[] => {
  const header = (name: string, value: string, phrase: Phrase, required = true): Parameter => ({
    name,
    value,
    required,
    say: say(phrase),
  })
  const center = header('dataCenterId', connection.connectionId, 'hCenter', centers > 1)
  const known = [
    header('token', 'TOKEN', 'hTokenAsk'),
    header('tenantId', tenantId, 'hTenant'),
    center,
    header('objectApiName', object.code, 'hObject'),
    header('version', 'v1', 'hVersion'),
  ]
  const id = header('id', exampleIds.record, 'hId')
  const optional = [
    header('directSync', 'true', 'hDirect', false),
    header('Idempotency-Key', 'KEY-1', 'hIdempotency', false),
  ]
  const language = header('locale', locale, 'hLocale', false)
  const url = `${ours}/erp/syncdata/open/objdata/syncpush`
  const answer = {
    errCode: success,
    errMsg: codes[success].sentence[locale],
    traceMsg: '0123456789abcdef0123456789abcdef',
  }
  const record = exampleRecord(object, connection.zone, 'read')
  const one = { method: 'POST', query: [], failure: null, notes: [] } as const
  const json = header('Content-Type', 'application/json', 'hContent')
  return [
    call({
      ...one,
      id: 'push',
      title: say('push'),
      say: say('pushSay'),
      notes: [say('digits')],
      url,
      headers: [json, ...known, id, ...optional, language],
      body: record,
      answer,
    }),
    call({
      ...one,
      id: 'pushVoid',
      title: say('pushVoid'),
      say: say('pushVoidSay'),
      notes: [],
      url,
      headers: [...known, header('operationType', '3', 'hOperation'), id, language],
      body: null,
      answer,
    }),
    call({
      ...one,
      id: 'pushOther',
      title: say('pushOther'),
      say: say('pushOtherSay'),
      notes: [],
      url,
      headers: [json, ...known, language],
      body: exampleMaster(object, connection.zone, 'read'),
      answer,
    }),
    call({
      ...one,
      id: 'alias',
      title: say('alias'),
      say: say('aliasSay'),
      notes: [],
      url: `${ours}/cgi/crm/erp/syncdata/objdata/push`,
      headers: [json, header('Authorization', 'Bearer TOKEN', 'hTokenAsk')],
      query: [{ name: 'thirdTraceId', value: 'CALL-1', required: false, say: say('qThird') }],
      body: {
        data: {
          ...record,
          ...(centers > 1 && { dataCenterId: connection.connectionId }),
          id: exampleIds.record,
        },
      },
      answer: { errorCode: 0, errorMessage: 'OK', traceId: answer.traceMsg },
    }),
  ]
}

const hookOf = ({ tenantId, object, connection }: Described, ours: string, say: Say, locale: Locale): CallShown =>
  call({
    id: 'hook',
    title: say('hook'),
    say: say('hookSay'),
    notes: [say('digits')],
    method: 'POST',
    url: `${ours}/hooks/${encodeURIComponent(connection.connectionId)}/SECRET`,
    headers: [{ name: 'Content-Type', value: 'application/json', required: true, say: say('hContent') }],
    query: [],
    body: {
      tenantId,
      objectApiName: object.apiName,
      dataId: exampleIds.record,
      operation: 'update',
      changedAt: Date.UTC(2026, 0, 31, 8),
      masterFieldVal: exampleMaster(object, connection.zone, 'read'),
    },
    answer: { errCode: success, errMsg: codes[success].sentence[locale], traceMsg: '0123456789abcdef0123456789abcdef' },
    failure: null,
  })

const batchOf = (
  { object, connection }: Described,
  batchPath: string,
  ours: string,
  locale: Locale,
  say: Say,
): CallShown[] => {
  const json: Parameter = { name: 'Content-Type', value: 'application/json', required: true, say: say('hContent') }
  const one = { method: 'POST', query: [], failure: null, notes: [] } as const
  return [
    call({
      ...one,
      id: 'batchToken',
      title: say('batchToken'),
      say: say('batchTokenSay'),
      notes: [],
      url: `${ours}/common/unAuth/tokens/generate`,
      headers: [json],
      body: { client_id: 'CLIENT_ID', client_secret: 'CLIENT_SECRET' },
      answer: {
        resCode: 200000,
        resMsg: 'success',
        data: { access_token: 'ACCESS_TOKEN', token_type: 'bearer', scope: 'write', expires_in: 7200 },
      },
    }),
    call({
      ...one,
      id: 'batch',
      title: say('batch'),
      say: say('batchSay'),
      notes: [],
      url: `${ours}/common/${batchPath}/batch`,
      headers: [
        json,
        { name: 'Authorization', value: 'Bearer ACCESS_TOKEN', required: true, say: say('hToken') },
        { name: 'locale', value: locale, required: false, say: say('hLocale') },
      ],
      body: {
        bizId: 'BATCH-1',
        timestamp: Date.UTC(2026, 0, 31, 8),
        data: [exampleMaster(object, connection.zone, 'write')],
      },
      answer: {
        resCode: 200000,
        resMsg: 'success',
        bizId: 'BATCH-1',
        data: { createdCount: 1, updatedCount: 0, failedCount: 0, dbErrors: [], warnings: {}, validatorErrors: {} },
      },
    }),
  ]
}

/** contracts.md section 4. */
const batchCodes: [code: number, http: number, sentence: [string, string, string, string]][] = [
  [200000, 200, ['完成或已接收', '完成或已接收', 'done or accepted', '完了または受付済み']],
  [4000001, 400, ['不是 JSON', '不是 JSON', 'not JSON', 'JSON ではありません']],
  [4000002, 400, ['结构不符', '結構不符', 'not the required shape', '構造が不正です']],
  [4000010, 400, ['url 未登记', 'url 未登記', 'url is not registered', 'url が登録されていません']],
  [4000011, 400, ['timestamp 不正确', 'timestamp 不正確', 'timestamp is not right', 'timestamp が不正です']],
  [4010000, 401, ['令牌无效', '權杖無效', 'the token was refused', 'トークンが拒否されました']],
  [4040000, 404, ['没有此接口', '沒有此介面', 'no such interface', 'インターフェースがありません']],
  [
    4090000,
    409,
    ['bizId 已用于其他内容', 'bizId 已用於其他內容', 'bizId used with another body', 'bizId は使用済みです'],
  ],
  [4130000, 413, ['行数或字节过多', '列數或位元組過多', 'too many rows or bytes', '行数またはサイズの超過']],
  [4290000, 429, ['超过调用限制', '超過呼叫限制', 'over the limit', '制限超過']],
  [
    5000000,
    503,
    ['服务器异常，没有保存', '伺服器異常，沒有儲存', 'not available; nothing was stored', '一時的なエラー、未保存'],
  ],
]

const order: readonly Locale[] = ['zh_CN', 'zh_TW', 'en_US', 'ja_JP']

/** `ours`: origin under which Mortise is reached, such as https://mortise.example.com. */
export const interfaceOf = (described: Described, ours: string, locale: Locale): ObjectInterface => {
  const { object, connection, batchPath } = described
  const say = sayIn(locale)
  const offers = offersOf(described, say)
  const calls = [
    ...(connection.role === 'erp' ? pushesOf(described, ours, locale, say) : [hookOf(described, ours, say, locale)]),
    ...(batchPath === undefined ? [] : batchOf(described, batchPath, ours, locale, say)),
  ]
  const proofs = proofsOf(connection, say)
  const secrets = [...proofs.headers, ...proofs.query].map((one) => one.value.replace(/^\w+ /, ''))
  return {
    locale,
    title: say('title', { object: object.name ? `${object.name} (${object.code})` : object.code }),
    intro: say('intro'),
    addresses: { theirs: addressOf(connection.baseUrl), ours },
    object: {
      code: object.code,
      apiName: object.apiName,
      name: object.name ?? '',
      idField: object.idField,
      modifiedField: object.modifiedField ?? null,
      externalIdField: object.externalIdField ?? null,
    },
    fields: masterFields(object, connection.zone, say),
    details: object.details.map((detail) => ({
      code: detail.apiName ?? detail.code,
      name: detail.name ?? '',
      idField: detail.idField ?? null,
      fields: detail.fields.map((field) =>
        fieldShown(
          field,
          field.code === detail.idField ? exampleIds.row : exampleOf(field, connection.zone),
          say,
          field.code === detail.idField ? 'nRowId' : null,
        ),
      ),
    })),
    offers,
    calls,
    codes: Object.entries(codes).map(([code, { http, sentence }]) => ({ code, http, sentence: sentence[locale] })),
    batchCodes:
      batchPath === undefined
        ? []
        : batchCodes.map(([code, http, sentences]) => ({
            code: String(code),
            http,
            sentence: sentences[order.indexOf(locale)] ?? '',
          })),
    placeholders: {
      id: exampleIds.record,
      rowId: exampleIds.row,
      otherId: exampleIds.other,
      referredId: exampleIds.referred,
      secrets: [...new Set([...secrets, 'TOKEN', ...(connection.role === 'crm' ? ['SECRET'] : [])])],
    },
  }
}
