/** The Open API v2 on the wire: paths, bodies, and records as it shows them (contracts.md section 3). Pure. */
import { LosslessNumber } from 'lossless-json'
import type { Reading } from '../../doc/connector.ts'
import type { Content, Fields, Json } from '../../doc/document.ts'
import type { Fault } from '../../doc/fault.ts'
import type { FxiaokeDef, Outgoing } from '../../doc/flow.ts'
import type { DetailDef, FieldDef, ObjectDef } from '../../doc/object.ts'
import { idOf } from '../standard/answer.ts'
import { isFields, type Parsed, quote, writeFields, writeJson } from '../standard/body.ts'
import { detailNamed } from '../standard/rowids.ts'
import { instantOf } from '../standard/time.ts'

export type Interface = 'create' | 'update' | 'get' | 'query' | 'invalid' | 'describe' | 'list'

export const wireName = (named: { apiName?: string; code: string }): string => named.apiName || named.code

/** Objects whose names end in `__c` were made by the customer and have paths of their own. */
export const pathOf = (name: Interface, object: string): string =>
  name === 'describe' || name === 'list'
    ? `cgi/crm/v2/object/${name}`
    : `cgi/crm/${object.endsWith('__c') ? 'custom/' : ''}v2/data/${name}`

/** Numbers and amounts travel as texts there; dates are numbers. */
const sent = (fields: readonly FieldDef[]) => {
  const numeric = new Set(fields.filter(({ type }) => type === 'decimal' || type === 'integer').map(({ code }) => code))
  return (values: Fields): Fields => {
    const out: Fields = {}
    for (const [name, value] of Object.entries(values))
      out[name] = numeric.has(name) && value instanceof LosslessNumber ? value.value : value
    return out
  }
}

/** The exact bytes of a create or update. What is named twice (the id, the external id) is ours to say. */
export const writeBody = (object: ObjectDef, outgoing: Outgoing, said: FxiaokeDef): Buffer => {
  const extra: Fields = { dataObjectApiName: wireName(object) }
  if (outgoing.targetId !== null) extra[object.idField] = outgoing.targetId
  const field = object.externalIdField
  if (field && field !== object.idField && outgoing.content.masterFieldVal[field] === undefined)
    extra[field] = outgoing.sourceId
  const details = Object.entries(outgoing.content.detailFieldVals).map(([code, rows]) => {
    const detail = detailNamed(object, code)
    const name = detail ? wireName(detail) : code
    return `${quote(name)}:${writeJson(rows.map(sent(detail?.fields ?? [])))}`
  })
  const master = writeFields(sent(object.fields)(outgoing.content.masterFieldVal), extra)
  return Buffer.from(
    `{"triggerWorkFlow":${said.triggerWorkFlow},"triggerApprovalFlow":${said.triggerApprovalFlow},"includeDetailIds":true,` +
      `"data":{"object_data":${master}${details.length ? `,"details":{${details.join(',')}}` : ''}}}`,
  )
}

export const voidBody = (object: ObjectDef, id: string): Buffer =>
  Buffer.from(`{"data":{"dataObjectApiName":${quote(wireName(object))},"object_data_id":${quote(id)}}}`)

export const getBody = (object: ObjectDef, id: string): Buffer =>
  Buffer.from(`{"data":{"dataObjectApiName":${quote(wireName(object))},"objectDataId":${quote(id)}}}`)

export interface Filter {
  field: string
  operator: 'EQ' | 'IN' | 'GT' | 'GTE' | 'LT'
  values: readonly string[]
}

export interface Search {
  /** Its name on the wire. */
  object: string
  filters: readonly Filter[]
  orderBy: string
  offset: number
  limit: number
}

/** Totals are never asked for: they are counted on each call, and nobody here believes them. */
export const queryBody = ({ object, filters, orderBy, offset, limit }: Search): Buffer => {
  const list = filters.map(({ field, operator, values }) => ({
    field_name: field,
    operator,
    field_values: values,
  }))
  return Buffer.from(
    JSON.stringify({
      returnTotalNum: 3,
      data: {
        dataObjectApiName: object,
        find_explicit_total_num: false,
        search_query_info: { limit, offset, filters: list, orders: [{ fieldName: orderBy, isAsc: true }] },
      },
    }),
  )
}

/** What was sent, from its stored bytes. */
export const sentContent = (object: ObjectDef, parsed: Json): Content | null => {
  const data = isFields(parsed) ? parsed.data : undefined
  const master = isFields(data) ? data.object_data : undefined
  if (!isFields(data) || !isFields(master)) return null
  const { dataObjectApiName: _name, ...masterFieldVal } = master
  const detailFieldVals: Content['detailFieldVals'] = {}
  for (const [name, rows] of Object.entries(isFields(data.details) ? data.details : {}))
    if (Array.isArray(rows)) detailFieldVals[detailNamed(object, name)?.code ?? name] = rows.filter(isFields)
  return { masterFieldVal, detailFieldVals }
}

/** Details that can be read back: those that say which of their fields names the master. */
export const readableDetails = (object: ObjectDef): (DetailDef & { masterField: string })[] =>
  object.details.filter((one): one is DetailDef & { masterField: string } => one.masterField !== undefined)

export type RowRead = { id: string; fields: Fields; bytes: Buffer } | { data_id: string | null; why: Fault }

/** One record of an answer: a flat map of its fields. */
export const readRow = (row: Json, parsed: Parsed, idField: string): RowRead => {
  const bad = (said: string, data_id: string | null = null): RowRead => ({
    data_id,
    why: { code: 'read.contract', stage: 'read', said },
  })
  if (!isFields(row)) return bad('a record is no object')
  const id = idOf(row[idField])
  if (id === null) return bad(`a record has no ${idField} of 1 to 128 printable characters`)
  const [start, end] = parsed.spans?.get(row) ?? [0, 0]
  const flaw = parsed.flaws.find((one) => one.at >= start && one.at < end)
  if (flaw) return bad(flaw.said, id)
  const bytes = end > start ? Buffer.from(parsed.text.slice(start, end)) : Buffer.from(writeJson(row))
  return { id, fields: row, bytes }
}

export const readingOf = (
  object: ObjectDef,
  row: { id: string; fields: Fields; bytes: Buffer },
  details: Content['detailFieldVals'],
  zone: string,
): Reading => {
  const modified = object.modifiedField
  const declared = object.fields.find((field) => field.code === modified)
  return {
    data_id: row.id,
    master: row.bytes,
    details: Object.keys(details).length ? Buffer.from(writeJson(details)) : null,
    document: {
      content: { masterFieldVal: row.fields, detailFieldVals: details },
      source_time: modified ? instantOf(row.fields[modified], declared, zone) : null,
    },
  }
}
