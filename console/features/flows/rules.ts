/** A mapping as the configuration file writes it, read and changed rule by rule; what no page has a widget for stays as it is written. Pure. */

export type Tree = Record<string, unknown>

export interface Rule {
  /** Target field. */
  to: string
  /** All that the rule says, `to` apart. */
  says: Tree
}

export interface Detail {
  to: string
  from: string
  /** All that stands there, `to` and `fields` apart. */
  says: Tree
}

export const isTree = (value: unknown): value is Tree =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

const listOf = (rules: unknown): Rule[] => {
  if (Array.isArray(rules)) return (rules as Tree[]).map(({ to, ...says }) => ({ to: String(to), says }))
  return Object.entries((rules ?? {}) as Tree).map(([to, rule]) => ({
    to,
    says: isTree(rule) ? rule : { from: String(rule) },
  }))
}

/** In the spelling in which they stood; a rule that names nothing but its source is short where a map allows that. */
const written = (list: readonly Rule[], before: unknown): unknown => {
  if (Array.isArray(before)) return list.map(({ to, says }) => ({ to, ...says }))
  const isShort = (says: Tree) => Object.keys(says).length === 1 && typeof says.from === 'string'
  return Object.fromEntries(list.map(({ to, says }) => [to, isShort(says) ? says.from : says]))
}

const entryOf = (mapping: Tree, detail: string): Tree | undefined => {
  const { details } = mapping
  if (Array.isArray(details)) return (details as Tree[]).find((one) => String(one.to) === detail)
  return (details as Record<string, Tree> | undefined)?.[detail]
}

/** Of the master, or of the detail with this target code. */
export const rulesIn = (mapping: Tree, detail: string | null): Rule[] =>
  listOf(detail === null ? mapping.fields : entryOf(mapping, detail)?.fields)

export const detailsIn = (mapping: Tree): Detail[] => {
  const { details } = mapping
  const all: [string, Tree][] = Array.isArray(details)
    ? (details as Tree[]).map(({ to, ...rest }) => [String(to), rest])
    : Object.entries((details ?? {}) as Record<string, Tree>)
  return all.map(([to, { fields: _fields, ...says }]) => ({ to, from: String(says.from), says }))
}

const withFields = (mapping: Tree, detail: string | null, change: (rules: unknown) => unknown): Tree => {
  if (detail === null) return { ...mapping, fields: change(mapping.fields) }
  const { details } = mapping
  if (Array.isArray(details))
    return {
      ...mapping,
      details: (details as Tree[]).map((one) =>
        String(one.to) === detail ? { ...one, fields: change(one.fields) } : one,
      ),
    }
  const entry = entryOf(mapping, detail)
  return entry
    ? { ...mapping, details: { ...(details as object), [detail]: { ...entry, fields: change(entry.fields) } } }
    : mapping
}

/** The rule of this target field as it shall be; null takes it away. A new one goes behind the others. */
export const withRule = (mapping: Tree, detail: string | null, to: string, says: Tree | null): Tree =>
  withFields(mapping, detail, (rules) => {
    const list = listOf(rules)
    const rest = list.filter((one) => one.to !== to)
    if (says === null) return written(rest, rules)
    const isThere = rest.length < list.length
    const next = isThere ? list.map((one) => (one.to === to ? { to, says } : one)) : [...list, { to, says }]
    return written(next, rules)
  })

/** What is said of a detail beside its fields; null takes it away. */
export const withDetail = (mapping: Tree, to: string, says: Tree | null): Tree => {
  const { details } = mapping
  if (Array.isArray(details)) {
    const list = details as Tree[]
    if (says === null) return { ...mapping, details: list.filter((one) => String(one.to) !== to) }
    const before = list.find((one) => String(one.to) === to)
    const next = { to, ...says, fields: before?.fields ?? {} }
    return { ...mapping, details: before ? list.map((one) => (one === before ? next : one)) : [...list, next] }
  }
  const { [to]: before, ...others } = (details ?? {}) as Record<string, Tree>
  if (says === null) {
    const { details: _gone, ...rest } = mapping
    return Object.keys(others).length > 0 ? { ...mapping, details: others } : rest
  }
  const next = { ...says, fields: before?.fields ?? {} }
  return { ...mapping, details: { ...(details as object | undefined), [to]: next } }
}

/** With this said; undefined takes the word away. */
export const saying = (says: Tree, change: Tree): Tree =>
  Object.fromEntries(Object.entries({ ...says, ...change }).filter(([, value]) => value !== undefined))

export type Way = 'from' | 'formula' | 'value'

export const wayOf = (says: Tree): Way =>
  says.formula !== undefined ? 'formula' : says.value !== undefined ? 'value' : 'from'

/** Where the value comes from is another now; what cannot stand beside it goes (server/flows/pair.ts). */
export const turned = (says: Tree, way: Way, what: unknown): Tree => {
  const { from: _from, formula: _formula, value: _value, ...rest } = says
  const { options: _options, unmapped: _unmapped, reference: _reference, default: _default, ...bare } = rest
  const { reference: _other, ...unreferring } = rest
  return { [way]: what, ...(way === 'from' ? rest : way === 'formula' ? unreferring : bare) }
}

/** Words of a rule that have a widget of their own. */
export const shown = new Set([
  'from',
  'formula',
  'value',
  'default',
  'options',
  'unmapped',
  'reference',
  'required',
  'write',
  'owner',
])

// ── objects ──────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────
export interface Field {
  code: string
  name: string
  type: string
  required: boolean
  options: { value: string; label: string }[]
  references: string | null
  /** The engine looks after it: the record's own id, the other side's, the modified time. */
  isOwn: boolean
}

