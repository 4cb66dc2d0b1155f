/** Compiles one field rule of a mapping, and says by path what does not fit. */
import { LosslessNumber } from 'lossless-json'
import { opposite, type Json, type Side } from '../doc/document.ts'
import type { FieldRule, FlowDef, Missing, PairDef, Reference } from '../doc/flow.ts'
import type { ObjectDef } from '../doc/object.ts'
import { printKey } from '../doc/print.ts'
import type { ReferenceStep, Step } from './apply.ts'
import { clearing, constant, type Convert, converter, type Options } from './convert.ts'
import { compileFormula, type Formula, type Found } from './formula.ts'
import { Exactly, type Moment, type Value } from './formula-values.ts'
import { type FormulaFault, formulaSentence } from './formula-words.ts'
import { dayOf, isDateFormat } from './moment.ts'
import { momentsAt, type Place, placeIn, rowShape, type Shape, writer } from './place.ts'
import { columnName } from './prints.ts'
import { listTypes } from './text.ts'
import { utc, zoneOf } from './zone.ts'

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
  /** Of the source, for the details that formulas reach. */
  object: ObjectDef
  zone: string
  params: FlowDef['params']
}

/** What a rule reads, for prints and owners. */
export interface Reads {
  /** `row`: the record or row at hand. */
  of: 'row' | 'master' | { detail: string }
  /** Null: the rows of the detail themselves. */
  place: Place | null
}

/** Converts a configured value at compile time. */
const fixed = (convert: Convert, value: Json, complain: (message: string) => void): Json | undefined => {
  if (value === null || value === '') return value
  return convert(value, (_code, _value, expected) => void complain(`the target field takes ${expected}`))
}

