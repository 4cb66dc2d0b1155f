/** Compiles one field rule of a mapping, and says by path what does not fit. */
import { opposite, type Json, type Side } from '../doc/document.ts'
import type { FieldRule, PairDef, Reference } from '../doc/flow.ts'
import { printKey } from '../doc/print.ts'
import type { ReferenceStep, Step } from './apply.ts'
import { clearing, constant, type Convert, converter, type Options } from './convert.ts'
import { type Place, placeIn, type Shape, writer } from './place.ts'
import { columnName } from './prints.ts'

export interface Problem {
  /** `flows.left.mapping.fields[3].from` */
  path: string
  message: string
}
export type Complain = (path: string, message: string) => void

/** Where a rule stands: the two shapes it joins, and what is around it. */
export interface Between {
  from: Side
  def: PairDef
  source: Shape
  target: Shape
  /** The source's master, for `$.field`; null in a rule of the master itself. */
  master: Shape | null
  /** Code of the source detail; null for master fields and for the master as a row. */
  sourceDetail: string | null
  creates: boolean
  pairOf(pairId: string): PairDef | undefined
}

/** Converts a configured value at compile time. */
const fixed = (convert: Convert, value: Json, complain: (message: string) => void): Json | undefined => {
  if (value === null || value === '') return value
  return convert(value, (_code, _value, expected) => void complain(`the target field takes ${expected}`))
}

/** The side of the referred pair that lies on this flow's source connection (and the object there, where one system is on both sides). */
const nearSide = (referred: PairDef, between: Between, object: string | undefined): Side | undefined => {
  const here = between.def[between.from].connectionId
  const there = between.def[opposite(between.from)].connectionId
  const joins = (side: Side) => referred[side].connectionId === here && referred[opposite(side)].connectionId === there
  const first = between.from
  if (!joins(first)) return joins(opposite(first)) ? opposite(first) : undefined
  const both = joins(opposite(first))
  return both &&
    object !== undefined &&
    referred[first].object !== object &&
    referred[opposite(first)].object === object
    ? opposite(first)
    : first
}

const compileReference = (
  rule: FieldRule,
  between: Between,
  source: Place,
  target: Place,
  required: boolean,
  at: string,
  complain: Complain,
): ReferenceStep | null => {
  const { pair, missing } = rule.reference as NonNullable<FieldRule['reference']>
  const isSelf = pair === between.def.pairId
  const referred = isSelf ? between.def : between.pairOf(pair)
  if (!referred) {
    complain(`${at}.reference.pair`, `pair "${pair}" does not exist`)
    return null
  }
  const side = nearSide(referred, between, source.def?.references)
  if (!side) {
    const ends = (def: PairDef) => `${def.left.connectionId} and ${def.right.connectionId}`
    complain(`${at}.reference.pair`, `pair "${pair}" joins ${ends(referred)}, not ${ends(between.def)}`)
    return null
  }
  const points = (place: Place, object: string) => {
    if (place.def?.references === undefined || place.def.references === object) return
    complain(
      `${at}.reference.pair`,
      `"${place.path}" points to ${place.def.references}, but pair "${pair}" maps ${object}`,
    )
  }
  points(source, referred[side].object)
  points(target, referred[opposite(side)].object)
  const leavesOut = missing === 'later' || missing === 'empty'
  if (leavesOut && required && between.creates && rule.default === undefined) {
    complain(
      `${at}.reference.missing`,
      `"${target.path}" is required: a create cannot leave it out, so "${missing}" is not possible`,
    )
  }
  // A record may refer to one that refers back, so waiting would be for ever; where the field must be there, waiting is all that is left.
  const byDefault: Reference['missing'] = isSelf && !required ? 'later' : 'wait'
  return { pairId: pair, side, missing: missing ?? byDefault }
}

const compileOptions = (
  rule: FieldRule,
  fallback: Json | undefined,
  at: string,
  complain: Complain,
): Options | null => {
  if (!rule.options) {
    if (rule.unmapped !== undefined)
      complain(`${at}.unmapped`, 'says what becomes of options that are not listed, but there are no options')
    return null
  }
  const unmapped = rule.unmapped ?? 'park'
  if (unmapped === 'default' && rule.default === undefined) complain(`${at}.unmapped`, '"default" needs a default')
  return { map: new Map(Object.entries(rule.options)), unmapped, fallback }
}