const optionsOf = (options: unknown): Field['options'] => {
  if (Array.isArray(options)) return options.map((one) => ({ value: String(one), label: '' }))
  return Object.entries((options ?? {}) as Tree).map(([value, label]) => ({ value, label: String(label) }))
}

const named = (field: Tree, locale: string): string => {
  const names = field.names as Record<string, string> | undefined
  return names?.[locale] ?? (field.name === undefined ? '' : String(field.name))
}

/** Of an object, or of one of its details; null: there is no such detail. */
export const fieldsOf = (object: Tree, detail: string | null, locale: string): Field[] | null => {
  const place = detail === null ? object : ((object.details ?? []) as Tree[]).find((one) => one.code === detail)
  if (!place) return null
  const own = [place.idField ?? (detail === null ? 'id' : undefined), place.externalIdField, place.modifiedField]
  return Object.entries((place.fields ?? {}) as Record<string, string | Tree>).map(([code, said]) => {
    const field: Tree = typeof said === 'string' ? { type: said } : said
    return {
      code,
      name: named(field, locale),
      type: String(field.type ?? 'text'),
      required: field.required === true,
      options: optionsOf(field.options),
      references: field.references === undefined ? null : String(field.references),
      isOwn: own.includes(code),
    }
  })
}

export const detailCodes = (object: Tree): string[] => ((object.details ?? []) as Tree[]).map((one) => String(one.code))

/** Target fields that a record needs and that no rule fills. */
export const openFields = (mapping: Tree, target: Tree): string[] => {
  const missing = (detail: string | null): string[] => {
    const mapped = new Set(rulesIn(mapping, detail).map(({ to }) => to.split(/[.[]/)[0]))
    return (fieldsOf(target, detail, '') ?? [])
      .filter((field) => field.required && !field.isOwn && !mapped.has(field.code))
      .map((field) => (detail === null ? field.code : `${detail}.${field.code}`))
  }
  return [...missing(null), ...detailsIn(mapping).flatMap(({ to }) => missing(to))]
}

/** As it is typed, in the kind that the field has. Text that looks like a number and would lose digits stays text. */
export const scalarOf = (text: string, type: string): string | number | boolean => {
  if (type === 'bool' && (text === 'true' || text === 'false')) return text === 'true'
  if ((type === 'decimal' || type === 'integer') && text !== '' && String(Number(text)) === text) return Number(text)
  return text
}

// ── what a record holds ──────────────────────────────────────────────────────────────────────────────────────────────────────────────
/** In front of a number's own text, so that it is told from text that looks like one. */
const mark = '\u0000'

/** Numbers as they are written, where the browser tells; else as it reads them. */
const exact = (text: string): unknown =>
  JSON.parse(text, (_key, value: unknown, ...more: unknown[]) => {
    const [said] = more as [{ source?: string } | undefined]
    return typeof value === 'number' ? `${mark}${said?.source ?? String(value)}` : value
  })

const saidOf = (value: unknown): string =>
  typeof value === 'string'
    ? value.replace(mark, '')
    : JSON.stringify(value).replaceAll(/"\\u0000([^"]*)"/g, (_whole, number: string) => number)

/** Field to value, as people read it; of a detail: of its first row. */
export const samplesOf = (text: string | null | undefined, detail: string | null): Map<string, string> => {
  if (!text) return new Map()
  try {
    const whole = exact(text) as Tree
    const body = isTree(whole.masterFieldVal) ? whole : { masterFieldVal: whole }
    const rows = (body.detailFieldVals as Record<string, unknown[]> | undefined)?.[detail ?? '']
    const place = detail === null ? body.masterFieldVal : rows?.[0]
    return isTree(place)
      ? new Map(Object.entries(place).map(([code, value]) => [code, value === null ? '' : saidOf(value)]))
      : new Map()
  } catch {
    return new Map()
  }
}

export const isRecord = (text: string): boolean => {
  try {
    return isTree(JSON.parse(text))
  } catch {
    return false
  }
}

/** The id in a pasted record, where it holds one. */
export const idIn = (text: string, idField: string): string | null => {
  const id = samplesOf(text, null).get(idField)
  return id ? id : null
}

/** JSON text of one value, as people read it. */
export const plain = (json: string | null): string => {
  if (json === null) return ''
  try {
    return saidOf(exact(json))
  } catch {
    return json
  }
}

// ── what the server complains of ─────────────────────────────────────────────────────────────────────────────────────────────────────
/** Complaints by target field; those of no field under the empty text. Paths are the server's: `body.mapping.fields.name.from`. */
export const complaintsOf = (
  problems: readonly { path: string; say: string }[],
  mapping: Tree,
  detail: string | null,
): Map<string, string[]> => {
  const found = new Map<string, string[]>()
  const rules = rulesIn(mapping, detail)
  const details = detailsIn(mapping)
  const place =
    detail === null
      ? 'body.mapping.fields'
      : Array.isArray(mapping.details)
        ? `body.mapping.details[${details.findIndex((one) => one.to === detail)}].fields`
        : `body.mapping.details.${detail}.fields`
  for (const { path, say } of problems) {
    const rest = path.startsWith(place) ? path.slice(place.length) : null
    const number = rest === null ? null : /^\[(\d+)\]/.exec(rest)
    const at =
      rest === null
        ? undefined
        : number
          ? rules[Number(number[1])]?.to
          : rules
              .map(({ to }) => to)
              .filter((to) => rest === `.${to}` || rest.startsWith(`.${to}.`) || rest.startsWith(`.${to}[`))
              .sort((a, b) => b.length - a.length)[0]
    const isElsewhere = rest === null && /^body\.mapping\.(fields|details)/.test(path)
    if (isElsewhere) continue
    found.set(at ?? '', [...(found.get(at ?? '') ?? []), say])
  }
  return found
}
