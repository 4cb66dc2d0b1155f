/** Reads pairs with their flows and mappings, and holds them against the objects of both sides. */
import { opposite, type Side, sides } from '../doc/document.ts'
import type {
  Condition,
  DetailRule,
  DriftKind,
  DriftPolicy,
  FieldRule,
  FlowDef,
  FlowFunctions,
  Mapping,
  MappingTest,
  MatchField,
  MatchRule,
  PairDef,
} from '../doc/flow.ts'
import type { DetailDef, FieldDef, ObjectDef } from '../doc/object.ts'
import { type ConnectionConfig, flowDefaults, type PairConfig } from './config.ts'
import { type Context, complain } from './context.ts'
import { readReconcile } from './poll.ts'
import { didYouMean, type Path } from './problem.ts'
import type { FlowFile, PairFile, RulesFile, ScopeFile } from './schema.ts'

interface End {
  connection: ConnectionConfig
  object: ObjectDef
}
type Ends = Record<Side, End>
/** The ends of every pair that could be read: references are held against them. */
export type AllEnds = ReadonlyMap<string, Partial<Ends>>

const flowKey = { left: 'leftToRight', right: 'rightToLeft' } as const

/** The fields of a record or of a row. Where none are declared, nothing can be said about a name. `implied` need no declaration. */
interface Shape {
  fields: readonly FieldDef[]
  idField?: string
  implied: readonly (string | undefined)[]
  what: string
}

const shapeOf = (object: ObjectDef): Shape => ({
  fields: object.fields,
  idField: object.idField,
  implied: [object.idField, object.externalIdField, object.modifiedField, object.nameField],
  what: `object ${object.code}`,
})

const rowsOf = (object: ObjectDef, detail: DetailDef): Shape => ({
  fields: detail.fields,
  ...(detail.idField !== undefined && { idField: detail.idField }),
  implied: [detail.idField],
  what: `detail ${detail.code} of ${object.code}`,
})

/** The declared field that a path begins with; `address.city` reaches into `address`. */
const fieldAt = (shape: Shape, path: string): FieldDef | undefined =>
  shape.fields.find((field) => field.code === path) ??
  shape.fields.find((field) => path.startsWith(`${field.code}.`) || path.startsWith(`${field.code}[`))

const checkField = (
  context: Context,
  shape: Shape,
  name: string,
  path: Path,
  part: 'key' | 'value' = 'value',
): FieldDef | undefined => {
  const field = fieldAt(shape, name)
  const isOpen = shape.fields.every(({ code }) => shape.implied.includes(code))
  if (!field && !isOpen && !shape.implied.includes(name)) {
    complain(
      context,
      path,
      `"${name}" is not a field of ${shape.what}${didYouMean(
        name,
        shape.fields.map((one) => one.code),
      )}`,
      { part },
    )
  }
  return field
}

export const readEnd = (
  context: Context,
  connections: readonly ConnectionConfig[],
  given: PairFile['left'],
  path: Path,
): End | undefined => {
  const short = typeof given === 'string'
  const slash = short ? given.indexOf('/') : 0
  const connectionId = short ? given.slice(0, slash) : String(given.connection)
  const name = short ? given.slice(slash + 1) : given.object
  const connection = connections.find((one) => one.def.connectionId === connectionId)
  if (!connection) {
    const known = connections.map((one) => one.def.connectionId)
    complain(
      context,
      short ? path : [...path, 'connection'],
      `connection "${connectionId}" is not declared${didYouMean(connectionId, known)}`,
    )
    return undefined
  }
  const object =
    connection.objects.find((one) => one.code === name) ?? connection.objects.find((one) => one.apiName === name)
  if (!object) {
    const known = connection.objects.map((one) => one.code)
    complain(
      context,
      short ? path : [...path, 'object'],
      `object "${name}" is not declared on connection ${connectionId}${didYouMean(name, known)}`,
    )
    return undefined
  }
  return { connection, object }
}

/** As source of a detail: one row made of the master itself. */
const masterAsRow = '$'

// ── mapping ──────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────
interface Between {
  source: Shape
  target: Shape
  /** The master's shape, for rules of a detail. */
  master: Shape | null
  from: Side
  ends: Ends
  all: AllEnds
}

type RuleFile = Exclude<Extract<RulesFile, unknown[]>[number], string>