/** What a rule reads: `$id`, `$.field` and `$.$id` from a row, a field by its path. */
const compileSource = (
  from: string,
  between: Between,
  at: string,
  complain: Complain,
): { kind: 'id' | 'field'; ofMaster: boolean; place: Place | null } | undefined => {
  const ofMaster = from.startsWith('$.')
  if (ofMaster && !between.master) {
    complain(`${at}.from`, `"${from}" reaches the master from a row of a detail; here write "${from.slice(2)}"`)
    return undefined
  }
  const path = ofMaster ? from.slice(2) : from
  const shape = ofMaster ? (between.master as Shape) : between.source
  if (path === '$id') return { kind: 'id', ofMaster: ofMaster || !between.master, place: null }
  const place = placeIn(shape, path)
  if (!place) complain(`${at}.from`, `"${path}" is not a field of ${shape.what}`)
  return place && { kind: 'field', ofMaster, place }
}

export interface CompiledRule {
  rule: FieldRule
  step: Step
  target: Place
}

/** Undefined where the rule cannot be compiled at all; what is wrong was said. */
export const compileRule = (
  rule: FieldRule,
  between: Between,
  at: string,
  complain: Complain,
): CompiledRule | undefined => {
  const target = placeIn(between.target, rule.to)
  const set = target && writer(target)
  if (!target) complain(`${at}.to`, `"${rule.to}" is not a field of ${between.target.what}`)
  else if (!set) complain(`${at}.to`, `"${rule.to}" leads into a list; a list is written as a whole`)
  if ((rule.from === undefined) === (rule.value === undefined)) {
    complain(
      at,
      rule.from === undefined
        ? 'needs a source field (from) or a fixed value (value)'
        : 'from and value exclude each other',
    )
    return undefined
  }
  const source = rule.from === undefined ? null : compileSource(rule.from, between, at, complain)
  if (rule.reference && rule.options) complain(`${at}.options`, 'a reference has no options')
  if (rule.reference && source?.kind !== 'field' && source !== undefined)
    complain(`${at}.reference`, 'a reference needs a source field')
  if (!target || !set || source === undefined) return undefined

  const direct = converter(null, target, null)
  if (typeof direct === 'string') {
    complain(`${at}.to`, direct)
    return undefined
  }
  const fallback =
    rule.default === undefined
      ? undefined
      : fixed(direct, constant(rule.default), (message) => complain(`${at}.default`, message))
  const required = rule.required ?? target.def?.required ?? false
  const options = compileOptions(rule, fallback, at, complain)
  const reference =
    rule.reference && source?.place
      ? compileReference(rule, between, source.place, target, required, at, complain)
      : null
  // A resolved reference is the target's id, an own id is plain text; neither is read as the source field's type.
  const convert = source?.place && !reference ? converter(source.place, target, options) : direct
  if (typeof convert === 'string') {
    complain(`${at}.from`, convert)
    return undefined
  }
  const value =
    rule.value === undefined ? null : fixed(direct, constant(rule.value), (message) => complain(`${at}.value`, message))
  if (rule.value !== undefined && required && (value === null || value === '')) {
    complain(`${at}.value`, `"${rule.to}" is required by the target`)
  }
  const sourceName = source?.place
    ? source.ofMaster || between.sourceDetail === null
      ? source.place.path
      : columnName(between.sourceDetail, source.place.path)
    : null
  return {
    rule,
    target,
    step: {
      to: rule.to,
      set,
      readTarget: target.read,
      kind: source ? source.kind : 'constant',
      source: source?.place ?? null,
      ofMaster: source?.ofMaster ?? false,
      constant: value ?? null,
      convert,
      cleared: clearing(target),
      fallback,
      required,
      reference,
      sourceKey: sourceName === null ? null : printKey(sourceName),
    },
  }
}
