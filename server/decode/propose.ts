/** Proposes a reader from a pasted sample: what kind of body it is, where its records, ids, fields and rows stand. A proposal, to be looked at. Pure. */
import { isFields } from '../connect/standard/body.ts'
import type { Fields, Json } from '../doc/document.ts'
import type { ObjectDef, ReaderDef, Spot } from '../doc/object.ts'
import { cellsOf, linesOf, treeOf } from './tree.ts'

export type Proposal = { reader: ReaderDef } | { wrong: string }

const bare = (name: string): string =>
  name
    .replace(/^@/, '')
    .replaceAll(/[\s_\-./]/g, '')
    .toLowerCase()

/** How likely a name is an id's: the object's own first. */
const idRank = (name: string, def: ObjectDef | undefined): number => {
  const plain = bare(name)
  if (def && plain === bare(def.idField)) return 0
  if (/^(id|编号|单号|主键)$/.test(plain)) return 1
  if (/(编号|单号|编码|number|code|no|id)$/.test(plain)) return 2
  return 9
}

/** What stands beside a list in answers and exports, and is no record's own. */
const envelope = /^(code|message|msg|success|status|total\w*|count|ret\w*|err\w*|timestamp|page\w*)$/

const idOf = (names: readonly string[], def: ObjectDef | undefined): string | undefined =>
  [...names].sort((a, b) => idRank(a, def) - idRank(b, def))[0]

/** A declared field by its code or name, else the name itself. */
const fieldOf = (name: string, fields: ObjectDef['fields']): string =>
  fields.find(
    (field) => bare(field.code) === bare(name) || (field.name !== undefined && bare(field.name) === bare(name)),
  )?.code ?? name.replace(/^@/, '')

const named = (spots: readonly (readonly [string, Spot])[], fields: ObjectDef['fields']): Record<string, Spot> =>
  Object.fromEntries(spots.map(([name, spot]) => [fieldOf(name, fields), spot]))