/** Both spellings as one list, each entry with its path. */
const entriesOf = (given: RulesFile | undefined, path: Path): { rule: RuleFile; path: Path; keyed: boolean }[] => {
  if (!given) return []
  if (Array.isArray(given)) return given.map((rule, i) => ({ rule, path: [...path, i], keyed: false }))
  return Object.entries(given).map(([to, rule]) => ({
    rule: typeof rule === 'string' ? { to, from: rule } : { ...rule, to },
    path: [...path, to],
    keyed: true,
  }))
}

const checkSource = (context: Context, between: Between, from: string, path: Path): FieldDef | undefined => {
  if (from === '$id' || /^\$(?:tenant|source|target|now|today|params\..+)$/.test(from)) return undefined
  if (from.startsWith('$.')) {
    if (between.master) return checkField(context, between.master, from.slice(2), path)
    complain(context, path, `"${from}" reaches the master from a row of a detail; here write "${from.slice(2)}"`)
    return undefined
  }
  if (from.startsWith('$')) {
    complain(
      context,
      path,
      `"${from}" is not possible: $id is the record’s own id, $.field a field of the master, $params.name, $tenant, $source, $target, $now, $today are constants`,
    )
    return undefined
  }
  return checkField(context, between.source, from, path)
}

const checkOptions = (
  context: Context,
  rule: RuleFile,
  source: FieldDef | undefined,
  target: FieldDef | undefined,
  path: Path,
): void => {
  const at = [...path, 'options']
  const offered = (field: FieldDef | undefined) => field?.options?.map((option) => option.value)
  const from = offered(source)
  const to = offered(target)
  for (const [option, becomes] of Object.entries(rule.options ?? {})) {
    if (from && !from.includes(option))
      complain(context, [...at, option], `"${option}" is not an option of ${source?.code}${didYouMean(option, from)}`, {
        part: 'key',
      })
    if (to && !to.includes(String(becomes)))
      complain(
        context,
        [...at, option],
        `"${becomes}" is not an option of ${target?.code}${didYouMean(String(becomes), to)}`,
      )
  }
}

const checkReference = (
  context: Context,
  between: Between,
  rule: RuleFile,
  source: FieldDef | undefined,
  path: Path,
): FieldRule['reference'] => {
  if (rule.reference === undefined) return undefined
  const short = typeof rule.reference === 'string'
  const at = short ? [...path, 'reference'] : [...path, 'reference', 'pair']
  const { pair, missing } =
    typeof rule.reference === 'string' ? { pair: rule.reference, missing: undefined } : rule.reference
  const reference = { pair, ...(missing !== undefined && { missing }) }
  const referred = between.all.get(pair)
  if (!referred) {
    complain(context, at, `pair "${pair}" is not declared${didYouMean(pair, between.all.keys())}`)
    return reference
  }
  const { left, right } = referred
  if (!left || !right) return reference // that pair has a problem of its own
  const here = between.ends[between.from].connection.def.connectionId
  const there = between.ends[opposite(between.from)].connection.def.connectionId
  const near = sides.find(
    (side) =>
      referred[side]?.connection.def.connectionId === here &&
      referred[opposite(side)]?.connection.def.connectionId === there,
  )
  if (!near) {
    complain(
      context,
      at,
      `pair "${pair}" joins ${left.connection.def.connectionId} and ${right.connection.def.connectionId}, not ${here} and ${there}`,
    )
    return reference
  }
  const object = referred[near]?.object
  if (
    object &&
    source?.references !== undefined &&
    source.references !== object.code &&
    source.references !== object.apiName
  ) {
    complain(context, at, `${source.code} points to ${source.references}, but pair "${pair}" maps ${object.code}`)
  }
  return reference
}

