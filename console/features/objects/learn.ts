/** Learns the fields of an object from a pasted sample: the guide's standard body, a cURL with one, an answer of a query, or a bare record. Pure. */

export type FieldType = 'text' | 'decimal' | 'integer' | 'bool' | 'date' | 'datetime'

export interface Learned {
  code: string | null
  fields: Record<string, FieldType>
  details: Record<string, Record<string, FieldType>>
}

type Record_ = Record<string, unknown>
const isRecord = (value: unknown): value is Record_ =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

const typeOf = (value: unknown): FieldType => {
  if (typeof value === 'boolean') return 'bool'
  if (typeof value === 'number') return Number.isInteger(value) && Math.abs(value) < 1e9 ? 'integer' : 'decimal'
  const text = String(value ?? '')
  if (/^\d{4}-\d{2}-\d{2}$/.test(text)) return 'date'
  if (/^\d{4}-\d{2}-\d{2}[ T]\d{2}:\d{2}/.test(text)) return 'datetime'
  return 'text'
}

const fieldsOf = (rows: readonly Record_[]): Record<string, FieldType> => {
  const fields: Record<string, FieldType> = {}
  for (const row of rows)
    for (const [name, value] of Object.entries(row)) {
      if (value === null || typeof value === 'object') continue
      const type = typeOf(value)
      const before = fields[name]
      // two samples that disagree: the wider of both
      fields[name] =
        before === undefined || before === type
          ? type
          : [before, type].every((one) => one === 'integer' || one === 'decimal')
            ? 'decimal'
            : 'text'
    }
  return fields
}

/** The body of `curl … -d '…'`, or the text itself. */
const bodyOf = (text: string): string => {
  const given = /(?:--data(?:-raw|-binary)?|-d)\s+(?:'((?:[^']|'\\'')*)'|"((?:[^"\\]|\\.)*)")/.exec(text)
  if (!/^\s*curl\s/.test(text) || !given) return text
  return given[1] !== undefined ? given[1].replaceAll(`'\\''`, `'`) : (given[2] ?? '').replaceAll(/\\(["\\$`])/g, '$1')
}

const recordIn = (value: unknown): Record_ | null => {
  if (Array.isArray(value)) return recordIn(value[0])
  if (!isRecord(value)) return null
  if (isRecord(value.masterFieldVal)) return value
  for (const name of ['data', 'dataList', 'list', 'rows', 'result', 'records']) {
    const inner = value[name]
    if (isRecord(inner) || (Array.isArray(inner) && isRecord(inner[0]))) {
      const found = recordIn(inner)
      if (found) return found
    }
  }
  return value
}

/** A sentence's key where nothing can be learnt. */
export const learn = (text: string): Learned | 'object.noJson' | 'object.noFields' => {
  let value: unknown
  try {
    value = JSON.parse(bodyOf(text))
  } catch {
    return 'object.noJson'
  }
  const record = recordIn(value)
  if (!record) return 'object.noFields'
  const isStandard = isRecord(record.masterFieldVal)
  const master = isStandard ? (record.masterFieldVal as Record_) : record
  const given = isStandard ? (isRecord(record.detailFieldVals) ? record.detailFieldVals : {}) : master
  const details: Learned['details'] = {}
  for (const [name, rows] of Object.entries(given))
    if (Array.isArray(rows) && rows.some(isRecord)) details[name] = fieldsOf(rows.filter(isRecord))
  const fields = fieldsOf([master])
  if (Object.keys(fields).length === 0 && Object.keys(details).length === 0) return 'object.noFields'
  return { code: typeof record.objAPIName === 'string' ? record.objAPIName : null, fields, details }
}

/** What is declared already stays as it is; what is new is added. Pure. */
export const withLearned = (object: Record_, learned: Learned): Record_ => {
  const add = (fields: unknown, more: Record<string, FieldType>) => ({ ...more, ...(isRecord(fields) ? fields : {}) })
  const before = (Array.isArray(object.details) ? object.details : []) as Record_[]
  const kept = before.map((one) => {
    const more = learned.details[String(one.code)]
    return more ? { ...one, fields: add(one.fields, more) } : one
  })
  const fresh = Object.entries(learned.details)
    .filter(([code]) => !before.some((one) => one.code === code))
    .map(([code, fields]) => ({ code, fields }))
  const details = [...kept, ...fresh]
  return { ...object, fields: add(object.fields, learned.fields), ...(details.length > 0 && { details }) }
}
