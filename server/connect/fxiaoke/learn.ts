/** An object as the Open API describes it, in the words of our field dictionary: fields, types, options, references. Pure. */
import type { Fields, Json } from '../../doc/document.ts'
import type { DetailDef, FieldDef, FieldType, ObjectDef } from '../../doc/object.ts'
import { isFields, textOf } from '../standard/body.ts'

/** Kinds of field that the CRM computes, links or draws; what they show is text. */
const types: Readonly<Record<string, FieldType>> = {
  number: 'decimal',
  currency: 'decimal',
  percentile: 'decimal',
  true_or_false: 'bool',
  date: 'date',
  date_time: 'datetime',
  select_one: 'select',
  record_type: 'select',
  select_many: 'multiselect',
  object_reference: 'reference',
  master_detail: 'reference',
  employee: 'person',
  employee_many: 'person',
  department: 'department',
  department_many: 'department',
  file_attachment: 'attachment',
  image: 'attachment',
  signature: 'attachment',
}

export interface Described {
  code: string
  name: string
  fields: FieldDef[]
  /** Fields whose values the CRM keeps unique: where our id is best kept. */
  unique: string[]
  /** Field that names the master, and the master's code. */
  master: { field: string; object: string } | null
}

const optionsOf = (given: Json | undefined): FieldDef['options'] => {
  if (!Array.isArray(given)) return undefined
  const options = given.flatMap((one) => {
    const value = isFields(one) ? textOf(one.value) : null
    if (value === null || !isFields(one) || textOf(one.not_usable) === 'true') return []
    const label = textOf(one.label)
    return [{ value, ...(label !== null && { label }) }]
  })
  return options.length ? options : undefined
}

const fieldOf = (code: string, given: Fields): FieldDef => {
  const type = types[textOf(given.type) ?? ''] ?? 'text'
  const label = textOf(given.label)
  const length = Number(textOf(given.max_length) ?? Number.NaN)
  const target = textOf(given.target_api_name)
  const options = type === 'select' || type === 'multiselect' ? optionsOf(given.options) : undefined
  return {
    code,
    ...(label !== null && label !== code && { name: label }),
    type,
    ...(textOf(given.is_required) === 'true' && { required: true }),
    // There it counts characters, here bytes: three of them for a Chinese one.
    ...(type === 'text' && length > 0 && { length: length * 3 }),
    ...(options && { options }),
    ...(type === 'reference' && target !== null && { references: target }),
    ...((type === 'date' || type === 'datetime') && { format: 'epochMillis' }),
  }
}

/** `data.describe` of an answer; null where it is none. */
export const readDescribe = (described: Json | undefined): Described | null => {
  if (!isFields(described) || !isFields(described.fields)) return null
  const code = textOf(described.api_name)
  if (code === null) return null
  const all = Object.entries(described.fields).flatMap(([name, given]): [string, Fields][] =>
    isFields(given) && textOf(given.is_active) !== 'false' ? [[textOf(given.api_name) ?? name, given]] : [],
  )
  const link = all.find(([, given]) => textOf(given.type) === 'master_detail')
  return {
    code,
    name: textOf(described.display_name) ?? code,
    fields: all.map(([name, given]) => fieldOf(name, given)),
    unique: all.flatMap(([name, given]) => (textOf(given.is_unique) === 'true' && name !== '_id' ? [name] : [])),
    master: link ? { field: link[0], object: textOf(link[1].target_api_name) ?? '' } : null,
  }
}

const detailOf = ({ code, name, fields, master }: Described): DetailDef => ({
  code,
  ...(name !== code && { name }),
  idField: '_id',
  ...(master && { masterField: master.field }),
  fields: fields.filter((field) => field.code !== master?.field),
})

/** The object with its details, ready to be declared. A reference to what is not declared stays a plain text. */
export const objectOf = (
  master: Described,
  details: readonly Described[],
  declared: ReadonlySet<string>,
): ObjectDef => {
  const known = (fields: FieldDef[]): FieldDef[] =>
    fields.map(({ references, ...field }) =>
      references === undefined
        ? field
        : references === master.code || declared.has(references)
          ? { ...field, references }
          : { ...field, type: 'text' },
    )
  const has = (code: string): boolean => master.fields.some((field) => field.code === code)
  return {
    code: master.code,
    apiName: master.code,
    ...(master.name !== master.code && { name: master.name }),
    idField: '_id',
    ...(has('name') && { nameField: 'name' }),
    ...(has('last_modified_time') && {
      modifiedField: 'last_modified_time' as const,
      modifiedGrain: 'millisecond' as const,
    }),
    // The one unique text field is where our id is kept; of several a person chooses.
    ...(master.unique.length === 1 && { externalIdField: master.unique[0] as string }),
    ...(has('life_status') && { voidedWhen: { field: 'life_status', value: 'invalid' } }),
    fields: known(master.fields),
    details: details.map((one) => {
      const detail = detailOf(one)
      return { ...detail, fields: known(detail.fields) }
    }),
  }
}