const readRule = (
  context: Context,
  between: Between,
  { rule, path, keyed }: ReturnType<typeof entriesOf>[number],
): FieldRule => {
  const target = checkField(context, between.target, rule.to, keyed ? path : [...path, 'to'], keyed ? 'key' : 'value')
  const short = keyed && typeof context.read.written(path) === 'string'
  const source =
    rule.from === undefined ? undefined : checkSource(context, between, rule.from, short ? path : [...path, 'from'])
  if (rule.to === between.target.idField && rule.from === '$id') {
    complain(
      context,
      path,
      `${rule.to} is the record’s own id at the target, which ID mapping takes care of; do both systems really share their ids?`,
      { part: keyed ? 'key' : 'value', level: 'warning' },
    )
  }
  const has = (key: keyof RuleFile) => rule[key] !== undefined
  const ways = (['from', 'value', 'formula'] as const).filter(has)
  const [, second] = ways
  if (ways.length !== 1) {
    const say = second
      ? `${ways.map((way) => `"${way}"`).join(' and ')} exclude each other`
      : 'needs "from" (a source field), "value" (a fixed value) or "formula"'
    complain(context, second ? [...path, second] : path, say, { part: second || keyed ? 'key' : 'value' })
  }
  if (has('value')) {
    for (const key of ['options', 'reference', 'default', 'unmapped'] as const) {
      if (has(key)) complain(context, [...path, key], `a fixed value has no "${key}"`, { part: 'key' })
    }
  }
  if (has('formula') && has('reference'))
    complain(context, [...path, 'reference'], 'a formula names its references by MAPPED(id, "pair")', { part: 'key' })
  if (has('options') && has('reference'))
    complain(context, [...path, 'options'], 'a reference has no options', { part: 'key' })
  if (has('unmapped') && !has('options'))
    complain(context, [...path, 'unmapped'], 'says what becomes of options that are not listed; "options" is missing', {
      part: 'key',
    })
  if (rule.unmapped === 'default' && !has('default'))
    complain(context, [...path, 'unmapped'], 'unmapped: default needs "default"')
  checkOptions(context, rule, source, target, path)
  const reference = checkReference(context, between, rule, source, path)
  return {
    to: rule.to,
    ...(rule.from !== undefined && { from: rule.from }),
    ...(rule.formula !== undefined && { formula: rule.formula }),
    ...(rule.value !== undefined && { value: rule.value }),
    ...(rule.default !== undefined && { default: rule.default }),
    ...(rule.options && {
      options: Object.fromEntries(Object.entries(rule.options).map(([from, to]) => [from, String(to)])),
    }),
    ...(rule.unmapped !== undefined && { unmapped: rule.unmapped }),
    ...(reference && { reference }),
    ...(rule.required !== undefined && { required: rule.required }),
    ...(rule.write !== undefined && rule.write !== 'always' && { write: rule.write }),
    ...(rule.owner !== undefined && { owner: rule.owner }),
  }
}

const readRules = (context: Context, between: Between, given: RulesFile | undefined, path: Path): FieldRule[] => {
  const entries = entriesOf(given, path)
  const seen = new Set<string>()
  return entries.map((entry) => {
    if (seen.has(entry.rule.to)) complain(context, [...entry.path, 'to'], `"${entry.rule.to}" is mapped twice`)
    seen.add(entry.rule.to)
    return readRule(context, between, entry)
  })
}

const detailEntries = (given: FlowFile['mapping']['details'], path: Path) => {
  if (!given) return []
  if (Array.isArray(given)) return given.map((rule, i) => ({ rule, path: [...path, i], keyed: false }))
  return Object.entries(given).map(([to, rule]) => ({ rule: { ...rule, to }, path: [...path, to], keyed: true }))
}

const readMapping = (
  context: Context,
  from: Side,
  ends: Ends,
  all: AllEnds,
  given: FlowFile['mapping'],
  path: Path,
): Mapping => {
  const source = ends[from].object
  const target = ends[opposite(from)].object
  const master = { source: shapeOf(source), target: shapeOf(target), master: null, from, ends, all }
  const find = (object: ObjectDef, name: string, at: Path, part: 'key' | 'value') => {
    const found = object.details.find((one) => one.code === name) ?? object.details.find((one) => one.apiName === name)
    if (!found) {
      const known = object.details.map((one) => one.code)
      complain(
        context,
        at,
        `"${name}" is not a detail of ${object.code}${known.length ? didYouMean(name, known) : '; it has none'}`,
        { part },
      )
    }
    return found
  }
  const seen = new Set<string>()
  const details = detailEntries(given.details, [...path, 'details']).map(({ rule, path: at, keyed }): DetailRule => {
    const there = find(target, rule.to, keyed ? at : [...at, 'to'], keyed ? 'key' : 'value')
    const here = rule.from === masterAsRow ? undefined : find(source, rule.from, [...at, 'from'], 'value')
    const to = there?.code ?? rule.to
    if (seen.has(to)) complain(context, at, `detail "${to}" is mapped twice`, { part: keyed ? 'key' : 'value' })
    seen.add(to)
    const nothing: Shape = { fields: [], implied: [], what: '' }
    const between: Between = {
      source: here ? rowsOf(source, here) : rule.from === masterAsRow ? master.source : nothing,
      target: there ? rowsOf(target, there) : nothing,
      master: master.source,
      from,
      ends,
      all,
    }
    return {
      from: here?.code ?? rule.from,
      to,
      policy: rule.policy ?? 'replace',
      fields: readRules(context, between, rule.fields, [...at, 'fields']),
    }
  })
  return { fields: readRules(context, master, given.fields, [...path, 'fields']), details }
}

