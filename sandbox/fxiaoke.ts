/**
 * The sandbox CRM's second face: the Fxiaoke Open API v2 over the same records, ledger and faults. HTTP is always 200, the errorCode speaks,
 * and it says no where that API does: token, rate of each interface, daily quota, pages, unknown trace ids.
 */
import { randomBytes } from 'node:crypto'
import { exactNumber, isExactNumber, isJsonObject, type Json, type JsonObject, readJson, textOf } from './json.ts'
import { type Field, type ObjectDef, objectsOf, SOURCE_ID, VOIDED } from './objects.ts'
import type { Arrival, Reply, Side } from './side.ts'
import type { Found, Held, State } from './system.ts'

/** What a request of this face is: its path below the system, and what it carries. */
export type FaceRequest = {
  path: string
  query: URLSearchParams
  authorization: string | null
  enterprise: string | null
  user: string | null
  requestId: string | null
  /** Null when it was too large to read. */
  text: string | null
}

export type FaceOptions = {
  /** Calls of one interface in `windowMs`. */
  calls: number
  windowMs: number
  /** Calls of all interfaces in a day (Asia/Shanghai); null: as many as you like. */
  perDay: number | null
  /** How long a token lives. */
  tokenMs: number
  /** A found record shows up in queries so much later. */
  indexMs: number
}

export const faceDefaults: FaceOptions = {
  calls: 100,
  windowMs: 20_000,
  perDay: null,
  tokenMs: 7_200_000,
  indexMs: 0,
}

export type Face = {
  handle(request: FaceRequest, send: (reply: Reply) => void): Promise<void>
  /** What it let through and what it refused, by interface. */
  view(): unknown
  set(given: unknown): string | null
}

/** Detail objects stand on their own here and name their master by this field. */
const masterFields: Record<string, { master: string; field: string }> = {
  ContactObj: { master: 'AccountObj', field: 'account_id' },
  SalesOrderProductObj: { master: 'SalesOrderObj', field: 'order_id' },
  GuideLine1Obj: { master: 'GuideObj', field: 'guide_id' },
  GuideLine2Obj: { master: 'GuideObj', field: 'guide_id' },
}

const dataPath = /^cgi\/crm\/(?:custom\/)?v2\/data\/(create|update|get|query|invalid)$/
export const isFacePath = (path: string): boolean => path.startsWith('cgi/') || path === 'oauth2.0/token'

const zoneAhead = 8 * 3_600_000
const dayOf = (now: number): number => Math.floor((now + zoneAhead) / 86_400_000)

type Told = Extract<Reply, { status: number }>

class No extends Error {
  readonly code: number
  constructor(code: number, message: string) {
    super(message)
    this.code = code
  }
}
const no = (code: number, message: string): never => {
  throw new No(code, message)
}

const member = (of: Json | undefined, name: string): Json | undefined => (isJsonObject(of) ? of[name] : undefined)
const objectAt = (of: Json | undefined, name: string): JsonObject => {
  const found = member(of, name)
  return isJsonObject(found) ? found : no(32000, `${name} is not an object`)
}
const wordAt = (of: Json | undefined, name: string): string =>
  textOf(member(of, name)) || no(32000, `${name} is missing`)

type Row = { id: string; modifiedAt: number; read: () => JsonObject }

type Filter = { name: string; operator: string; values: string[] }

const numberText = /^-?\d+(\.\d+)?$/
const order = (a: string, b: string): number =>
  numberText.test(a) && numberText.test(b) ? Number(a) - Number(b) : a < b ? -1 : a > b ? 1 : 0

const passes = ({ operator, values }: Filter, value: string | null): boolean => {
  const [first = '', second = ''] = values
  switch (operator) {
    case 'EQ':
      return value === first
    case 'N':
      return value !== first
    case 'IN':
      return value !== null && values.includes(value)
    case 'NIN':
      return value === null || !values.includes(value)
    case 'GT':
      return value !== null && order(value, first) > 0
    case 'GTE':
      return value !== null && order(value, first) >= 0
    case 'LT':
      return value !== null && order(value, first) < 0
    case 'LTE':
      return value !== null && order(value, first) <= 0
    case 'BETWEEN':
      return value !== null && order(value, first) >= 0 && order(value, second) <= 0
    case 'LIKE':
      return value?.includes(first) ?? false
    case 'IS':
      return value === null || value === ''
    case 'ISN':
      return value !== null && value !== ''
    default:
      return no(32000, `operator ${operator} is not known`)
  }
}

