/** Compiles formulas to closures: names to fields, every fault with its position, and no formula that runs for longer than its steps. */
import type { Fields, Json, Side } from '../doc/document.ts'
import type { Missing } from '../doc/flow.ts'
import { aggregates, type Around, type Computed, functions } from './formula-functions.ts'
import { type BinaryOp, type Node, parseFormula } from './formula-syntax.ts'
import {
  boolOf,
  bounded,
  compareValues,
  Exactly,
  fitting,
  isBlank,
  Moment,
  numberOf,
  textValue,
  type Value,
} from './formula-values.ts'
import { type FormulaFault, FormulaStop, quoted, stop } from './formula-words.ts'
import { isRecord, momentsAt, type Place } from './place.ts'
import { textOf } from './text.ts'
import type { Zone } from './zone.ts'

/** What a reference does while the record is not mapped, as a rule's `missing` says. */
export interface FormulaReference {
  pairId: string
  side: Side
  missing: Missing
}

/** What a name stands for. */
export type Found =
  /** Of the record or row at hand, or of the master. */
  | { kind: 'field'; place: Place; ofMaster: boolean }
  | { kind: 'id'; ofMaster: boolean }
  /** A column of the rows of a detail; null: the row itself, which is only counted. */
  | { kind: 'column'; detail: string; place: Place | null }
  | { kind: 'value'; value: Value | ReadonlyMap<string, Value> }
  | { kind: 'now' | 'today' }

export interface FormulaNames {
  zone: Zone
  find(segments: readonly string[], at: number): Found | FormulaFault
  /** A pair that MAPPED names, or the sentence that says why not. */
  reference(pair: string, missing: string | undefined): FormulaReference | string
}

/** One computation. */
export interface Frame {
  record: Fields
  master: Fields
  details: { [detail: string]: unknown }
  rowKey: string
  sourceId: string
  now: number
  seed: string
  /** The target's id of a referred record; undefined: the field cannot be written now, and the run was told why; null: go on without. */
  resolve(reference: FormulaReference, id: string): string | null | undefined
}

interface Run extends Frame {
  steps: number
  /** Some field that was looked at is there. */
  spoken: boolean
  row: Fields
  around: Around
}

type Compute = (run: Run) => Value

/** A reference of a formula, and how its id is found without computing the rest. */
export interface Mapped {
  reference: FormulaReference
  id(frame: Frame): string | null
}

export interface Formula {
  /** Undefined: no field that it looked at is there (absent never clears), or a reference keeps it from being written. */
  compute(frame: Frame): { value: Value | undefined } | { fault: FormulaFault }
  uses: readonly Extract<Found, { kind: 'field' | 'column' }>[]
  mapped: readonly Mapped[]
  /** Uses the time of the computation: no reason to send anything by itself. */
  isVolatile: boolean
}

/** So many steps a computation: a call is one, a row of an aggregate as many as its expression has parts. */
const mostSteps = 100_000

class LeftOut extends Error {}
const leftOut = new LeftOut()

const binaries: Record<
  Exclude<BinaryOp, '=' | '<>' | '<' | '<=' | '>' | '>='>,
  (a: Value, b: Value, at: number) => Value
> = {
  '&': (a, b, at) => fitting(textValue(a, at) + textValue(b, at), at),
  '+': (a, b, at) => bounded(numberOf(a, at).plus(numberOf(b, at)), at),
  '-': (a, b, at) => bounded(numberOf(a, at).minus(numberOf(b, at)), at),
  '*': (a, b, at) => bounded(numberOf(a, at).times(numberOf(b, at)), at),
  '/': (a, b, at) => {
    const by = numberOf(b, at)
    return by.isZero() ? stop('zero', at) : bounded(numberOf(a, at).div(by), at)
  },
  '^': (a, b, at) => power(a, b, at),
}

const power = (a: Value, b: Value, at: number): Value => {
  const exponent = numberOf(b, at)
  if (exponent.abs().gt(1_000)) return stop('range', at, exponent.toString(), '±1000')
  const base = numberOf(a, at)
  if (base.isZero() && exponent.isNegative()) return stop('zero', at)
  if (base.isNegative() && !exponent.isInteger()) return stop('root', at)
  return bounded(base.pow(exponent), at)
}

const comparing = (op: BinaryOp): ((order: number) => boolean) | null => {
  switch (op) {
    case '=':
      return (order) => order === 0
    case '<>':
      return (order) => order !== 0
    case '<':
      return (order) => order < 0
    case '<=':
      return (order) => order <= 0
    case '>':
      return (order) => order > 0
    case '>=':
      return (order) => order >= 0
    default:
      return null
  }
}