// ── flows ────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────
const listOps = new Set<Condition['op']>(['in', 'notIn'])
const bareOps = new Set<Condition['op']>(['empty', 'notEmpty'])

const readScope = (
  context: Context,
  source: Shape,
  target: Shape,
  given: ScopeFile | undefined,
  path: Path,
): Condition[] => {
  if (!given) return []
  const shape = source
  if (Array.isArray(given)) {
    return given.map((condition, i): Condition => {
      const at = [...path, i]
      if (condition.field !== '$id')
        checkField(context, condition.of ? target : source, condition.field, [...at, 'field'])
      const { value } = condition
      if (bareOps.has(condition.op) ? value !== undefined : value === undefined) {
        complain(
          context,
          at,
          bareOps.has(condition.op) ? `"${condition.op}" takes no value` : `"${condition.op}" needs a value`,
        )
      } else if (value !== undefined && listOps.has(condition.op) !== Array.isArray(value)) {
        complain(
          context,
          [...at, 'value'],
          listOps.has(condition.op)
            ? `"${condition.op}" needs a list`
            : `"${condition.op}" takes one value; for several write op: in`,
        )
      }
      return condition
    })
  }
  return Object.entries(given).flatMap(([field, said]): Condition[] => {
    if (field !== '$id') checkField(context, shape, field, [...path, field], 'key')
    if (Array.isArray(said)) return [{ field, op: 'in', value: said }]
    if (typeof said !== 'object') return [{ field, op: 'eq', value: said }]
    return (Object.entries(said) as [Condition['op'], Condition['value'] | true][]).map(([op, value]) =>
      bareOps.has(op) ? { field, op } : { field, op, value },
    )
  })
}

/** What the target must offer so that the flow’s promises hold. */
const checkTarget = (context: Context, flow: FlowDef, target: End, path: Path): void => {
  const { def } = target.connection
  const { object } = target
  const external = object.externalIdField
  if (
    flow.actions.create &&
    external === undefined &&
    (def.recognise === 'byWindow' || def.recognise === 'externalIdUnique' || def.recognise === 'byId')
  ) {
    complain(
      context,
      path,
      `connection ${def.connectionId} recognises an earlier create ${def.recognise}, which needs externalIdField on object ${object.code}; or set recognise: none there, and a person decides when an answer was lost`,
      { part: 'key' },
    )
  }
  if (flow.matchBeforeCreate && !flow.match && external === undefined) {
    complain(context, [...path, 'matchBeforeCreate'], `needs externalIdField on object ${object.code}`, { part: 'key' })
  }
  if (flow.matchBeforeCreate && !def.readable) {
    complain(
      context,
      [...path, 'matchBeforeCreate'],
      `connection ${def.connectionId} cannot be read (readable: false)`,
      { part: 'key' },
    )
  }
  if (def.kind === 'masterdata-batch') {
    if (flow.actions.create && !flow.mapping.fields.some((rule) => rule.to === object.idField))
      complain(context, [...path, 'mapping'], `${object.idField} is the key of a row and must be mapped`)
    if (flow.actions.void === 'invalid')
      complain(
        context,
        [...path, 'actions', 'void'],
        'a batch has no interface invalid; write for example {field: enabled_flag, value: N}',
      )
  }
  if (typeof flow.actions.void === 'object')
    checkField(context, shapeOf(object), flow.actions.void.field, [...path, 'actions', 'void', 'field'])
}

/** What is told back are fields of the source that nobody else owns. */
const checkWriteBack = (context: Context, flow: FlowDef, ends: Ends, path: Path): void => {
  const { object } = ends[flow.from]
  const theirs = shapeOf(ends[opposite(flow.from)].object)
  for (const [field, told] of Object.entries(flow.writeBack ?? {})) {
    const at = [...path, 'writeBack', field]
    const own = [object.idField, object.externalIdField, object.modifiedField].includes(field)
    if (own) complain(context, at, `"${field}" is not to be told: it belongs to the record itself`, { part: 'key' })
    else checkField(context, shapeOf(object), field, at, 'key')
    if (typeof told === 'object') checkField(context, theirs, told.field, [...at, 'field'])
  }
}

