/** An object proposed from a pasted sample: JSON of the guide's shapes or any other, or a cURL command. Pure: nothing is declared here. */
import { LosslessNumber, parse } from 'lossless-json'
import type { Locale, Sentences } from '../../protocol/codes.ts'
import type { FieldType } from '../doc/object.ts'
import type { Tree } from '../http/declaring.ts'

const to = (zh_CN: string, zh_TW: string, en_US: string, ja_JP: string): Sentences => ({ zh_CN, zh_TW, en_US, ja_JP })

/** What a person should look at before the proposal is taken over. */
export const learnNotes = {
  idGuess: to(
    '{field} 被当作主键。',
    '{field} 被當作主鍵。',
    '{field} is taken for the id.',
    '{field} を ID とみなしました。',
  ),
  idNone: to(
    '没有找到主键字段：请指定 idField。',
    '沒有找到主鍵欄位：請指定 idField。',
    'No id field was found: name it in idField.',
    'ID 項目が見つかりません。idField を指定してください。',
  ),
  modifiedGuess: to(
    '{field} 被当作修改时间。',
    '{field} 被當作修改時間。',
    '{field} is taken for the modified time.',
    '{field} を更新日時とみなしました。',
  ),
  modifiedNone: to(
    '没有找到修改时间字段：请在有时指定 modifiedField。',
    '沒有找到修改時間欄位：請在有時指定 modifiedField。',
    'No modified time was found: name it in modifiedField where there is one.',
    '更新日時が見つかりません。ある場合は modifiedField を指定してください。',
  ),
  codeNone: to(
    '样例没有说明对象的编码。',
    '範例沒有說明物件的編碼。',
    'The sample does not say the object’s code.',
    'サンプルにオブジェクトのコードがありません。',
  ),
  nested: to(
    '{field} 含有嵌套的对象，没有采用。',
    '{field} 含有巢狀的物件，沒有採用。',
    '{field} holds an object and was left out.',
    '{field} は入れ子のオブジェクトのため除外しました。',
  ),
  empty: to(
    '{field} 在样例中没有值，按文本处理。',
    '{field} 在範例中沒有值，按文字處理。',
    '{field} has no value in the sample and is taken for text.',
    '{field} はサンプルに値がないためテキストとしました。',
  ),
} as const satisfies Record<string, Sentences>

export interface LearnNote {
  note: keyof typeof learnNotes
  field?: string
}

export interface Learnt {
  /** As the configuration file says an object; `code` is missing where nothing said it. */
  object: Tree
  /** Records that it was learnt from. */
  records: number
  notes: LearnNote[]
}

export const sayNote = ({ note, field = '' }: LearnNote, locale: Locale): string =>
  learnNotes[note][locale].replace('{field}', field)

