/** The rejected rows of a batch as CSV, beside their reasons: to be corrected and sent again. */
import { stringify } from 'csv-stringify/sync'
import { LosslessNumber, parse } from 'lossless-json'
import type { Locale, Sentences } from '../../protocol/codes.ts'
import { to } from '../../protocol/codes.ts'
import type { Fields, Json } from '../doc/document.ts'
import type { ObjectDef } from '../doc/object.ts'
import { textOf } from '../map/text.ts'

export interface RejectedRow {
  key: string
  reasons: string[]
  /** The row's own JSON, as it was sent. */
  body: Buffer | null
}

const head: Record<'row' | 'reasons', Sentences> = {
  row: to('行', '列', 'row', '行'),
  reasons: to('原因', '原因', 'reasons', '理由'),
}

const cell = (value: Json | undefined): string => {
  if (value === undefined || value === null) return ''
  return (
    (Array.isArray(value) ? undefined : textOf(value)) ??
    JSON.stringify(value, (_, one: unknown) => (one instanceof LosslessNumber ? one.value : one))
  )
}

/** Columns are the object's fields by code, then whatever else the rows hold. A cell that a spreadsheet would calculate is escaped. */
export const rejectedCsv = (rows: readonly RejectedRow[], def: ObjectDef | undefined, locale: Locale): string => {
  const parsed = rows.map((row) => ({ ...row, fields: row.body ? (parse(row.body.toString()) as Fields) : {} }))
  const columns = new Set(def?.fields.map(({ code }) => code))
  for (const { fields } of parsed) for (const code of Object.keys(fields)) columns.add(code)
  return stringify(
    [
      [head.row[locale], head.reasons[locale], ...columns],
      ...parsed.map(({ key, reasons, fields }) => [
        key,
        reasons.join('; '),
        ...[...columns].map((code) => cell(fields[code])),
      ]),
    ],
    { bom: true, escape_formulas: true },
  )
}
