/** What a function answered, held against what a document is; and documents as rows for the door's statement. Pure. */
import { scan } from '../../protocol/scan.ts'
import { cut, digest, emptyCut, partsOf, wantedOf } from '../../protocol/standard.ts'
import { sourceTime } from '../../protocol/time.ts'
import { isFields, parseJson, textOf, writeFields, writeJson } from '../connect/standard/body.ts'
import type { Arrival, Fields, Json, Operation } from '../doc/document.ts'
import type { ObjectDef } from '../doc/object.ts'
import type { Made } from './readers.ts'

export type Judged = { made: Made[] } | { wrong: string; field?: string }

const wrong = (said: string, field?: string): { wrong: string; field?: string } => ({
  wrong: said,
  ...(field !== undefined && { field }),
})

const operationOf = (value: Json | undefined): Operation | null | undefined => {
  if (value === undefined || value === null) return null
  return textOf(value) === '3' ? 'void' : undefined
}

const known = new Set(['id', 'operationType', 'objAPIName', 'masterFieldVal', 'detailFieldVals'])

const madeOf = (one: Json, at: string): Made | { wrong: string; field?: string } => {
  if (!isFields(one)) return wrong('is no document {id, masterFieldVal, detailFieldVals?}', at)
  const id = textOf(one.id)
  if (id === null || typeof one.id === 'boolean' || id === '')
    return wrong('is no id: text or a number is wanted', `${at}.id`)
  const operation = operationOf(one.operationType)
  if (operation === undefined) return wrong('is no operationType: 3 or nothing', `${at}.operationType`)
  const strange = Object.keys(one).find((key) => !known.has(key))
  if (strange !== undefined) return wrong('is no member of a document', `${at}.${strange}`)
  const { masterFieldVal: master, detailFieldVals: given } = one
  const none = master === undefined || master === null
  if (none ? operation !== 'void' : !isFields(master)) return wrong('is no object', `${at}.masterFieldVal`)
  let details: Made['details'] = null
  if (given !== undefined && given !== null) {
    if (!isFields(given)) return wrong('is no object', `${at}.detailFieldVals`)
    details = {}
    for (const [code, rows] of Object.entries(given)) {
      if (!Array.isArray(rows) || !rows.every(isFields))
        return wrong('is no list of objects', `${at}.detailFieldVals.${code}`)
      details[code] = rows as Fields[]
    }
  }
  return { id, operation, fields: none ? null : (master as Fields), details }
}

/** The JSON text that a receive function answered: a list of 0..n documents. */
export const judge = (output: string): Judged => {
  const parsed = parseJson(output)
  if ('wrong' in parsed) return wrong(parsed.wrong)
  const [flaw] = parsed.flaws
  if (flaw) return wrong(flaw.said)
  if (!Array.isArray(parsed.value)) return wrong('is no list of documents', 'result')
  const made: Made[] = []
  for (const [i, one] of parsed.value.entries()) {
    const judged = madeOf(one, `result[${i}]`)
    if ('wrong' in judged) return judged
    made.push(judged)
  }
  return { made }
}

/** Two documents with one id in one result: the last wins (contracts.md section 1). */
export const lastOfEach = (made: readonly Made[]): Made[] => [...new Map(made.map((one) => [one.id, one])).values()]

export interface From {
  seq: number
  tenant_id: string
  connection_id: string
  operation: Operation
  trace_id: string
}

// oxlint-disable-next-line no-control-regex
const unprintable = /[\u0000-\u001f\u007f]/

/** One document as a row, through the same scanner and the same hashes as a standard push. */
export const arrivalOf = (
  made: Made,
  from: From,
  def: ObjectDef,
  zone: string,
): { row: Arrival } | { wrong: string; field?: string } => {
  const { id } = made
  if ([...id].length > 128 || unprintable.test(id) || !id.isWellFormed())
    return wrong('is no id of 1 to 128 printable characters', 'id')
  const operation = made.operation ?? from.operation
  const raw = Buffer.from(
    `{"objAPIName":${JSON.stringify(def.code)}${made.fields ? `,"masterFieldVal":${writeFields(made.fields)}` : ''}${
      made.details ? `,"detailFieldVals":${writeJson(made.details)}` : ''
    }}`,
  )
  const scanned = scan(raw)
  if (!scanned.ok) return wrong(`cannot be stored (${scanned.defect.kind})`, scanned.defect.path ?? 'result')
  if (scanned.scan.reserved !== null) return wrong('is a reserved name', scanned.scan.reserved)
  const wanted = wantedOf(def)
  const parted = partsOf(scanned.scan, -1, '', operation === 'void' ? 'none' : 'both')
  if (!parted.ok) return wrong(`${parted.wrong.expected} is wanted`, parted.wrong.path)
  const pieces = made.fields ? cut(scanned.scan, parted.parts, wanted) : { ok: true as const, cut: emptyCut(wanted) }
  if (!pieces.ok) return wrong(`${pieces.wrong.expected} is wanted`, pieces.wrong.path)
  const { cut: c } = pieces
  const modified = def.fields.find((field) => field.code === def.modifiedField)
  const row: Arrival = {
    tenant_id: from.tenant_id,
    connection_id: from.connection_id,
    object: def.code,
    data_id: id,
    operation,
    channel: 'push',
    trace_id: from.trace_id,
    raw,
    master: c.master,
    details: c.details,
    detailsComplete: c.detailsComplete,
    masterHash: c.masterHash,
    detailsHash: c.detailsHash,
    source_time: c.modified === null ? null : sourceTime(c.modified, modified?.format, modified?.zone ?? zone),
    external_id: c.external,
    version: null,
    meta: JSON.stringify({ decodedFrom: from.seq }),
  }
  if (def.bodies?.push === 'partial' && operation === 'upsert') row.partial = true
  return { row }
}

/** Name of a function's code, for suspensions and worlds. */
export const codeHash = (code: string): string => digest(code).toString('hex').slice(0, 16)