/** A record as this API shows it: empty values left out, numbers as texts, a void as life_status. */
const shown = (fields: JsonObject, declared: Map<string, Field>, object: string): JsonObject => {
  const row: JsonObject = {}
  for (const [name, value] of Object.entries(fields)) {
    if (name === VOIDED || value === null || value === '') continue
    row[name] = declared.get(name)?.kind === 'decimal' && isExactNumber(value) ? value.rawJSON : value
  }
  if (fields[VOIDED] === 'true') row.life_status = 'invalid'
  row.object_describe_api_name = object
  return row
}

const heldRow = (def: ObjectDef, held: Held): Row => ({
  id: held.id,
  modifiedAt: held.modifiedAt,
  read: () => shown(readJson(held.master) as JsonObject, def.fields, def.name),
})

const detailRows = (def: ObjectDef, detail: string, held: Held): Row[] => {
  const declared = def.details.get(detail)
  const rows = (readJson(held.details) as Record<string, JsonObject[]>)[detail] ?? []
  const { field } = masterFields[detail] as { field: string }
  return rows.map((row) => ({
    id: textOf(row[declared?.idField ?? '_id']) ?? '',
    modifiedAt: held.modifiedAt,
    read: () => ({ ...shown(row, declared?.fields ?? new Map(), detail), [field]: held.id }),
  }))
}

const fieldOf = (row: Row, name: string): string | null =>
  name === '_id' ? row.id : name === 'last_modified_time' ? String(row.modifiedAt) : textOf(row.read()[name] ?? null)

/** All that a filter can reach without reading every record. */
const candidates = (state: State, object: string, filters: readonly Filter[], seenBy: number): Row[] => {
  const visible = (held: Held | undefined): held is Held => held !== undefined && held.visibleAt <= seenBy
  const only = (name: string): string[] | null =>
    filters.find((one) => one.name === name && (one.operator === 'EQ' || one.operator === 'IN'))?.values ?? null
  const link = masterFields[object]
  if (link && !state.tables.has(object)) {
    const master = state.tables.get(link.master)
    if (!master) return no(32000, `object ${object} does not exist`)
    const ids = only(link.field) ?? [...master.rows.keys()]
    return ids.flatMap((id) => {
      const held = master.rows.get(id)
      return visible(held) ? detailRows(master.def, object, held) : []
    })
  }
  const table = state.tables.get(object) ?? no(32000, `object ${object} does not exist`)
  const ids = only('_id') ?? only(SOURCE_ID)?.flatMap((source) => table.bySource.get(source) ?? []) ?? table.rows.keys()
  const rows: Row[] = []
  for (const id of ids) {
    const held = table.rows.get(id)
    if (visible(held)) rows.push(heldRow(table.def, held))
  }
  return rows
}

const wholeAt = (of: Json | undefined, name: string, fallback: number): number => {
  const text = textOf(member(of, name) ?? null)
  if (text === null) return fallback
  return /^\d{1,9}$/.test(text) ? Number(text) : no(32000, `${name} is no whole number`)
}

/** `data.search_query_info`: filters that all hold, an order, and a page of at most 100 within the first 10,000. */
const search = (state: State, data: JsonObject, seenBy: number): Found => {
  const object = wordAt(data, 'dataObjectApiName')
  const info = objectAt(data, 'search_query_info')
  const [limit, offset] = [wholeAt(info, 'limit', 20), wholeAt(info, 'offset', 0)]
  if (limit < 1 || limit > 100) no(32000, `limit ${limit} is not within 1 and 100`)
  if (offset % limit !== 0) no(32000, `offset ${offset} is no multiple of limit ${limit}`)
  if (offset > 10_000) no(10013, 'offset out of range 10000')
  const filters = (Array.isArray(info.filters) ? info.filters : []).map((one): Filter => {
    const values = member(one, 'field_values')
    if (!Array.isArray(values)) return no(32000, 'field_values is no list')
    return {
      name: wordAt(one, 'field_name'),
      operator: wordAt(one, 'operator'),
      values: values.map((value) => textOf(value) ?? ''),
    }
  })
  let rows = candidates(state, object, filters, seenBy)
  // Cheap ones first: a record is read only where it has to be.
  const cheap = (one: Filter): boolean => one.name === '_id' || one.name === 'last_modified_time'
  for (const filter of [...filters.filter(cheap), ...filters.filter((one) => !cheap(one))])
    rows = rows.filter((row) => passes(filter, fieldOf(row, filter.name)))
  for (const one of (Array.isArray(info.orders) ? info.orders : []).toReversed()) {
    const name = wordAt(one, 'fieldName')
    const turn = textOf(member(one, 'isAsc') ?? null) === 'false' ? -1 : 1
    rows.sort((a, b) => turn * order(fieldOf(a, name) ?? '', fieldOf(b, name) ?? ''))
  }
  const page = rows.slice(offset, offset + limit)
  const list = page.map((row) => JSON.stringify(row.read())).join(',')
  return {
    code: '0',
    message: 'OK',
    data: `{"dataList":[${list}],"offset":${offset},"limit":${limit},"total":0}`,
    id: null,
    change: null,
    ids: page.map((row) => row.id),
    total: rows.length,
  }
}

