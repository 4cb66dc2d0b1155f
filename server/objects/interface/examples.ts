/** Example values of a declared object: each as its system would write it. Pure. */
import { LosslessNumber } from 'lossless-json'
import type { DetailDef, FieldDef, ObjectDef } from '../../doc/object.ts'
import { momentsOf } from '../../map/moment.ts'
import { utc, zoneOf } from '../../map/zone.ts'

export type Example = string | number | boolean | string[]
export type ExampleFields = { [field: string]: Example }

/** Stand for what only the real record can say; whoever runs an example puts his own there. */
export const exampleIds = { record: 'ID-1', row: 'ROW-1', other: 'OTHER-1', referred: 'REF-1' } as const

const moment = Date.UTC(2026, 0, 31, 8, 0, 0)

const when = (field: FieldDef, kind: 'date' | 'datetime', zone: string): Example => {
  const place = zoneOf(field.zone ?? zone) ?? utc
  const written = momentsOf(field.format, place, kind)?.write(moment, false)
  if (written instanceof LosslessNumber) return Number(written.value)
  return typeof written === 'string' ? written : String(moment)
}

/** Cut to `length`, which counts bytes. */
const fitting = (text: string, length: number | undefined): string => {
  let fits = text
  while (length !== undefined && Buffer.byteLength(fits) > length) fits = fits.slice(0, -1)
  return fits
}

export const exampleOf = (field: FieldDef, zone: string): Example => {
  const [option] = field.options ?? []
  switch (field.type) {
    case 'text':
      return fitting(field.name || field.code, field.length)
    case 'decimal':
      return 1234.5
    case 'integer':
      return 10
    case 'bool':
      return true
    case 'date':
    case 'datetime':
      return when(field, field.type, zone)
    case 'select':
      return option?.value ?? fitting('A', field.length)
    case 'multiselect':
      return [option?.value ?? 'A']
    case 'reference':
      return exampleIds.referred
    case 'person':
    case 'department':
    case 'attachment':
      return fitting(`${field.type.toUpperCase()}-1`, field.length)
  }
}

/** Fields that the system gives itself are no part of what it is sent. */
export const ownFields = (object: ObjectDef): Set<string> =>
  new Set([object.idField, object.modifiedField, object.voidedWhen?.field].filter((one) => one !== undefined))

/** `write`: what a create sends. `read`: what the system answers of it, with its id and its own fields. */
export const exampleMaster = (object: ObjectDef, zone: string, as: 'write' | 'read'): ExampleFields => {
  const own = ownFields(object)
  const master: ExampleFields = {}
  if (as === 'read') master[object.idField] = exampleIds.record
  for (const field of object.fields) {
    if (field.code === object.idField || field.code === object.voidedWhen?.field) continue
    if (as === 'write' && own.has(field.code)) continue
    master[field.code] = field.code === object.externalIdField ? exampleIds.other : exampleOf(field, zone)
  }
  if (object.externalIdField && as === 'write') master[object.externalIdField] = exampleIds.other
  return master
}

const exampleRow = (detail: DetailDef, zone: string, as: 'write' | 'read'): ExampleFields => ({
  ...(detail.idField && as === 'read' && { [detail.idField]: exampleIds.row }),
  ...Object.fromEntries(
    detail.fields
      .filter((field) => field.code !== detail.idField)
      .map((field) => [field.code, field.code === detail.externalIdField ? exampleIds.other : exampleOf(field, zone)]),
  ),
})

/** A record in the standard shape, as it stands in requests and answers (contracts.md section 2). */
export const exampleRecord = (object: ObjectDef, zone: string, as: 'write' | 'read') => ({
  objAPIName: object.apiName,
  masterFieldVal: exampleMaster(object, zone, as),
  ...(object.details.length > 0 && {
    detailFieldVals: Object.fromEntries(
      object.details.map((detail) => [detail.apiName ?? detail.code, [exampleRow(detail, zone, as)]]),
    ),
  }),
})