const readFlow = (context: Context, from: Side, ends: Ends, all: AllEnds, given: FlowFile, path: Path): FlowDef => {
  const d = flowDefaults
  const voids = given.actions?.void ?? 'skip'
  const voidsGone = ends[from].object.poll?.sweep?.onGone === 'void'
  const mapping = readMapping(context, from, ends, all, given.mapping, [...path, 'mapping'])
  const flow: FlowDef = {
    from,
    state: given.state ?? d.state,
    scope: readScope(context, shapeOf(ends[from].object), shapeOf(ends[opposite(from)].object), given.scope, [
      ...path,
      'scope',
    ]),
    actions: {
      create: given.actions?.create ?? true,
      update: given.actions?.update ?? true,
      void: typeof voids === 'string' ? voids : { field: voids.field, value: String(voids.value) },
    },
    leavingScope: given.leavingScope ?? d.leavingScope,
    // A sweep that voids what is gone needs flows that do so.
    goneAtSource: given.goneAtSource ?? (voidsGone ? 'void' : d.goneAtSource),
    repush: given.repush ?? d.repush,
    matchBeforeCreate: matches(given, ends[opposite(from)]),
    ...(Array.isArray(given.matchBeforeCreate) && {
      match: readMatch(context, ends, from, given.matchBeforeCreate, [...path, 'matchBeforeCreate']),
    }),
    ...(given.writeBack && { writeBack: given.writeBack }),
    ...(given.functions && Object.keys(given.functions).length > 0 && { functions: readSteps(given.functions) }),
    mapping,
    ...(given.params && Object.keys(given.params).length > 0 && { params: given.params }),
    ...(given.drift !== undefined && { drift: readDrift(given.drift) }),
    ...(given.tests?.length && {
      tests: given.tests.map((test, i) => readTest(context, test, [...path, 'tests', i])),
    }),
    ...(given.reconcile && {
      reconcile: readReconcile(
        context,
        given.reconcile,
        { source: ends[from].connection.def, target: ends[opposite(from)].connection.def },
        [...path, 'reconcile'],
      ),
    }),
  }
  if (voidsGone && given.goneAtSource === 'keep')
    complain(
      context,
      [...path, 'goneAtSource'],
      `the sweep of object ${ends[from].object.code} says onGone: void; say onGone: mark there, or leave this out`,
    )
  checkTarget(context, flow, ends[opposite(from)], path)
  checkWriteBack(context, flow, ends, path)
  return flow
}

/** That they exist, and are of that kind, is looked at where all functions are known. */
const readSteps = (given: NonNullable<FlowFile['functions']>): FlowFunctions => {
  const { beforeMapping, beforeWrite, afterWrite } = given
  return {
    ...(beforeMapping !== undefined && { beforeMapping }),
    ...(beforeWrite !== undefined && {
      beforeWrite:
        typeof beforeWrite === 'string'
          ? { function: beforeWrite, fields: [] }
          : { function: beforeWrite.function, fields: beforeWrite.fields ?? [] },
    }),
    ...(afterWrite !== undefined && { afterWrite }),
  }
}

/** By rules: our id is asked for as well, where the target has a field for it and can be read. */
const matches = (given: FlowFile, target: End): boolean =>
  Array.isArray(given.matchBeforeCreate)
    ? target.object.externalIdField !== undefined && target.connection.def.readable
    : (given.matchBeforeCreate ?? flowDefaults.matchBeforeCreate)

const readMatch = (
  context: Context,
  ends: Ends,
  from: Side,
  given: Exclude<FlowFile['matchBeforeCreate'], boolean | undefined>,
  path: Path,
): MatchRule[] => {
  const target = ends[opposite(from)]
  if (!target.connection.def.readable)
    complain(context, path, `connection ${target.connection.def.connectionId} cannot be read (readable: false)`)
  return given.map((rule, i) =>
    Object.entries(rule).map(([field, said]): MatchField => {
      const at = [...path, i, field]
      checkField(context, shapeOf(ends[from].object), field, at, 'key')
      const { to, as = 'code' } = typeof said === 'string' ? { to: said } : said
      checkField(context, shapeOf(target.object), to, typeof said === 'string' ? at : [...at, 'to'])
      return { from: field, to, as }
    }),
  )
}

const readDrift = (given: NonNullable<FlowFile['drift']>): Partial<Record<DriftKind, DriftPolicy>> => {
  if (typeof given !== 'string') return given
  return { unknown: given, missing: given, type: given, option: given }
}