const refused = (error: unknown): Found => {
  if (!(error instanceof No)) throw error
  return { code: String(error.code), message: error.message, data: null, id: null, change: null, ids: [], total: 0 }
}

/** The guide's body for a write of this API: names sit elsewhere, rows of details are the same. */
const guideBody = (data: JsonObject): { object: string; text: string } => {
  const given = objectAt(data, 'object_data')
  const object = wordAt(given, 'dataObjectApiName')
  const { dataObjectApiName: _object, object_describe_api_name: _describe, ...master } = given
  const details = member(data, 'details')
  if (details !== undefined && details !== null && !isJsonObject(details)) no(32000, 'details is not an object')
  const body: JsonObject = { objAPIName: object, masterFieldVal: numbered(object, master) }
  if (isJsonObject(details)) body.detailFieldVals = details
  return { object, text: JSON.stringify(body) }
}

/** Numbers travel as texts here; what is kept are numbers, as the other face shows them. */
const numbered = (object: string, master: JsonObject): JsonObject => {
  const fields = objectsOf.crm.get(object)?.fields
  const out: JsonObject = {}
  for (const [name, value] of Object.entries(master)) {
    const isNumber = fields?.get(name)?.kind === 'decimal' && typeof value === 'string' && numberText.test(value)
    out[name] = isNumber ? exactNumber(value) : value
  }
  return out
}

const typeOf: Record<Field['kind'], string> = {
  text: 'text',
  date: 'date',
  decimal: 'number',
  option: 'select_one',
  reference: 'object_reference',
}

const describeField = (field: Field): JsonObject => ({
  api_name: field.name,
  label: field.name,
  type: typeOf[field.kind],
  is_required: field.required ?? false,
  is_unique: false,
  is_active: true,
  ...(field.kind === 'option' && { options: field.options.map((value) => ({ label: `Level ${value}`, value })) }),
  ...(field.kind === 'reference' && { target_api_name: field.to }),
})

const describe = (name: string): JsonObject => {
  const link = masterFields[name]
  const def = objectsOf.crm.get(name)
  const declared = def?.fields ?? (link && objectsOf.crm.get(link.master)?.details.get(name)?.fields)
  if (!declared) return no(32000, `object ${name} does not exist`)
  const own = (api_name: string, type: string, more: JsonObject = {}): JsonObject => ({
    api_name,
    label: api_name,
    type,
    is_required: false,
    is_unique: false,
    is_active: true,
    ...more,
  })
  const fields = [
    own('_id', 'text'),
    own('last_modified_time', 'date_time'),
    own(SOURCE_ID, 'text', { is_unique: true }),
    own('life_status', 'select_one', {
      options: ['normal', 'invalid'].map((value) => ({ label: value, value })),
    }),
    ...[...declared.values()].map(describeField),
    ...(link ? [own(link.field, 'master_detail', { target_api_name: link.master })] : []),
  ]
  return {
    api_name: name,
    display_name: name,
    fields: Object.fromEntries(fields.map((field) => [textOf(field.api_name) ?? '', field])),
  }
}