/** The side of the referred pair that lies on this flow's source connection (and the object there, where one system is on both sides). */
const nearSide = (
  referred: PairDef,
  between: Pick<Between, 'from' | 'def'>,
  object: string | undefined,
): Side | undefined => {
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

/** The pair and its side here; a sentence where it joins other systems. */
export const referredPair = (
  pair: string,
  between: Pick<Between, 'from' | 'def' | 'pairOf'>,
  object: string | undefined,
): { referred: PairDef; side: Side } | string => {
  const referred = pair === between.def.pairId ? between.def : between.pairOf(pair)
  if (!referred) return `pair "${pair}" does not exist`
  const side = nearSide(referred, between, object)
  if (side) return { referred, side }
  const ends = (def: PairDef) => `${def.left.connectionId} and ${def.right.connectionId}`
  return `pair "${pair}" joins ${ends(referred)}, not ${ends(between.def)}`
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
  const found = referredPair(pair, between, source.def?.references)
  if (typeof found === 'string') {
    complain(`${at}.reference.pair`, found)
    return null
  }
  const { referred, side } = found
  const points = (place: Place, object: string) => {
    if (place.def?.references === undefined || place.def.references === object) return
    complain(
      `${at}.reference.pair`,
      `"${place.path}" points to ${place.def.references}, but pair "${pair}" maps ${object}`,
    )
  }
  points(source, referred[side].object)
  points(target, referred[opposite(side)].object)
  if (missing === 'default' && rule.default === undefined)
    complain(`${at}.reference.missing`, '"default" needs a default')
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

// ── formulas ─────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────
const missings: readonly Missing[] = ['wait', 'pull', 'stub', 'empty', 'later', 'park']

/** `$id`, `$params.rate`, `$tenant` …; undefined: it begins with no such word. */
const variable = (segments: readonly string[], between: Between): Found | FormulaFault | undefined => {
  const [first = '', second] = segments
  if (!first.startsWith('$')) return undefined
  const { def, from, params = {} } = between
  const text = (value: string): Found => ({ kind: 'value', value })
  if (segments.length === 1)
    switch (first) {
      case '$id':
        return { kind: 'id', ofMaster: !between.master }
      case '$tenant':
        return text(def.tenantId)
      case '$source':
        return text(def[from].connectionId)
      case '$target':
        return text(def[opposite(from)].connectionId)
      case '$now':
        return { kind: 'now' }
      case '$today':
        return { kind: 'today' }
    }
  if (first === '$params' && second !== undefined && segments.length === 2 && Object.hasOwn(params, second)) {
    const value = params[second] as string | number | boolean | Record<string, string | number | boolean>
    if (typeof value !== 'object') return { kind: 'value', value: constant(value) }
    return {
      kind: 'value',
      value: new Map<string, Value>(Object.entries(value).map(([key, one]) => [key, constant(one)])),
    }
  }
  return { code: 'variable', at: 0, a: segments.join('.') }
}

/** What a name of a formula stands for, where the rule stands. */
const findName = (segments: readonly string[], at: number, between: Between): Found | FormulaFault => {
  const ofMaster = segments[0] === '$' && segments.length > 1
  if (ofMaster && segments[1] === '$id' && segments.length === 2) return { kind: 'id', ofMaster: true }
  const known = ofMaster ? undefined : variable(segments, between)
  if (known) return 'code' in known ? { ...known, at } : known
  const names = ofMaster ? segments.slice(1) : segments
  const shape = ofMaster ? (between.master ?? between.source) : between.source
  const path = names.join('.')
  if (ofMaster || !between.master) {
    const [first] = names
    const detail = between.object.details.find(({ code, apiName }) => code === first || apiName === first)
    if (detail && !shape.fields.some(({ code }) => code === path)) {
      if (names.length === 1) return { kind: 'column', detail: detail.code, place: null }
      const rows = rowShape(between.object, detail, between.zone)
      const place = placeIn(rows, names.slice(1).join('.'))
      return place
        ? { kind: 'column', detail: detail.code, place }
        : { code: 'field', at, a: names.slice(1).join('.'), b: rows.what }
    }
  }
  const place = placeIn(shape, path)
  return place
    ? { kind: 'field', place, ofMaster: ofMaster && between.master !== null }
    : { code: 'field', at, a: path, b: shape.what }
}

/** Compiled where the rule stands, or every fault with its position. */
export const formulaIn = (text: string, required: boolean, between: Between): Formula | { faults: FormulaFault[] } =>
  compileFormula(text, {
    zone: zoneOf(between.zone) ?? utc,
    find: (segments, here) => findName(segments, here, between),
    reference: (pair, given) => {
      const missing = missings.find((one) => one === given)
      if (given !== undefined && !missing) return `"${given}" is not possible: one of ${missings.join(', ')}`
      const found = referredPair(pair, between, undefined)
      if (typeof found === 'string') return found
      const isSelf = pair === between.def.pairId
      return { pairId: pair, side: found.side, missing: missing ?? (isSelf && !required ? 'later' : 'wait') }
    },
  })

const compileRuleFormula = (
  text: string,
  required: boolean,
  between: Between,
  at: string,
  complain: Complain,
): Formula | undefined => {
  const made = formulaIn(text, required, between)
  if (!('faults' in made)) return made
  for (const fault of made.faults) complain(at, formulaSentence(fault))
  return undefined
}

const readsOf = (formula: Formula): Reads[] =>
  formula.uses.map((used) =>
    used.kind === 'column'
      ? { of: { detail: used.detail }, place: used.place }
      : { of: used.ofMaster ? 'master' : 'row', place: used.place },
  )

/** How a moment is written there; null: as text. */
const momentWriter = (target: Place): ((moment: Moment) => Json | undefined) | null => {
  const type = target.def?.type
  const isDate = type === 'date' || type === 'datetime'
  if (!isDate && !isDateFormat(target.def?.format)) return null
  const to = momentsAt(target, isDate ? type : 'datetime')
  if (typeof to === 'string') return null
  return (moment) => {
    const day = moment.day || type === 'date'
    const instant = day ? to.zone.instant(dayOf(moment.instant, moment.day ? moment.zone : to.zone)) : moment.instant
    return to.write(instant, false)
  }
}

/** A computed number keeps no more places than the target field does. */
const scaled = (target: Place, convert: Convert): Convert => {
  const scale = target.def?.compare?.scale
  if (scale === undefined) return convert
  return (value, refuse) =>
    convert(
      value instanceof LosslessNumber
        ? new LosslessNumber(new Exactly(value.value).toDecimalPlaces(scale).toString())
        : value,
      refuse,
    )
}

/** Words of `from` that are constants, and so are computed as formulas are. */
const isConstantName = (from: string): boolean => /^\$(?:tenant|source|target|now|today|params\..+)$/.test(from)

const formulaOf = (rule: FieldRule): string | undefined => {
  if (rule.formula !== undefined) return rule.formula
  if (rule.from === undefined || !isConstantName(rule.from)) return undefined
  return rule.from.startsWith('$params.') ? `$params.[${rule.from.slice(8).replaceAll(']', ']]')}]` : rule.from
}

export interface CompiledRule {
  rule: FieldRule
  step: Step
  target: Place
  reads: Reads[]
  /** Says nothing that another look could compare: it travels with other changes only. */
  isVolatile: boolean
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
  const ways = [rule.from, rule.value, rule.formula].filter((one) => one !== undefined).length
  if (ways !== 1) {
    complain(
      at,
      ways === 0
        ? 'needs a source field (from), a fixed value (value) or a formula'
        : rule.formula === undefined
          ? 'from and value exclude each other'
          : 'from, value and formula exclude each other',
    )
    return undefined
  }
  const required = rule.required ?? target?.def?.required ?? false
  const text = formulaOf(rule)
  const formula =
    text === undefined
      ? null
      : compileRuleFormula(
          text,
          required,
          between,
          rule.formula === undefined ? `${at}.from` : `${at}.formula`,
          complain,
        )
  if (formula === undefined) return undefined
  const source = rule.from === undefined || formula ? null : compileSource(rule.from, between, at, complain)
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
  const options = compileOptions(rule, fallback, at, complain)
  const reference =
    rule.reference && source?.place
      ? compileReference(rule, between, source.place, target, required, at, complain)
      : null
  // A resolved reference is the target's id, an own id is plain text, and what was computed is no field of the source.
  const from = source?.place ?? null
  const readsAs = formula || (reference && !listTypes.has(from?.def ?? null)) ? null : from
  const made = converter(readsAs, target, options)
  if (typeof made === 'string') {
    complain(`${at}.from`, made)
    return undefined
  }
  const convert = formula ? scaled(target, made) : made
  const value =
    rule.value === undefined ? null : fixed(direct, constant(rule.value), (message) => complain(`${at}.value`, message))
  if (rule.value !== undefined && required && (value === null || value === '')) {
    complain(`${at}.value`, `"${rule.to}" is required by the target`)
  }
  const reads: Reads[] = formula
    ? readsOf(formula)
    : source?.place
      ? [{ of: source.ofMaster ? 'master' : 'row', place: source.place }]
      : []
  const { def } = between
  return {
    rule,
    target,
    reads,
    isVolatile: formula?.isVolatile ?? false,
    step: {
      to: rule.to,
      set,
      readTarget: target.read,
      kind: formula ? 'formula' : source ? source.kind : 'constant',
      source: source?.place ?? null,
      ofMaster: source?.ofMaster ?? false,
      constant: value ?? null,
      formula,
      seed: `${def.tenantId}/${def.pairId}/${between.from}/${rule.to}`,
      writeMoment: formula && momentWriter(target),
      convert,
      cleared: clearing(target),
      fallback,
      required,
      reference,
      isList: target.def !== null && listTypes.has(target.def),
      write: rule.write === undefined || rule.write === 'always' ? null : rule.write,
      targetKey: printKey(target.path),
      sourceKeys: reads.flatMap((one) => (one.place ? [printKey(nameOf(one, between))] : [])),
      text: rule.formula ?? rule.from ?? null,
    },
  }
}

/** The name under which prints have what a rule reads. */
export const nameOf = ({ of, place }: Reads, between: Pick<Between, 'sourceDetail'>): string => {
  const path = place?.path ?? ''
  if (typeof of === 'object') return columnName(of.detail, path)
  return of === 'master' || between.sourceDetail === null ? path : columnName(between.sourceDetail, path)
}
