/** An object's fields as a document that people edit elsewhere: JSON, YAML, or a sheet of Excel; written, and read back as the file would say it. */
import { parse, stringify } from 'yaml'
import { findIn, listIn, type Tree } from '../http/declaring.ts'
import { readJson } from '../http/body-json.ts'

export const bookForms = ['json', 'yaml', 'xlsx'] as const
export type BookForm = (typeof bookForms)[number]

export const bookTypes: Record<BookForm, string> = {
  json: 'application/json; charset=utf-8',
  yaml: 'application/yaml; charset=utf-8',
  xlsx: 'application/vnd.openxmlformats-officedocument.spreadsheetml.sheet',
}

const columns = [
  'detail',
  'code',
  'name',
  'type',
  'required',
  'length',
  'options',
  'references',
  'format',
  'zone',
] as const
type Column = (typeof columns)[number]

const fieldOf = (said: unknown): Tree => (typeof said === 'string' ? { type: said } : ((said ?? {}) as Tree))

/** `A=best; B` */
const optionsText = (options: unknown): string =>
  Array.isArray(options)
    ? options.map(String).join('; ')
    : Object.entries((options ?? {}) as Record<string, string>)
        .map(([value, label]) => `${value}=${label}`)
        .join('; ')

const optionsOf = (text: string): unknown => {
  const all = text
    .split(/[;；\n]/)
    .map((one) => one.trim())
    .filter((one) => one !== '')
  return all.some((one) => one.includes('='))
    ? Object.fromEntries(
        all.map((one) => {
          const [value = '', ...label] = one.split('=')
          return [value.trim(), label.join('=').trim() || value.trim()]
        }),
      )
    : all
}

const rowsOf = (fields: unknown, detail: string): Record<Column, string>[] =>
  Object.entries((fields ?? {}) as Tree).map(([code, said]) => {
    const field = fieldOf(said)
    const text = (key: string) => (field[key] === undefined ? '' : String(field[key]))
    return {
      detail,
      code,
      name: text('name'),
      type: text('type') || 'text',
      required: field.required === true ? 'yes' : '',
      length: text('length'),
      options: field.options === undefined ? '' : optionsText(field.options),
      references: text('references'),
      format: text('format'),
      zone: text('zone'),
    }
  })

/** Texts only: a sheet's own numbers and dates would change what stands in a code. Excel is loaded by the first who wants it. */
const sheetOf = async (object: Tree): Promise<Buffer> => {
  const rows = [
    ...rowsOf(object.fields, ''),
    ...listIn(object, 'details').flatMap((detail) => rowsOf(detail.fields, String(detail.code))),
  ]
  const head = columns.map((value) => ({ value, fontWeight: 'bold' as const, type: String }))
  const cells = rows.map((row) => columns.map((column) => ({ value: row[column], type: String, format: '@' })))
  const widths = columns.map((column) => ({ width: column === 'options' || column === 'name' ? 32 : 16 }))
  const { default: writeExcel } = await import('write-excel-file/node')
  return writeExcel([head, ...cells], { columns: widths, stickyRowsCount: 1 }).toBuffer()
}

export const writeBook = async (object: Tree, form: BookForm): Promise<string | Buffer> => {
  switch (form) {
    case 'json':
      return `${JSON.stringify(object, null, 2)}\n`
    case 'yaml':
      return stringify(object)
    case 'xlsx':
      return sheetOf(object)
  }
}

const truths = new Set(['yes', 'y', 'true', '1', '是', '必填', 'はい'])

/** What a sheet does not know of a field (how it compares) stays as it was. */
const readRow = (row: Record<Column, string>, before: unknown): Tree => {
  const { compare } = fieldOf(before)
  const length = Number(row.length)
  return {
    type: row.type || 'text',
    ...(row.name && { name: row.name }),
    ...(truths.has(row.required.toLowerCase()) && { required: true }),
    ...(row.length && { length: Number.isNaN(length) ? row.length : length }),
    ...(row.options && { options: optionsOf(row.options) }),
    ...(row.references && { references: row.references }),
    ...(compare !== undefined && { compare }),
    ...(row.format && { format: row.format }),
    ...(row.zone && { zone: row.zone }),
  }
}

/** A field of which only the type is known is said by its type, as people write it. */
const short = (field: Tree): unknown => (Object.keys(field).length === 1 ? field.type : field)

const readSheet = async (content: Buffer, before: Tree): Promise<{ object: Tree } | { wrong: string }> => {
  const { readSheet: readExcel } = await import('read-excel-file/node')
  const [head = [], ...lines] = await readExcel(content)
  const names = head.map((one) => String(one ?? '').trim())
  const missing = (['code', 'type'] as const).filter((one) => !names.includes(one))
  if (missing.length) return { wrong: `the first row has no column ${missing.join(', ')}` }
  const fields: Record<string, Tree> = {}
  for (const [i, line] of lines.entries()) {
    const row = Object.fromEntries(
      columns.map((column) => {
        const cell = line[names.indexOf(column)]
        return [column, cell === null || cell === undefined ? '' : String(cell).trim()]
      }),
    ) as Record<Column, string>
    if (Object.values(row).every((cell) => cell === '')) continue
    if (row.code === '') return { wrong: `row ${i + 2}: code is empty` }
    const of = (fields[row.detail] ??= Object.create(null) as Tree)
    if (row.code in of) return { wrong: `row ${i + 2}: ${row.code} comes twice` }
    const known = row.detail === '' ? before : (findIn(before, 'details', 'code', row.detail) ?? {})
    of[row.code] = short(readRow(row, (known.fields as Tree | undefined)?.[row.code]))
  }
  const details = Object.keys(fields).filter((detail) => detail !== '')
  const object = {
    ...before,
    fields: { ...fields[''] },
    ...((details.length > 0 || before.details !== undefined) && {
      details: [
        ...listIn(before, 'details')
          .filter((one) => details.includes(String(one.code)))
          .map((one) => ({ ...one, fields: { ...fields[String(one.code)] } })),
        ...details
          .filter((detail) => !findIn(before, 'details', 'code', detail))
          .map((detail) => ({ code: detail, fields: { ...fields[detail] } })),
      ],
    }),
  }
  return { object }
}

/** Sheets of more than this inflate to more than anybody's fields. */
const largestSheet = 256 * 1024

/** `before`: the object as it is declared now, or `{}`. JSON and YAML say the whole object, a sheet its fields. */
export const readBook = async (
  content: string,
  form: BookForm,
  before: Tree,
): Promise<{ object: Tree } | { wrong: string }> => {
  try {
    if (form === 'xlsx') {
      const bytes = Buffer.from(content, 'base64')
      if (bytes.length > largestSheet) return { wrong: `more than ${largestSheet / 1024} kB` }
      return await readSheet(bytes, before)
    }
    const read: unknown = form === 'json' ? readJson(content) : parse(content, { maxAliasCount: 0 })
    return typeof read === 'object' && read !== null && !Array.isArray(read)
      ? { object: read as Tree }
      : { wrong: 'a map is expected' }
  } catch (error) {
    return { wrong: (error as Error).message.split('\n')[0] ?? 'it cannot be read' }
  }
}
