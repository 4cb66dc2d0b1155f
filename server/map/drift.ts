/** Schema drift: what a record has that its object does not declare, and what it no longer has. Looked at where a mapping runs; nothing is changed by it. */
import type { Content, Json } from '../doc/document.ts'
import type { DriftKind, DriftPolicy, Finding, FlowDef } from '../doc/flow.ts'
import { emptyValue, type Print, printKey } from '../doc/print.ts'
import { shown } from './apply.ts'
import { readDecimal } from './decimal.ts'
import { isNumber, isRecord, momentsAt, type Place, type Shape } from './place.ts'
import { itemsOf, listTypes, textOf } from './text.ts'

export const driftKinds: readonly DriftKind[] = ['unknown', 'missing', 'type', 'option']

export const driftPolicy = (flow: Pick<FlowDef, 'drift'>, kind: DriftKind): DriftPolicy => flow.drift?.[kind] ?? 'warn'

/** What is looked at of one flow's source. `closely`: what a conversion would have refused, too. */
export type Watch = (content: Content, agreed: Print | undefined, closely: boolean) => Finding[] | null

interface Watched {
  place: Place
  key: number
}

const most = 20

/** Undefined: what stands there fits, or nothing does. */
type Fits = (value: Json) => boolean

const fitsOf = (place: Place): Fits | null => {
  switch (place.def?.type) {
    case 'decimal':
    case 'integer':
      return (value) =>
        isNumber(value) ||
        typeof value === 'boolean' ||
        (typeof value === 'string' && (value.trim() === '' || readDecimal(value) !== undefined))
    case 'date':
    case 'datetime': {
      const moments = momentsAt(place, place.def.type)
      if (typeof moments === 'string') return null
      return (value) => (typeof value === 'string' && value.trim() === '') || !Number.isNaN(moments.read(value))
    }
    case 'text':
    case 'reference':
      return (value) => textOf(value) !== undefined || Array.isArray(value)
    default:
      return null
  }
}

/** Options that the source's field declares, where it declares any. */
const optionsOf = ({ def }: Place): ((value: Json) => Json | undefined) | null => {
  if (!def?.options?.length || (def.type !== 'select' && def.type !== 'multiselect')) return null
  const known = new Set(def.options.map((option) => option.value))
  const separator = listTypes.separator(def)
  return (value) => itemsOf(value, separator)?.find((item) => !known.has(textOf(item) ?? ''))
}

/** Null where the flow ignores everything. `mapped`: what the rules read of the master; `isHeld`: the conversion refuses what does not fit. `details`: declared columns, by detail. */
export const compileWatch = (
  flow: Pick<FlowDef, 'drift'>,
  shape: Shape,
  mapped: readonly { place: Place; isHeld: boolean }[],
  details: ReadonlyMap<string, Shape>,
): Watch | null => {
  const heeds = (kind: DriftKind) => driftPolicy(flow, kind) !== 'ignore'
  if (!driftKinds.some(heeds)) return null
  const declaredOf = ({ fields, implied }: Shape) =>
    new Set([...fields.map(({ code }) => code.split(/[.[]/, 1)[0] as string), ...implied])
  const declared = heeds('unknown') && !shape.open ? declaredOf(shape) : null
  const columns = heeds('unknown')
    ? [...details].flatMap(([code, rows]) => (rows.open ? [] : [[code, declaredOf(rows)] as const]))
    : []
  const watched: Watched[] = heeds('missing') ? mapped.map(({ place }) => ({ place, key: printKey(place.path) })) : []
  const typed = heeds('type')
    ? mapped.flatMap(({ place, isHeld }) => {
        const fits = fitsOf(place)
        return fits ? [{ place, fits, isHeld }] : []
      })
    : []
  const chosen = heeds('option')
    ? mapped.flatMap(({ place }) => {
        const stranger = optionsOf(place)
        return stranger ? [{ place, stranger }] : []
      })
    : []
  return ({ masterFieldVal: master, detailFieldVals }, agreed, closely) => {
    let found: Finding[] | null = null
    const tell = (kind: DriftKind, field: string, sample?: Json): void => {
      found ??= []
      if (found.length < most) found.push({ kind, field, ...(sample !== undefined && { sample: shown(sample) }) })
    }
    if (declared) for (const code in master) if (!declared.has(code)) tell('unknown', code, master[code])
    for (const [code, names] of columns) {
      const row: unknown = detailFieldVals[code]?.[0]
      if (!isRecord(row as Json)) continue
      for (const column in row as { [key: string]: Json })
        if (!names.has(column)) tell('unknown', `${code}.${column}`, (row as { [key: string]: Json })[column])
    }
    if (agreed?.size)
      for (const { place, key } of watched) {
        const before = agreed.get(key)
        if (before !== undefined && before !== emptyValue && place.read(master) === undefined)
          tell('missing', place.path)
      }
    for (const { place, fits, isHeld } of typed) {
      if (isHeld && !closely) continue
      const value = place.read(master)
      if (value !== undefined && value !== null && value !== '' && !fits(value)) tell('type', place.path, value)
    }
    for (const { place, stranger } of chosen) {
      const value = place.read(master)
      if (value === undefined || value === null || value === '') continue
      const option = stranger(value)
      if (option !== undefined) tell('option', place.path, option)
    }
    return found
  }
}