export const openFace = (deps: { side: Side; token: string; now: () => number; enterprise?: string }): Face => {
  const { side, now } = deps
  const enterprise = deps.enterprise ?? 'sandbox'
  let options = { ...faceDefaults }
  let token: { value: string; from: number } | null = null
  let former: { value: string; ends: number } | null = null
  let grants: number[] = []
  let day = 0
  let usedToday = 0
  const starts = new Map<string, number[]>()
  const taken = new Map<string, number>()
  const refusals = new Map<string, number>()
  const traces = new Set<string>()

  const count = (into: Map<string, number>, name: string): void => void into.set(name, (into.get(name) ?? 0) + 1)
  const traceId = (): string => `E-O.${enterprise}.1000-${randomBytes(6).toString('hex')}`
  const answer = (code: number, message: string, more = ''): Told => ({
    status: 200,
    body: `{"traceId":${JSON.stringify(traceId())},"errorDescription":${JSON.stringify(code === 0 ? 'success' : message)},"errorMessage":${JSON.stringify(code === 0 ? 'OK' : message)},"errorCode":${code}${more}}`,
  })

  const grant = (body: JsonObject): Reply => {
    const at = now()
    grants = grants.filter((one) => one > at - 60_000)
    if (grants.length >= 10) no(14001, 'more than 10 tokens asked for in a minute')
    grants.push(at)
    for (const name of ['appId', 'permanentCode']) wordAt(body, name)
    if (textOf(body.grantType ?? null) !== 'app_secret') no(10006, 'the parameter grantType is missing or illegal')
    if (textOf(body.appSecret ?? null) !== deps.token) no(10006, 'the parameter appSecret is missing or illegal')
    // Asked for again within its first eleven twelfths, the same one is told.
    if (!token || at >= token.from + (options.tokenMs * 11) / 12) {
      if (token) former = { value: token.value, ends: token.from + options.tokenMs }
      token = { value: randomBytes(20).toString('hex'), from: at }
    }
    const expiresIn = Math.floor((token.from + options.tokenMs - at) / 1000)
    const grown = `,"accessToken":${JSON.stringify(token.value)},"expiresIn":${expiresIn},"ea":${JSON.stringify(enterprise)},"appId":${JSON.stringify(textOf(body.appId ?? null))}`
    return answer(0, 'OK', grown)
  }

  const checkCaller = ({ authorization, enterprise: ea, user }: FaceRequest): void => {
    if (authorization === null) no(20017, 'corpAccessToken is missing')
    const given = /^Bearer (\S+)$/.exec(authorization ?? '')?.[1]
    const at = now()
    const living = token && at < token.from + options.tokenMs && token.value === given
    const late = former && at < former.ends && former.value === given
    if (!living && !late) no(20016, 'the corpId, corpAccessToken or authorization is error')
    if (ea !== enterprise) no(20016, 'the corpId, corpAccessToken or authorization is error')
    if (!user) no(20012, 'x-fs-userid is missing')
  }

  const checkRate = (name: string): void => {
    const at = now()
    if (dayOf(at) !== day) {
      day = dayOf(at)
      usedToday = 0
    }
    if (options.perDay !== null && usedToday >= options.perDay) {
      count(refusals, `${name} 30002`)
      no(30002, 'the calls of today are used up')
    }
    const window = (starts.get(name) ?? []).filter((one) => one > at - options.windowMs)
    starts.set(name, window)
    if (window.length >= options.calls) {
      count(refusals, `${name} 30004`)
      no(30004, `more than ${options.calls} calls of ${name} in ${options.windowMs} ms`)
    }
    window.push(at)
    usedToday++
    count(taken, name)
  }

  const checkTrace = (given: string | null): void => {
    if (!given) return no(32000, 'thirdTraceId is missing')
    if (traces.has(given)) return no(32000, `thirdTraceId ${given} was used before`)
    traces.add(given)
    for (const old of traces) {
      if (traces.size <= 20_000) break
      traces.delete(old)
    }
  }

  /** The other face's answer in this API's shape; what a fault made of it stays as it is. */
  const turned = (reply: Reply, whole: (data: Json) => string): Reply => {
    if (reply.body === null) return reply
    if (reply.status === 429) return { ...answer(30004, 'too many calls'), ...(reply.shift && { shift: reply.shift }) }
    let read: Json
    try {
      read = readJson(reply.body)
    } catch {
      return reply
    }
    const code = textOf(member(read, 'code') ?? null)
    if (code === null || reply.status !== 200) return reply
    const told =
      code === '0'
        ? answer(0, 'OK', whole(member(read, 'data') ?? null))
        : answer(/^-?\d+$/.test(code) ? Number(code) : 32000, textOf(member(read, 'message') ?? null) ?? code)
    return reply.shift === undefined ? told : { ...told, shift: reply.shift }
  }

  const arrival = (request: FaceRequest, more: Partial<Arrival> & Pick<Arrival, 'call'>): Arrival => ({
    token: deps.token,
    headerId: null,
    headerObject: null,
    operationType: null,
    key: null,
    requestId: request.requestId,
    text: null,
    query: new URLSearchParams(),
    ...more,
  })

  const written = (withDetails: boolean) => (data: Json) => {
    const id = `,"dataId":${JSON.stringify(textOf(member(data, 'masterDataId') ?? null))}`
    const details = member(data, 'detailDataIds')
    return withDetails && isJsonObject(details) ? `${id},"detailIds":${JSON.stringify(details)}` : id
  }

  const call = (name: string, request: FaceRequest, body: JsonObject, send: (reply: Reply) => void): Promise<void> => {
    const data = objectAt(body, 'data')
    switch (name) {
      case 'create':
      case 'update': {
        const { object, text } = guideBody(data)
        const details = textOf(body.includeDetailIds ?? null) === 'true'
        const turn = (reply: Reply): void => send(turned(reply, written(details)))
        return side.handle(arrival(request, { call: name, headerObject: object, text }), turn)
      }
      case 'invalid': {
        const asked = { headerObject: wordAt(data, 'dataObjectApiName'), headerId: wordAt(data, 'object_data_id') }
        const turn = (reply: Reply): void => send(turned(reply, () => ''))
        return side.handle(arrival(request, { call: 'invalid', ...asked, operationType: '3', text: '' }), turn)
      }
      case 'get': {
        const object = wordAt(data, 'dataObjectApiName')
        const query = new URLSearchParams({ objAPIName: object, dataId: wordAt(data, 'objectDataId') })
        const turn = (reply: Reply): void => {
          let gone = false
          const found = turned(reply, (record) => {
            const fields = member(record, 'masterFieldVal')
            const def = objectsOf.crm.get(object)
            gone = !isJsonObject(fields) || !def
            return isJsonObject(fields) && def ? `,"data":${JSON.stringify(shown(fields, def.fields, object))}` : ''
          })
          send(gone ? answer(404002, `${object} has no such record`) : found)
        }
        return side.handle(arrival(request, { call: 'queryMasterById', query }), turn)
      }
      default: {
        const query = new URLSearchParams({
          objAPIName: textOf(data.dataObjectApiName ?? null) ?? '',
          search: JSON.stringify(data.search_query_info ?? null),
        })
        const find = (state: State, at: number): Found => {
          try {
            return search(state, data, at - options.indexMs)
          } catch (error) {
            return refused(error)
          }
        }
        const turn = (reply: Reply): void => send(turned(reply, (found) => `,"data":${JSON.stringify(found)}`))
        return side.handle(arrival(request, { call: 'queryMasterBatch', query, find }), turn)
      }
    }
  }

  const route = async (request: FaceRequest, send: (reply: Reply) => void): Promise<void> => {
    let body: Json
    try {
      body = readJson(request.text ?? '')
    } catch {
      return send(answer(12004, 'the body is not JSON'))
    }
    if (!isJsonObject(body)) return send(answer(12004, 'the body is not an object'))
    checkTrace(request.query.get('thirdTraceId'))
    if (request.path === 'oauth2.0/token') return send(grant(body))
    checkCaller(request)
    const name =
      dataPath.exec(request.path)?.[1] ?? /^cgi\/crm\/v2\/object\/(describe|list)$/.exec(request.path)?.[1] ?? null
    if (name === null) return send(answer(15003, `no such interface: ${request.path}`))
    checkRate(name)
    if (name === 'list') {
      const objects = [...objectsOf.crm.keys(), ...Object.keys(masterFields)].map((one) => ({
        describeApiName: one,
        describeDisplayName: one,
        isActive: true,
      }))
      return send(answer(0, 'OK', `,"data":{"objects":${JSON.stringify(objects)}}`))
    }
    if (name === 'describe') {
      const described = describe(wordAt(objectAt(body, 'data'), 'apiName'))
      return send(answer(0, 'OK', `,"data":{"describe":${JSON.stringify(described)}}`))
    }
    return call(name, request, body, send)
  }

  return {
    async handle(request, send) {
      try {
        await route(request, send)
      } catch (error) {
        if (!(error instanceof No)) throw error
        send(answer(error.code, error.message))
      }
    },
    view: () => ({
      ...options,
      usedToday,
      taken: Object.fromEntries(taken),
      refused: Object.fromEntries(refusals),
      grants: grants.length,
    }),
    set(given) {
      if (!isJsonObject(given)) return 'an object is expected'
      const { endToken, ...rest } = given
      for (const [name, value] of Object.entries(rest)) {
        if (!Object.hasOwn(faceDefaults, name))
          return `${name} is none of ${Object.keys(faceDefaults).join(', ')}, endToken`
        const fits = (value === null && name === 'perDay') || (typeof value === 'number' && value >= 0)
        if (!fits) return `${name} is no number`
      }
      options = { ...options, ...(rest as Partial<FaceOptions>) }
      if (endToken === true) {
        token = null
        former = null
      }
      return null
    },
  }
}