/** As JSON text, checked: what a test says is not kept as doubles where it is given as text. */
const readBody = (context: Context, given: string | object, path: Path): string => {
  const text = typeof given === 'string' ? given : JSON.stringify(given)
  try {
    const value: unknown = JSON.parse(text)
    if (typeof value !== 'object' || value === null || Array.isArray(value))
      complain(context, path, 'must be a record: {"masterFieldVal": {…}, "detailFieldVals": {…}}')
  } catch (error) {
    complain(context, path, `is not JSON: ${(error as Error).message}`)
  }
  return text
}

const readTest = (context: Context, given: NonNullable<FlowFile['tests']>[number], path: Path): MappingTest => {
  if ((given.expect === undefined) === (given.fault === undefined))
    complain(context, path, 'needs "expect" (fields that come out) or "fault" (its code)')
  return {
    name: given.name,
    id: String(given.id ?? 'test'),
    record: readBody(context, given.record, [...path, 'record']),
    ...(given.target !== undefined && { target: readBody(context, given.target, [...path, 'target']) }),
    ...(given.targetId !== undefined && { targetId: String(given.targetId) }),
    ...(given.mapped && { mapped: given.mapped }),
    ...(given.now !== undefined && { now: given.now }),
    ...(given.expect !== undefined && { expect: readBody(context, given.expect, [...path, 'expect']) }),
    ...(given.fault !== undefined && { fault: given.fault }),
  }
}

const isMap = (value: unknown): value is object => value !== null && typeof value === 'object' && !Array.isArray(value)

/**
 * Where a complaint of the mapping's compiler (`flows.left.mapping.fields[3].from`) stands in the file: lists are counted in the order
 * in which the file was read, short spellings have no inner keys.
 */
export const placeOf = (given: PairFile, told: string, base: Path): { path: Path; part: 'key' | 'value' } => {
  const tokens = [...told.matchAll(/[^.[\]]+/g)].map(([token]) => (/^\d+$/.test(token) ? Number(token) : token))
  const path: (string | number)[] = [...base]
  let here: unknown = given
  let keyed = false
  for (const token of tokens) {
    if (here === null || typeof here !== 'object') break // a short spelling stands for all that is inside
    if (path.length === base.length + 1 && (token === 'left' || token === 'right')) {
      path.push(flowKey[token])
      here = (here as Record<string, unknown>)[flowKey[token]]
    } else if (typeof token === 'number' && !Array.isArray(here)) {
      // a field of the scope may have several conditions
      const keys = Object.entries(here).flatMap(([key, one]) =>
        path.at(-1) === 'scope' && isMap(one) ? Object.keys(one).map(() => key) : [key],
      )
      const key = keys[token]
      if (key === undefined) break
      path.push(key)
      here = (here as Record<string, unknown>)[key]
      keyed = true
    } else {
      const next = (here as Record<string | number, unknown>)[token]
      if (next === undefined) return { path, part: keyed && token === 'to' ? 'key' : 'value' }
      path.push(token)
      here = next
      keyed = false
    }
  }
  return { path, part: 'value' }
}

export const readPair = (
  context: Context,
  tenantId: string,
  given: PairFile,
  found: Partial<Ends>,
  all: AllEnds,
  path: Path,
): PairConfig | undefined => {
  const { left, right } = found
  const present = sides.filter((side) => given.flows[flowKey[side]])
  if (!present.length) complain(context, [...path, 'flows'], 'needs leftToRight, rightToLeft or both', { part: 'key' })
  if (!left || !right) return undefined
  if (left.connection === right.connection && left.object === right.object)
    complain(context, [...path, 'right'], 'both sides are the same object')
  const flows: PairDef['flows'] = {}
  const publishing: PairConfig['publishing'] = {}
  for (const side of present) {
    const flow = given.flows[flowKey[side]]
    if (!flow) continue
    flows[side] = readFlow(context, side, { left, right }, all, flow, [...path, 'flows', flowKey[side]])
    publishing[side] = {
      startFrom: flow.startFrom ?? flowDefaults.startFrom,
      onPublish: flow.onPublish ?? flowDefaults.onPublish,
    }
  }
  const conflict = given.conflict ?? (present.length === 2 ? 'ask' : (present[0] ?? 'ask'))
  const end = ({ connection, object }: End) => ({ connectionId: connection.def.connectionId, object: object.code })
  return {
    def: { tenantId, pairId: String(given.id), left: end(left), right: end(right), conflict, flows },
    publishing,
  }
}
