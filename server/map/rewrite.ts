/** What a function made of a body that is about to be sent: only what the mapping writes may be another value, and it must fit as a mapped one does. */
import type { Content, Fields, Json } from '../doc/document.ts'
import type { Fault } from '../doc/fault.ts'
import type { Outgoing } from '../doc/flow.ts'
import { shown } from './apply.ts'
import { writeJson } from './content.ts'
import { type Convert, converter } from './convert.ts'
import { isRecord, type Place, writer } from './place.ts'

/** A field that the function may write. */
export interface Writable {
  place: Place
  /** Null: an id. It stays as it is. */
  check: Convert | null
  required: boolean
  set(fields: Fields, value: Json): void
}

export interface Writables {
  fields: readonly Writable[]
  details: ReadonlyMap<string, readonly Writable[]>
}

/** A sentence where nothing can be written there. */
export const writable = (place: Place | undefined, isId: boolean, required: boolean): Writable | string => {
  const set = place && writer(place)
  if (!place || !set) return 'is no field that can be written'
  const check = isId ? null : converter(null, place, null)
  return typeof check === 'string' ? check : { place, check, required, set }
}

const isEmpty = (value: Json | undefined): boolean =>
  value === undefined || value === null || value === '' || (Array.isArray(value) && !value.length)

const same = (a: Json | undefined, b: Json | undefined): boolean =>
  a === b || (a !== undefined && b !== undefined && writeJson(a) === writeJson(b))

const wrong = (field: string, said: string): Fault => ({ code: 'function.result', stage: 'map', field, said })

/** Fields that nothing of the flow writes, by path: sent, they would be compared with nothing. */
const strangers = (value: Json, way: readonly string[], own: readonly Writable[]): string[] => {
  const leads = (place: Place): boolean => way.every((name, i) => place.segments[i] === name)
  const inside = own.filter(({ place }) => leads(place))
  if (inside.some(({ place }) => place.segments.length === way.length)) return []
  if (!inside.length || !isRecord(value)) return [way.join('.')]
  return Object.entries(value).flatMap(([key, one]) => strangers(one, [...way, key], inside))
}

interface Made {
  fields: Fields
  faults: Fault[]
}

/** One record or row: ids as they were, everything else as answered, checked where it is another value than before. */
const rewriteFields = (before: Fields, answer: Fields, own: readonly Writable[], isNew: boolean, at: string): Made => {
  const fields: Fields = {}
  const faults: Fault[] = Object.entries(answer).flatMap(([key, value]) =>
    value === undefined
      ? []
      : strangers(value, [key], own).map((path) =>
          wrong(`${at}${path}`, `${at}${path} is not mapped: name it in the flow’s functions.beforeWrite.fields`),
        ),
  )
  for (const { place, check, required, set } of own) {
    const field = `${at}${place.path}`
    const was = place.read(before)
    const is = place.read(answer)
    if (!check) {
      if (is !== undefined && !same(is, was))
        faults.push(wrong(field, `${field} is an id, which a function does not change`))
      if (was !== undefined) set(fields, was)
      continue
    }
    if (required && isEmpty(is) && (isNew || is !== undefined)) {
      faults.push({ code: 'map.required', stage: 'map', field })
      continue
    }
    if (is === undefined) continue
    if (isEmpty(is) || same(is, was)) {
      set(fields, is)
      continue
    }
    const made = check(is, (code, value, expected) => {
      faults.push({ code, stage: 'map', field, value: shown(value), expected })
      return undefined
    })
    if (made !== undefined) set(fields, made)
  }
  return { fields, faults }
}

/** Rows keep their number and order: they are bound to the source's by it. One that is not ours stays as it is. */
const rewriteRows = (outgoing: Outgoing, to: string, answer: unknown, own: readonly Writable[]): Made[] | Fault => {
  const before = outgoing.content.detailFieldVals[to] ?? []
  if (!Array.isArray(answer) || answer.length !== before.length)
    return wrong(to, `${to} must stay a list of ${before.length} rows: rows come and go in beforeMapping`)
  const keys = outgoing.sourceRows[to] ?? []
  return before.map((row, i): Made => {
    const given = answer[i] as Json
    if (keys[i] === null) return { fields: row, faults: [] }
    if (!isRecord(given)) return { fields: row, faults: [wrong(`${to}[${i}]`, `${to}[${i}] is no row`)] }
    return rewriteFields(row, given, own, false, `${to}[${i}].`)
  })
}

export const rewritten = (
  { fields: own, details }: Writables,
  outgoing: Outgoing,
  answer: Content,
): { outgoing: Outgoing } | { faults: Fault[] } => {
  const { content } = outgoing
  const master = rewriteFields(content.masterFieldVal, answer.masterFieldVal, own, outgoing.targetId === null, '')
  const faults = [...master.faults]
  const detailFieldVals: Content['detailFieldVals'] = { ...content.detailFieldVals }
  for (const [to, rows] of Object.entries(answer.detailFieldVals as { [detail: string]: unknown })) {
    if (!Object.hasOwn(content.detailFieldVals, to)) {
      faults.push(wrong(to, `${to} is no detail that is sent`))
      continue
    }
    const made = rewriteRows(outgoing, to, rows, details.get(to) ?? [])
    if (!Array.isArray(made)) faults.push(made)
    else {
      for (const one of made) faults.push(...one.faults)
      detailFieldVals[to] = made.map((one) => one.fields)
    }
  }
  if (faults.length) return { faults }
  return { outgoing: { ...outgoing, content: { masterFieldVal: master.fields, detailFieldVals } } }
}