// ── the text ─────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────
/** The words of a command line as a POSIX shell splits it, with `\` at the end of a line, and as far as quotes go. */
export const shellWords = (text: string): string[] => {
  const words: string[] = []
  let word: string | null = null
  for (let i = 0; i < text.length; i++) {
    const c = text[i] as string
    if (c === '\\') {
      if (text[i + 1] === '\r') i++
      if (text[i + 1] !== '\n') word = (word ?? '') + (text[i + 1] ?? '')
      i++
    } else if (c === "'" || (c === '$' && text[i + 1] === "'")) {
      const from = text.indexOf("'", i) + 1
      const end = text.indexOf("'", from)
      word = (word ?? '') + text.slice(from, end < 0 ? undefined : end)
      i = end < 0 ? text.length : end
    } else if (c === '"') {
      word ??= ''
      for (i++; i < text.length && text[i] !== '"'; i++) {
        if (text[i] === '\\' && /["\\$`]/.test(text[i + 1] ?? '')) i++
        word += text[i]
      }
    } else if (/\s/.test(c)) {
      if (word !== null) words.push(word)
      word = null
    } else word = (word ?? '') + c
  }
  if (word !== null) words.push(word)
  return words
}

interface Given {
  body: string
  /** What headers and address say. */
  object?: string
  id?: string
}

/** The guide's own examples write `--data -raw` and `--data - raw`. */
const readCurl = (text: string): Given => {
  const words = shellWords(text.replaceAll(/--data\s+-\s*raw/g, '--data-raw'))
  const given: Given = { body: '' }
  for (const [i, word] of words.entries()) {
    const next = words[i + 1] ?? ''
    if (/^(?:-d|--data|--data-raw|--data-binary|--data-ascii|--json)$/.test(word)) given.body = next
    else if (/^--(?:data|data-raw|data-binary|json)=/.test(word)) given.body = word.slice(word.indexOf('=') + 1)
    else if (word === '-H' || word === '--header') {
      const [, name = '', value = ''] = /^([^:]+):\s*(.*)$/.exec(next) ?? []
      if (name.toLowerCase() === 'objectapiname') given.object = value
      if (name.toLowerCase() === 'id') given.id = value
    } else if (/^https?:/.test(word) && URL.canParse(word)) {
      const { searchParams } = new URL(word)
      given.object ??= searchParams.get('objAPIName') ?? undefined
      given.id ??= searchParams.get('dataId') ?? undefined
    }
  }
  return given
}

// ── the records ──────────────────────────────────────────────────────────────────────────────────────────────────────────────────────
type Json = null | boolean | string | LosslessNumber | Json[] | { [key: string]: Json }
type Fields = { [key: string]: Json }

const isFields = (value: Json | undefined): value is Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof LosslessNumber)
const isRows = (value: Json | undefined): value is Fields[] =>
  Array.isArray(value) && value.length > 0 && value.every(isFields)

interface Sampled {
  master: Fields
  details: { [detail: string]: Fields[] }
  object?: string
  id?: string
}

const textOf = (value: Json | undefined): string | undefined =>
  typeof value === 'string' ? value : value instanceof LosslessNumber ? value.value : undefined

/** Details of a record that is not in the guide's shape are the lists of objects within it. */
const flat = (record: Fields): Sampled => ({
  master: Object.fromEntries(Object.entries(record).filter(([, value]) => !isRows(value))),
  details: Object.fromEntries(Object.entries(record).filter((entry): entry is [string, Fields[]] => isRows(entry[1]))),
})

const envelopes = ['data', 'dataList', 'result']
const lists = ['dataList', 'rows', 'list', 'items', 'records']

/** The standard body, an event, a query's answer (one or many), the newer route's body, a plain record, or a list of any. */
const recordsIn = (value: Json, depth = 0, wrapped = false): Sampled[] => {
  if (depth > 6) return []
  if (Array.isArray(value)) return value.slice(0, 200).flatMap((one) => recordsIn(one, depth + 1, wrapped))
  if (!isFields(value)) return []
  if (isFields(value.masterFieldVal)) {
    const details = isFields(value.detailFieldVals) ? value.detailFieldVals : {}
    const object = textOf(value.objAPIName) ?? textOf(value.objectApiName)
    const id = textOf(value.dataId) ?? textOf(value.id)
    return [
      {
        master: value.masterFieldVal,
        details: Object.fromEntries(
          Object.entries(details).filter((e): e is [string, Fields[]] => Array.isArray(e[1])),
        ),
        ...(object !== undefined && { object }),
        ...(id !== undefined && { id }),
      },
    ]
  }
  // `rows` of a plain record is one of its details; within an answer's `data` it is the list of records
  for (const key of wrapped ? lists : envelopes) {
    const inner = value[key]
    if (isFields(inner) || isRows(inner)) {
      const found = recordsIn(inner, depth + 1, true)
      if (found.length) return found
    }
  }
  // an answer that holds no record is none itself
  if (envelopes.some((key) => key in value) && ('code' in value || 'errCode' in value || 'resCode' in value)) return []
  return Object.keys(value).length ? [flat(value)] : []
}

// ── the fields ───────────────────────────────────────────────────────────────────────────────────────────────────────────────────────
const timeName = /time|date|_at$|At$|时间|日期|時間/i
const amountName = /amount|price|qty|quantity|total|rate|credit|limit|cost|sum|tax$|金额|单价|数量|金額|單價|數量/i
const modifiedName = /modif|updat|last_?chang|changed|ts$|修改|更新/i
const nameName = /^f?name$|_name$|^title$|^subject$|^名称$|^名稱$/i
const idNames = [
  'id',
  '_id',
  'fid',
  'dataid',
  'masterdataid',
  'objectid',
  'billid',
  'number',
  'fnumber',
  'code',
  'no',
  'billno',
]
const externalName = /^(?:sourceId|source_id|externalId|external_id|thirdId|third_id|outId|out_id)$/i

interface Typed {
  type: FieldType
  format?: string
}

const textFormats: [RegExp, Typed][] = [
  [/^\d{4}-\d{2}-\d{2}$/, { type: 'date' }],
  [/^\d{4}\/\d{2}\/\d{2}$/, { type: 'date', format: 'yyyy/MM/dd' }],
  [/^\d{4}-\d{2}-\d{2} \d{2}:\d{2}:\d{2}$/, { type: 'datetime', format: 'yyyy-MM-dd HH:mm:ss' }],
  [/^\d{4}\/\d{2}\/\d{2} \d{2}:\d{2}:\d{2}$/, { type: 'datetime', format: 'yyyy/MM/dd HH:mm:ss' }],
  [/^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?(?:Z|[+-]\d{2}:?\d{2})?$/, { type: 'datetime', format: 'iso' }],
]

const typeOf = (name: string, value: Json): Typed => {
  if (typeof value === 'boolean') return { type: 'bool' }
  if (Array.isArray(value)) return { type: 'multiselect' }
  const text = textOf(value) ?? ''
  if (timeName.test(name) || modifiedName.test(name)) {
    if (/^1\d{12}$/.test(text)) return { type: 'datetime', format: 'epochMillis' }
    if (/^1\d{9}$/.test(text)) return { type: 'datetime', format: 'epochSeconds' }
  }
  if (value instanceof LosslessNumber)
    return { type: /^-?\d+$/.test(value.value) && !amountName.test(name) ? 'integer' : 'decimal' }
  const dated = textFormats.find(([pattern]) => pattern.test(text))
  if (dated) return dated[1]
  return { type: /^-?\d+(?:\.\d+)?$/.test(text) && amountName.test(name) ? 'decimal' : 'text' }
}

/** What all values of a field have in common; text where they have nothing. */
const commonType = (name: string, values: readonly Json[]): Typed | null => {
  const types = values
    .filter((value) => value !== null && value !== '' && !isFields(value))
    .map((value) => typeOf(name, value))
  const [first] = types
  if (!first) return null
  if (types.every((one) => one.type === first.type && one.format === first.format)) return first
  return types.every((one) => one.type === 'integer' || one.type === 'decimal') ? { type: 'decimal' } : { type: 'text' }
}

const fieldsOf = (rows: readonly Fields[], prefix: string, notes: LearnNote[]): Record<string, Typed> => {
  const fields: Record<string, Typed> = {}
  for (const name of new Set(rows.flatMap((row) => Object.keys(row)))) {
    const values = rows.flatMap((row) => (row[name] === undefined ? [] : [row[name]]))
    if (values.some((value) => isFields(value) || isRows(value))) {
      notes.push({ note: 'nested', field: prefix + name })
      continue
    }
    const typed = commonType(name, values)
    if (!typed) notes.push({ note: 'empty', field: prefix + name })
    fields[name] = typed ?? { type: 'text' }
  }
  return fields
}

/** By the id that the sample told, else by name; what is no text or number, or comes twice, is no id. */
const idFieldOf = (rows: readonly Fields[], told: readonly (string | undefined)[]): string | null => {
  const names = [...new Set(rows.flatMap((row) => Object.keys(row)))]
  const distinct = (name: string) => {
    const values = rows.map((row) => textOf(row[name]))
    return values.every((value) => value !== undefined && value !== '') && new Set(values).size === values.length
  }
  const byValue = names.find((name) => rows.every((row, i) => told[i] !== undefined && textOf(row[name]) === told[i]))
  if (byValue !== undefined) return byValue
  for (const wanted of idNames) {
    const found = names.find((name) => name.toLowerCase() === wanted && distinct(name))
    if (found !== undefined) return found
  }
  return null
}

const written = (fields: Record<string, Typed>): Tree =>
  Object.fromEntries(
    Object.entries(fields).map(([name, { type, format }]) => [name, format === undefined ? type : { type, format }]),
  )

const grains: Record<string, string> = { epochMillis: 'millisecond' }

/** Answers what the text cannot be read as, in words of the parser. */
export const learnFrom = (text: string, code?: string): Learnt | { wrong: string } => {
  const trimmed = text.trim()
  const given: Given = /^(?:\$\s*)?curl\s/.test(trimmed) ? readCurl(trimmed) : { body: trimmed }
  let value: Json
  try {
    value = parse(given.body) as Json
  } catch (error) {
    return { wrong: (error as Error).message }
  }
  const records = recordsIn(value)
  if (records.length === 0) return { wrong: 'no record' }
  const notes: LearnNote[] = []
  const masters = records.map((one) => one.master)
  const fields = fieldsOf(masters, '', notes)
  const idField = idFieldOf(
    masters,
    records.map((one) => one.id ?? (records.length === 1 ? given.id : undefined)),
  )
  if (idField === null) notes.push({ note: 'idNone' })
  else notes.push({ note: 'idGuess', field: idField })
  const modified = Object.entries(fields).find(
    ([name, { type }]) => type === 'datetime' && modifiedName.test(name),
  )?.[0]
  notes.push(modified === undefined ? { note: 'modifiedNone' } : { note: 'modifiedGuess', field: modified })
  const named = code ?? records.find((one) => one.object !== undefined)?.object ?? given.object
  if (named === undefined) notes.push({ note: 'codeNone' })
  const nameField = Object.keys(fields).find((name) => nameName.test(name))
  const external = Object.keys(fields).find((name) => externalName.test(name) && name !== idField)
  const details = [...new Set(records.flatMap((one) => Object.keys(one.details)))].map((detail) => {
    const rows = records.flatMap((one) => one.details[detail] ?? []).filter(isFields)
    const id = idFieldOf(rows, [])
    return {
      code: detail,
      ...(id !== null && { idField: id }),
      fields: written(fieldsOf(rows, `${detail}.`, notes)),
    }
  })
  return {
    object: {
      ...(named !== undefined && { code: named }),
      ...(idField !== null && { idField }),
      ...(nameField !== undefined && { nameField }),
      ...(modified !== undefined && {
        modifiedField: modified,
        modifiedGrain: grains[fields[modified]?.format ?? ''] ?? 'second',
      }),
      ...(external !== undefined && { externalIdField: external }),
      fields: written(fields),
      ...(details.length > 0 && { details }),
    },
    records: records.length,
    notes,
  }
}
