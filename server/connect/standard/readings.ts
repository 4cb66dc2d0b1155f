/** Records of section 2 as readings: the bytes as they came, the id, the modified time; what cannot be taken in is told alone. Pure. */
import type { Reading } from '../../doc/connector.ts'
import type { Content, Fields, Json } from '../../doc/document.ts'
import type { Fault } from '../../doc/fault.ts'
import type { ObjectDef } from '../../doc/object.ts'
import { idOf } from './answer.ts'
import { isFields, type Parsed, textOf, writeJson } from './body.ts'
import { detailNamed } from './rowids.ts'
import { instantOf } from './time.ts'

export type RecordRead = { reading: Reading } | { data_id: string | null; why: Fault }

/** `foreign`: whether a name is another declared object's. A missing `objAPIName` is accepted. */
export const readRecord = (
  record: Json,
  parsed: Parsed,
  object: ObjectDef,
  zone: string,
  foreign: (name: string) => boolean,
): RecordRead => {
  const bad = (said: string, data_id: string | null = null, field?: string): RecordRead => ({
    data_id,
    why: { code: 'read.contract', stage: 'read', said, ...(field ? { field } : null) },
  })
  if (!isFields(record)) return bad('a record is no object')
  const fields = record.masterFieldVal
  if (!isFields(fields)) return bad('a record has no masterFieldVal', null, 'masterFieldVal')
  const id = idOf(fields[object.idField])
  if (id === null) {
    return bad('a record has no id of 1 to 128 printable characters', null, `masterFieldVal.${object.idField}`)
  }
  if (foreign(textOf(record.objAPIName) ?? ''))
    return bad(`objAPIName is ${textOf(record.objAPIName)}`, id, 'objAPIName')
  const [start, end] = parsed.spans?.get(record) ?? [0, parsed.text.length]
  const flaw = parsed.flaws.find((one) => one.at >= start && one.at < end)
  if (flaw) return bad(flaw.said, id)

  const rawDetails = record.detailFieldVals
  const details: Content['detailFieldVals'] = {}
  /** Some name or value had to be put right, so the bytes are written anew. */
  let mended = false
  if (rawDetails !== undefined && rawDetails !== null) {
    if (!isFields(rawDetails)) return bad('detailFieldVals is no object', id, 'detailFieldVals')
    for (const name in rawDetails) {
      const rows = rawDetails[name]
      const code = detailNamed(object, name)?.code ?? name
      // A detail that is null was not spoken of.
      if (rows === null || rows === undefined || code !== name) mended = true
      if (rows === null || rows === undefined) continue
      if (!Array.isArray(rows) || !rows.every(isFields))
        return bad('the rows of a detail are no list of objects', id, name)
      if (Object.hasOwn(details, code)) return bad(`detail ${code} comes twice`, id, name)
      details[code] = rows as Fields[]
    }
  }

  const slice = (value: Json): Buffer => {
    const [from, to] = parsed.spans?.get(value) ?? [0, 0]
    return to > from ? Buffer.from(parsed.text.slice(from, to)) : Buffer.from(writeJson(value))
  }
  const modified = object.modifiedField
  return {
    reading: {
      data_id: id,
      master: slice(fields),
      details: !isFields(rawDetails) ? null : mended ? Buffer.from(writeJson(details)) : slice(rawDetails),
      document: {
        content: { masterFieldVal: fields, detailFieldVals: details },
        source_time: modified
          ? instantOf(
              fields[modified],
              object.fields.find((field) => field.code === modified),
              zone,
            )
          : null,
      },
    },
  }
}

/** The other side's id that a record carries, empty as null. */
export const externalIdOf = (content: Content, object: ObjectDef): string | null =>
  (object.externalIdField && textOf(content.masterFieldVal[object.externalIdField])) || null