const countOf = (node: Node): number => {
  switch (node.kind) {
    case 'call':
      return 1 + node.args.reduce((sum, arg) => sum + countOf(arg), 0)
    case 'list':
      return 1 + node.items.reduce((sum, item) => sum + countOf(item), 0)
    case 'map':
      return 1 + node.entries.reduce((sum, [, value]) => sum + countOf(value), 0)
    case 'binary':
      return 1 + countOf(node.left) + countOf(node.right)
    case 'negative':
    case 'percent':
      return 1 + countOf(node.of)
    default:
      return 1
  }
}

const lazy: Readonly<Record<string, readonly [number, number]>> = {
  IF: [2, 3],
  IFS: [2, 250],
  SWITCH: [3, 250],
  AND: [1, 250],
  OR: [1, 250],
  COALESCE: [1, 250],
  IFERROR: [2, 2],
  LOOKUP: [2, 3],
  MAPPED: [2, 3],
}

export const functionNames: readonly string[] = [
  ...new Set([...Object.keys(lazy), ...Object.keys(functions), ...Object.keys(aggregates)]),
].sort()

const like = (name: string): string => {
  const near = functionNames.find((one) => one.startsWith(name.slice(0, 3)) || name.startsWith(one))
  return near ? ` (${near}?)` : ''
}

const spend = (run: Run, at: number, steps: number): void => {
  run.steps -= steps
  if (run.steps < 0) stop('steps', at)
}

/** Where in the formula the compiler is. */
interface Inside {
  /** An aggregate: which detail its expressions name, once one is known. */
  aggregate: { name: string; detail: string | null } | null
  /** The id of a MAPPED. */
  mapped: boolean
}

/** A field as it is; a date as a moment, where it can be read as one. */
const reading = (place: Place, zone: Zone): ((fields: Fields) => Value | undefined) => {
  const { def } = place
  if (def?.type !== 'date' && def?.type !== 'datetime') return place.read
  const moments = momentsAt(place, def.type)
  if (typeof moments === 'string') return place.read
  const day = def.type === 'date'
  return (fields) => {
    const value = place.read(fields)
    if (value === undefined || value === null || value === '') return value
    const instant = moments.read(value)
    if (Number.isNaN(instant)) return value
    return new Moment(instant, day, day ? moments.zone : zone)
  }
}