// ── trees ────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────
const jsonKey = (name: string): string =>
  /^[^.[\]'"]+$/.test(name) ? name : `['${name.replaceAll(/(['\\])/g, '\\$1')}']`
const join = (kind: 'json' | 'xml', path: string, name: string): string =>
  kind === 'xml'
    ? path
      ? `${path}/${name}`
      : name
    : path
      ? `${path}${jsonKey(name).startsWith('[') ? '' : '.'}${jsonKey(name)}`
      : jsonKey(name)

const isRows = (value: Json | undefined): value is Fields[] =>
  Array.isArray(value) && value.length > 0 && value.every(isFields)

/** Values of a record by path, through members that are neither lists nor long. */
const leaves = (kind: 'json' | 'xml', value: Fields, path = '', depth = 0): [string, string][] =>
  Object.entries(value).flatMap(([name, one]): [string, string][] => {
    const at = join(kind, path, name)
    if (isFields(one)) {
      if (kind === 'xml' && '#text' in one) return [[name, at], ...leaves(kind, { ...one, '#text': [] }, at, depth + 1)]
      return depth < 4 ? leaves(kind, one, at, depth + 1) : []
    }
    return Array.isArray(one) ? [] : [[name, at]]
  })

/** Lists of objects below a value, the shallowest first. */
const lists = (kind: 'json' | 'xml', value: Json, path = '', depth = 0): [string, Fields[]][] => {
  if (!isFields(value) || depth > 4) return []
  const own = Object.entries(value).flatMap(([name, one]): [string, Fields[]][] =>
    isRows(one) ? [[join(kind, path, name), one]] : [],
  )
  return [
    ...own,
    ...Object.entries(value).flatMap(([name, one]) => lists(kind, one, join(kind, path, name), depth + 1)),
  ]
}

const detailOf = (path: string, def: ObjectDef | undefined): string => {
  const last = path.split(/[./]/).at(-1) ?? path
  const found = def?.details.find((one) =>
    [one.code, one.apiName, one.name].some((name) => name !== undefined && bare(name) === bare(last)),
  )
  return found?.code ?? (def?.details.length === 1 ? (def.details[0]?.code ?? last) : last)
}

/** Where the records stand: behind wrappings of one member, and in an envelope whose list is what it is about. */
const recordIn = (
  kind: 'json' | 'xml',
  body: Json,
  def: ObjectDef | undefined,
): { record: Json | undefined; records?: string } => {
  let here: Json | undefined = body
  let path = ''
  for (let depth = 0; depth < 4 && isFields(here); depth++) {
    const [only, ...more]: [string, Json][] = Object.entries(here)
    if (!only || more.length || !(isFields(only[1]) || isRows(only[1]))) break
    path = join(kind, path, only[0])
    here = only[1]
  }
  const at = path === '' ? {} : { records: path }
  if (Array.isArray(here)) return { record: here[0], ...at }
  if (here === undefined || !isFields(here)) return { record: here, ...at }
  // an envelope has a list and nothing that could be an id; a record has its rows beside its values
  const own = leaves(kind, here).map(([name]) => name)
  if (own.some((name) => !envelope.test(bare(name)) && idRank(name, def) <= 2)) return { record: here, ...at }
  const [first] = lists(kind, here, path)
  return first ? { record: first[1][0], records: first[0] } : { record: here, ...at }
}

const ofTree = (kind: 'json' | 'xml', text: string, def: ObjectDef | undefined): Proposal => {
  const tree = treeOf(text, kind)
  if ('wrong' in tree) return tree
  const body = kind === 'xml' && isFields(tree.value) ? Object.values(tree.value)[0] : tree.value
  if (body === undefined) return { wrong: 'there is nothing in it' }
  const { record, records } = recordIn(kind, body, def)
  if (!isFields(record)) return { wrong: 'no record is found in it' }
  const found = leaves(kind, record)
  const id = idOf(
    found.map(([name]) => name),
    def,
  )
  const idPath = found.find(([name]) => name === id)?.[1]
  if (idPath === undefined) return { wrong: 'no value is found in it' }
  const details = Object.fromEntries(
    lists(kind, record).map(([path, rows]) => {
      const code = detailOf(path, def)
      const fields = def?.details.find((one) => one.code === code)?.fields ?? []
      return [code, { rows: path, fields: named(leaves(kind, rows[0] as Fields), fields) }]
    }),
  )
  return {
    reader: {
      kind,
      ...(records !== undefined && { records }),
      id: idPath,
      fields: named(found, def?.fields ?? []),
      ...(Object.keys(details).length > 0 && { details }),
    },
  }
}

// ── lines ────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────
const separators = ['\t', '|', ';', ',']
const separatorIn = (lines: readonly string[]): string | undefined =>
  separators.find((one) => {
    const counts = lines.map((line) => line.split(one).length)
    return (counts[0] ?? 0) > 1 && counts.every((count) => count === counts[0])
  })

const ofCsv = (text: string, separator: string, def: ObjectDef | undefined): Proposal => {
  const [first = []] = cellsOf(text, separator)
  const header =
    first.every((cell) => cell.trim() !== '' && !/^[\d.,:/\s-]+$/.test(cell)) && new Set(first).size === first.length
  const names = header ? first.map((cell) => cell.trim()) : first.map((_, i) => `column${i + 1}`)
  const spots = names.map((name, i): [string, Spot] => [name, header ? name : i + 1])
  const id = header ? idOf(names, def) : undefined
  const byCode = def?.fields.length
    ? spots.filter(([name]) => def.fields.some((field) => fieldOf(name, [field]) === field.code))
    : []
  return {
    reader: {
      kind: 'csv',
      ...(separator !== ',' && { separator: separator === '\t' ? '\\t' : separator }),
      ...(!header && { header: false }),
      id: id ?? 1,
      fields: named(byCode.length ? byCode : spots, def?.fields ?? []),
    },
  }
}

/** Columns are where every line has a blank before and a character after. */
const ofFixed = (lines: readonly string[], def: ObjectDef | undefined): Proposal => {
  const rows = lines.map((line) => [...line])
  const width = Math.max(...rows.map((row) => row.length))
  const starts: number[] = []
  for (let at = 0; at < width; at++) {
    const begins = rows.some((row) => (row[at] ?? ' ') !== ' ')
    if (begins && (at === 0 || rows.every((row) => (row[at - 1] ?? ' ') === ' '))) starts.push(at)
  }
  const spots = starts.map((at, i): Spot => ({ at: at + 1, length: (starts[i + 1] ?? width) - at }))
  const [id] = spots
  if (id === undefined) return { wrong: 'no column is found in it' }
  const codes =
    def?.fields.length === spots.length ? def.fields.map((field) => field.code) : spots.map((_, i) => `column${i + 1}`)
  return {
    reader: { kind: 'fixed', id, fields: Object.fromEntries(spots.map((spot, i) => [codes[i] as string, spot])) },
  }
}

export const propose = (text: string, def?: ObjectDef): Proposal => {
  const plain = text.trim()
  if (plain === '') return { wrong: 'the sample is empty' }
  if (/^[[{]/.test(plain)) return ofTree('json', plain, def)
  if (plain.startsWith('<')) return ofTree('xml', plain, def)
  const lines = linesOf(text)
  if (lines.length === 1 && /^[^=&\s]+=[^&]*(&[^=&\s]+=[^&]*)*$/.test(plain)) {
    const names = [...new URLSearchParams(plain).keys()]
    return {
      reader: {
        kind: 'form',
        id: idOf(names, def) ?? (names[0] as string),
        fields: named(
          names.map((name) => [name, name]),
          def?.fields ?? [],
        ),
      },
    }
  }
  try {
    const separator = separatorIn(lines)
    return separator === undefined ? ofFixed(lines, def) : ofCsv(text, separator, def)
  } catch (error) {
    return { wrong: error instanceof Error ? error.message : String(error) }
  }
}