export const compileFormula = (text: string, names: FormulaNames): Formula | { faults: FormulaFault[] } => {
  const tree = parseFormula(text)
  if ('fault' in tree) return { faults: [tree.fault] }
  const faults: FormulaFault[] = []
  const uses: Extract<Found, { kind: 'field' | 'column' }>[] = []
  const mapped: Mapped[] = []
  let isVolatile = false
  const nothing: Compute = () => null
  const wrong = (fault: FormulaFault): Compute => {
    faults.push(fault)
    return nothing
  }

  const name = (node: Node & { kind: 'name' }, inside: Inside): Compute => {
    const { at, segments } = node
    const found = names.find(segments, at)
    const said = segments.join('.')
    if ('code' in found) return wrong(found)
    switch (found.kind) {
      case 'id':
        return found.ofMaster ? (run) => run.sourceId : (run) => run.rowKey
      case 'now':
      case 'today': {
        isVolatile = true
        const { compute } = functions[found.kind === 'now' ? 'NOW' : 'TODAY'] as Computed
        return (run) => compute([], run.around)
      }
      case 'value': {
        const { value } = found
        if (value instanceof Map) return wrong({ code: 'nested', at, a: said, b: said })
        return () => value as Value
      }
      case 'field': {
        uses.push(found)
        const read = reading(found.place, names.zone)
        const { ofMaster } = found
        return (run) => {
          const value = read(ofMaster ? run.master : run.record)
          if (value === undefined) return null
          run.spoken = true
          return value
        }
      }
      case 'column': {
        const { aggregate } = inside
        if (!aggregate) return wrong({ code: 'column', at, a: said })
        if (aggregate.detail !== null && aggregate.detail !== found.detail)
          return wrong({ code: 'columns', at, a: `${aggregate.detail}, ${found.detail}` })
        aggregate.detail = found.detail
        uses.push(found)
        if (!found.place) return () => true
        const read = reading(found.place, names.zone)
        return (run) => read(run.row) ?? null
      }
    }
  }

  const arity = (node: Node & { kind: 'call' }, least: number, most: number): boolean => {
    const count = node.args.length
    if (count >= least && count <= most) return true
    faults.push({
      code: 'arguments',
      at: node.at,
      a: node.name,
      b: least === most ? String(least) : `${least}…${most}`,
    })
    return false
  }

  /** One value for each row of the detail that the expression names; the expression itself where it names none. */
  const overRows = (node: Node, inside: Inside, aggregate: NonNullable<Inside['aggregate']>): Compute => {
    const own = { name: aggregate.name, detail: null as string | null }
    const compute = expression(node, { ...inside, aggregate: own })
    const { detail } = own
    if (detail === null) return compute
    const cost = countOf(node)
    return (run) => {
      const rows = Object.hasOwn(run.details, detail) ? run.details[detail] : undefined
      if (rows === undefined || rows === null) return []
      run.spoken = true
      if (!Array.isArray(rows)) return []
      const before = run.row
      const values: Value[] = []
      for (const row of rows as Json[]) {
        spend(run, node.at, cost)
        run.row = isRecord(row) ? row : {}
        values.push(compute(run))
      }
      run.row = before
      return values
    }
  }

  const lookup = (node: Node & { kind: 'call' }, inside: Inside): Compute => {
    const [what, table, otherwise] = node.args
    const value = expression(what as Node, inside)
    const fallback = otherwise && expression(otherwise, inside)
    const entries = new Map<string, Compute>()
    if (table?.kind === 'map') for (const [key, one] of table.entries) entries.set(key, expression(one, inside))
    else {
      const found = table?.kind === 'name' ? names.find(table.segments, table.at) : null
      if (!found || 'code' in found || found.kind !== 'value' || !(found.value instanceof Map))
        return wrong(found && 'code' in found ? found : { code: 'map', at: table?.at ?? node.at, a: 'LOOKUP' })
      for (const [key, one] of found.value as ReadonlyMap<string, Value>) entries.set(key, () => one)
    }
    const { at } = node
    const one = (run: Run, item: Value): Value => {
      if (isBlank(item)) return null
      const key = textValue(item, at)
      const hit = entries.get(key)
      if (hit) return hit(run)
      return fallback ? fallback(run) : stop('unmapped', at, quoted(key))
    }
    return (run) => {
      spend(run, at, 1)
      const item = value(run)
      return Array.isArray(item) ? item.map((each) => one(run, each)) : one(run, item)
    }
  }

  const referred = (node: Node & { kind: 'call' }, inside: Inside): Compute => {
    const [what, pair, missing] = node.args
    const { at } = node
    if (inside.aggregate) return wrong({ code: 'nested', at, a: 'MAPPED', b: inside.aggregate.name })
    if (inside.mapped) return wrong({ code: 'nested', at, a: 'MAPPED', b: 'MAPPED' })
    if (pair?.kind !== 'text') return wrong({ code: 'literal', at: pair?.at ?? at, a: 'MAPPED', b: '"pair"' })
    if (missing && missing.kind !== 'text')
      return wrong({
        code: 'literal',
        at: missing.at,
        a: 'MAPPED',
        b: '"wait", "pull", "stub", "empty", "later", "park"',
      })
    const reference = names.reference(pair.text, missing?.text)
    if (typeof reference === 'string') return wrong({ code: 'pair', at: pair.at, a: reference })
    const id = expression(what as Node, { ...inside, mapped: true })
    const idText = (run: Run): string | null => {
      const value = id(run)
      if (isBlank(value)) return null
      return textOf(value as Json) ?? textValue(value, at)
    }
    mapped.push({
      reference,
      id: (frame) => {
        try {
          return idText(runOf(frame))
        } catch (error) {
          if (error instanceof FormulaStop) return null // told when it is computed
          throw error
        }
      },
    })
    return (run) => {
      spend(run, at, 1)
      const value = idText(run)
      if (value === null || value === '') return null
      const found = run.resolve(reference, value)
      if (found === undefined) throw leftOut
      return found
    }
  }

  const lazily = (node: Node & { kind: 'call' }, inside: Inside): Compute => {
    const { at } = node
    if (node.name === 'LOOKUP') return lookup(node, inside)
    if (node.name === 'MAPPED') return referred(node, inside)
    const args = node.args.map((arg) => expression(arg, inside))
    const [first = nothing, second = nothing, third = nothing] = args
    switch (node.name) {
      case 'IF':
        return (run) => (boolOf(first(run), at) ? second(run) : third(run))
      case 'IFS':
        return (run) => {
          for (let i = 0; i + 1 < args.length; i += 2)
            if (boolOf((args[i] as Compute)(run), at)) return (args[i + 1] as Compute)(run)
          return args.length % 2 ? (args.at(-1) as Compute)(run) : null
        }
      case 'SWITCH':
        return (run) => {
          const value = first(run)
          let i = 1
          for (; i + 1 < args.length; i += 2)
            if (compareValues(value, (args[i] as Compute)(run), at) === 0) return (args[i + 1] as Compute)(run)
          return i < args.length ? (args[i] as Compute)(run) : null
        }
      case 'AND':
        return (run) => args.every((arg) => boolOf(arg(run), at))
      case 'OR':
        return (run) => args.some((arg) => boolOf(arg(run), at))
      case 'COALESCE':
        return (run) => {
          for (const arg of args) {
            const value = arg(run)
            if (!isBlank(value)) return value
          }
          return null
        }
      default:
        // IFERROR
        return (run) => {
          try {
            return first(run)
          } catch (error) {
            if (error instanceof FormulaStop && error.fault.code !== 'steps') return second(run)
            throw error
          }
        }
    }
  }

  const call = (node: Node & { kind: 'call' }, inside: Inside): Compute => {
    const { at, name: called } = node
    const bounds = lazy[called]
    if (bounds) return arity(node, ...bounds) ? lazily(node, inside) : nothing
    const aggregate = Object.hasOwn(aggregates, called) ? aggregates[called] : undefined
    const plain = Object.hasOwn(functions, called) ? functions[called] : undefined
    const known = aggregate ?? plain
    if (!known) return wrong({ code: 'function', at, a: called, b: like(called) })
    if (!arity(node, known.least, known.most)) return nothing
    if (called === 'NOW' || called === 'TODAY') isVolatile = true
    // MIN and MAX within an aggregate are the plain ones, of one row's values; any other goes over all rows again.
    const over = aggregate && !(plain && inside.aggregate)
    const args = node.args.map((arg) =>
      over ? overRows(arg, inside, { name: called, detail: null }) : expression(arg, inside),
    )
    const { compute } = known
    return (run) => {
      spend(run, at, 1)
      const values: Value[] = []
      for (const arg of args) values.push(arg(run))
      run.around.at = at
      return compute(values, run.around)
    }
  }

  const expression = (node: Node, inside: Inside): Compute => {
    const { at } = node
    switch (node.kind) {
      case 'number': {
        const value = new Exactly(node.text.replace(/\.$/, ''))
        if (!value.isZero() && Math.abs(value.e) > 500) return wrong({ code: 'number.size', at })
        return () => value
      }
      case 'text': {
        const { text: value } = node
        return () => value
      }
      case 'bool': {
        const { value } = node
        return () => value
      }
      case 'blank':
        return nothing
      case 'name':
        return name(node, inside)
      case 'list': {
        const items = node.items.map((item) => expression(item, inside))
        return (run) => items.map((item) => item(run))
      }
      case 'map':
        return wrong({ code: 'unexpected', at, a: '{…:…}', b: 'value' })
      case 'negative': {
        const of = expression(node.of, inside)
        return (run) => numberOf(of(run), at).neg()
      }
      case 'percent': {
        const of = expression(node.of, inside)
        return (run) => bounded(numberOf(of(run), at).div(100), at)
      }
      case 'call':
        return call(node, inside)
      case 'binary': {
        const left = expression(node.left, inside)
        const right = expression(node.right, inside)
        const holds = comparing(node.op)
        if (holds) return (run) => holds(compareValues(left(run), right(run), at))
        const compute = binaries[node.op as '+']
        return (run) => compute(left(run), right(run), at)
      }
    }
  }

  const runOf = (frame: Frame): Run => {
    const run: Run = {
      ...frame,
      steps: mostSteps,
      spoken: false,
      row: frame.record,
      around: {
        at: 0,
        zone: names.zone,
        now: frame.now,
        seed: frame.seed,
        spend: (steps) => spend(run, run.around.at, steps),
      },
    }
    return run
  }

  const whole = expression(tree, { aggregate: null, mapped: false })
  if (faults.length) return { faults }
  const looksAtFields = uses.length > 0
  return {
    uses,
    mapped,
    isVolatile,
    compute: (frame) => {
      const run = runOf(frame)
      try {
        const value = whole(run)
        return { value: looksAtFields && !run.spoken ? undefined : value }
      } catch (error) {
        if (error instanceof FormulaStop) return { fault: error.fault }
        if (error === leftOut) return { value: undefined }
        throw error
      }
    },
  }
}
