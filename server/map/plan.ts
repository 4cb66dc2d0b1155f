/** Compiles a pair once per published revision: both flows to closures, prints of both sides, and everything that does not fit, by path. */
import { type Content, type Document, type Fields, type Json, opposite, type Side, sides } from '../doc/document.ts'
import type {
  Condition,
  ConnectionDef,
  DetailRule,
  FlowDef,
  Mapped,
  MapInput,
  Outgoing,
  Pair,
  PairDef,
  Plan,
} from '../doc/flow.ts'
import type { DetailDef, ObjectDef } from '../doc/object.ts'
import { hash53, printKey } from '../doc/print.ts'
import { type DetailSteps, type MappingSteps, ownRow, referencesOf, runMapping } from './apply.ts'
import { canonicalOf, stable } from './compare.ts'
import { type Compiled, compiledOf, keepCompiled, type Owned, type OwnedDetail } from './compiled.ts'
import { converter } from './convert.ts'
import { compileWatch } from './drift.ts'
import { compileMatch } from './match.ts'
import type { FormulaFault } from './formula-words.ts'
import { detailOwnerOf, ownerOf, ownerProblems } from './owner.ts'
import { isRecord, masterShape, type Place, placeIn, rowShape, type Shape, writer } from './place.ts'
import {
  type Column,
  columnName,
  idReader,
  type Printer,
  printDocument,
  printAnswered,
  printOutgoing,
  rowsName,
} from './prints.ts'
import {
  type Between,
  type Complain,
  type CompiledRule,
  compileRule,
  formulaIn,
  nameOf,
  type Problem,
  type Reads,
  referredPair,
} from './rule.ts'
import { type Writable, writable, type Writables, rewritten } from './rewrite.ts'
import { allHold, allMapped, condition, type Scoped, type ScopedReference, scopeReferences } from './scope.ts'

export type { Problem } from './rule.ts'
export { bindRows, reverseDetailIds, rowIdsToDetailIds } from './rows.ts'
export { ownedOutgoing, ownerKeys, type OwnerKeys, restrict } from './owner.ts'

export interface PairContext {
  pairOf(pairId: string): PairDef | undefined
}

// ── what a side prints ───────────────────────────────────────────────────────────────────────────────────────────────────────────────
interface Used {
  place: Place
  /** The rule that reads or writes it first. */
  at: string
}

/** The fields of one side that one flow reads or writes. */
interface Uses {
  fields: Map<string, Used>
  details: Map<string, { idPlace: Place | null; columns: Map<string, Used>; at: string }>
}

const noUses = (): Uses => ({ fields: new Map(), details: new Map() })

const use = (into: Map<string, Used>, place: Place, at: string): void => {
  if (!into.has(place.path)) into.set(place.path, { place, at })
}

const useDetail = (uses: Uses, code: string, idPlace: Place | null, at: string): Map<string, Used> => {
  let detail = uses.details.get(code)
  if (!detail) uses.details.set(code, (detail = { idPlace, columns: new Map(), at }))
  return detail.columns
}

const together = (all: readonly Uses[]): Uses => {
  const joined = noUses()
  for (const { fields, details } of all) {
    for (const { place, at } of fields.values()) use(joined.fields, place, at)
    for (const [code, { idPlace, columns, at }] of details) {
      const into = useDetail(joined, code, idPlace, at)
      for (const used of columns.values()) use(into, used.place, used.at)
    }
  }
  return joined
}

/** Compiled comparisons by place, since two flows and three printers share them. */
const columnsOf = (used: Map<string, Used>, name: (path: string) => string, complain: Complain): Column[] => {
  const columns: Column[] = []
  for (const { place, at } of used.values()) {
    const canonical = canonicalOf(place)
    if (typeof canonical === 'string') complain(at, `"${place.path}": ${canonical}`)
    else columns.push({ key: printKey(name(place.path)), place, canonical })
  }
  return columns
}

const printerOf = (uses: Uses, complain: Complain): Printer => ({
  fields: columnsOf(uses.fields, (path) => path, complain),
  details: [...uses.details].map(([code, { idPlace, columns }]) => ({
    code,
    rowsKey: printKey(rowsName(code)),
    idOf: idPlace && idReader(idPlace),
    columns: columnsOf(columns, (path) => columnName(code, path), complain),
  })),
})

/** Two different fields of a side under one key would hide each other's changes. */
const tellCollisions = (uses: Uses, side: Side, complain: Complain): void => {
  const taken = new Map<number, string>()
  const claim = (name: string, what: string, at: string): void => {
    const key = printKey(name)
    const other = taken.get(key)
    if (other !== undefined)
      complain(at, `${what} and ${other} of the ${side} side cannot be told apart in prints; rename one`)
    else taken.set(key, what)
  }
  for (const [path, { at }] of uses.fields) claim(path, `field "${path}"`, at)
  for (const [code, { columns, at }] of uses.details) {
    claim(rowsName(code), `the rows of detail "${code}"`, at)
    for (const [path, used] of columns) claim(columnName(code, path), `column "${path}" of detail "${code}"`, used.at)
  }
}

// ── flows ────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────
interface World {
  def: PairDef
  objects: Record<Side, ObjectDef>
  shapes: Record<Side, Shape>
  connections: Record<Side, ConnectionDef>
  pairOf(pairId: string): PairDef | undefined
  complain: Complain
}

const findDetail = (object: ObjectDef, name: string): DetailDef | undefined =>
  object.details.find(({ code }) => code === name) ?? object.details.find(({ apiName }) => apiName === name)

/** `a` beside `a.b`: the one would overwrite the other. */
const tellOverlaps = (rules: readonly { to: string }[], at: string, complain: Complain): void => {
  const seen = new Map<string, number>()
  rules.forEach(({ to }, i) => {
    const first = seen.get(to)
    if (first !== undefined) complain(`${at}[${i}].to`, `"${to}" is already mapped by ${at}[${first}]`)
    else seen.set(to, i)
  })
  rules.forEach(({ to }, i) => {
    for (const other of seen.keys()) {
      if (other !== to && to.startsWith(`${other}.`))
        complain(`${at}[${i}].to`, `"${to}" lies inside "${other}", which is mapped as a whole`)
    }
  })
}

const tellRequired = (
  shape: Shape,
  mapped: ReadonlySet<string>,
  automatic: readonly (string | undefined)[],
  at: string,
  complain: Complain,
): void => {
  for (const { code, required } of shape.fields) {
    if (!required || mapped.has(code) || automatic.includes(code)) continue
    complain(at, `"${code}" is required by ${shape.what}, and nothing is mapped to it`)
  }
}

const compileRules = (
  rules: FlowDef['mapping']['fields'],
  between: Between,
  at: string,
  complain: Complain,
): (CompiledRule | undefined)[] => {
  tellOverlaps(rules, at, complain)
  return rules.map((rule, i) => compileRule(rule, between, `${at}[${i}]`, complain))
}

/** Writes an id, in the JSON kind that the field's `format` asks for. */
const idWriter = (shape: Shape, path: string): ((fields: Fields, id: string) => void) | undefined => {
  const place = placeIn(shape, path)
  const set = place && writer(place)
  if (!place || !set) return undefined
  const convert = converter(null, place, null)
  if (typeof convert === 'string') return undefined
  const asItIs = (): undefined => undefined
  return (fields, id) => set(fields, convert(id, asItIs) ?? id)
}

interface DetailParts {
  steps: DetailSteps
  external: Place | null
  owned: OwnedDetail
  /** What a function may write of its rows. */
  writables: Writable[]
}

/** Places as a function may write them; what cannot be is said where it is declared. */
const writablesOf = (
  places: readonly { place: Place | undefined | null; isId?: boolean; required?: boolean; at: string; name: string }[],
  complain: Complain,
): Writable[] =>
  places.flatMap(({ place, isId = false, required = false, at, name }) => {
    if (place === null) return []
    const made = writable(place, isId, required)
    if (typeof made !== 'string') return [made]
    complain(at, `"${name}" ${made}`)
    return []
  })

/** The columns of a detail that a function writes beside the mapping: `lines.note` of `lines`. */
const extrasOf = (flow: FlowDef, detail: DetailDef): string[] => {
  const codes = [detail.code, detail.apiName].filter((code) => code !== undefined)
  const columns = (flow.functions?.beforeWrite?.fields ?? []).flatMap((name) => {
    const code = codes.find((one) => name.startsWith(`${one}.`))
    return code === undefined ? [] : [name.slice(code.length + 1)]
  })
  return [...new Set(columns)]
}

const reserved = (code: string): boolean => code in Object.prototype

const compileDetail = (
  world: World,
  flow: FlowDef,
  rule: DetailRule,
  at: string,
  sourceUses: Uses,
  targetUses: Uses,
): DetailParts | undefined => {
  const { complain, objects, connections, shapes, def } = world
  const from = flow.from
  const to = opposite(from)
  const sourceDetail = rule.from === ownRow ? null : findDetail(objects[from], rule.from)
  const targetDetail = findDetail(objects[to], rule.to)
  if (sourceDetail === undefined) complain(`${at}.from`, `"${rule.from}" is not a detail of ${shapes[from].what}`)
  if (!targetDetail) complain(`${at}.to`, `"${rule.to}" is not a detail of ${shapes[to].what}`)
  if (sourceDetail === undefined || !targetDetail) return undefined
  for (const [code, end] of [
    [sourceDetail?.code, 'from'],
    [targetDetail.code, 'to'],
  ] as const) {
    if (code !== undefined && reserved(code)) complain(`${at}.${end}`, `"${code}" is a reserved word`)
  }
  const target = rowShape(objects[to], targetDetail, connections[to].zone)
  const source = sourceDetail ? rowShape(objects[from], sourceDetail, connections[from].zone) : shapes[from]
  const compiled = compileRules(
    rule.fields,
    {
      from,
      def,
      source,
      target,
      master: shapes[from],
      sourceDetail: sourceDetail?.code ?? null,
      creates: flow.actions.create || flow.actions.update,
      pairOf: world.pairOf,
      object: objects[from],
      zone: connections[from].zone,
      params: flow.params,
    },
    `${at}.fields`,
    complain,
  )
  const targetId = targetDetail.idField === undefined ? null : placeIn(target, targetDetail.idField)
  if (targetId === undefined) complain(`${at}.to`, `"${targetDetail.idField}" cannot be the id field of rows`)
  const sourceId = sourceDetail?.idField === undefined ? null : placeIn(source, sourceDetail.idField)
  if (sourceId === undefined) complain(`${at}.from`, `"${sourceDetail?.idField}" cannot be the id field of rows`)
  if (rule.policy === 'merge' && !targetId) {
    complain(`${at}.policy`, `"merge" needs the id field of ${target.what}: without ids its rows cannot be told apart`)
  }
  const mapped = new Set(rule.fields.map((one) => one.to))
  // The target keeps our row keys where its detail has a column named like the object's external-id field.
  const externalCode = objects[to].externalIdField
  const external =
    externalCode !== undefined && targetDetail.fields.some(({ code }) => code === externalCode)
      ? (placeIn(target, externalCode) ?? null)
      : null
  tellRequired(target, mapped, [targetDetail.idField, externalCode], `${at}.fields`, complain)

  const ownedSource: number[] = []
  const ownedTarget: number[] = [printKey(rowsName(targetDetail.code))]
  const read = sourceDetail
    ? useDetail(sourceUses, sourceDetail.code, sourceId ?? null, `${at}.from`)
    : sourceUses.fields
  if (sourceDetail) ownedSource.push(printKey(rowsName(sourceDetail.code)))
  const written = useDetail(targetUses, targetDetail.code, targetId ?? null, `${at}.to`)
  compiled.forEach((one, i) => {
    if (!one) return
    const { step, target: place, reads } = one
    for (const what of reads) {
      useRead(world, from, what, read, sourceUses, `${at}.fields[${i}].from`)
      if (sourceDetail && what.of === 'row' && what.place)
        ownedSource.push(printKey(nameOf(what, { sourceDetail: sourceDetail.code })))
    }
    if (place.path === targetDetail.idField) return
    // What says nothing by itself, and columns that only new or empty rows get, would make rows look different that are not.
    if (one.isVolatile || step.write === 'onCreate' || step.write === 'whenEmpty') return
    use(written, place, `${at}.fields[${i}].to`)
    ownedTarget.push(printKey(columnName(targetDetail.code, place.path)))
  })
  if (external) {
    use(written, external, `${at}.to`)
    ownedTarget.push(printKey(columnName(targetDetail.code, external.path)))
  }
  const extras = extrasOf(flow, targetDetail).filter((name) => !mapped.has(name))
  const beside = `flows.${from}.functions.beforeWrite`
  for (const name of extras) {
    const place = placeIn(target, name)
    if (!place) complain(beside, `"${name}" is not a field of ${target.what}`)
    else {
      use(written, place, beside)
      ownedTarget.push(printKey(columnName(targetDetail.code, place.path)))
    }
  }
  const owner = detailOwnerOf(rule, def.flows[to]?.mapping.details ?? [], from)
  const ids = [targetId ?? null, external]
  return {
    external,
    writables: flow.functions?.beforeWrite
      ? writablesOf(
          [
            ...ids.map((place) => ({ place, isId: true, at: beside, name: place?.path ?? '' })),
            ...compiled.flatMap((one) =>
              one && !ids.some((id) => id?.path === one.target.path)
                ? [{ place: one.target, required: one.step.required, at: beside, name: one.target.path }]
                : [],
            ),
            ...extras.flatMap((name) => {
              const place = placeIn(target, name)
              return place ? [{ place, at: beside, name }] : []
            }),
          ],
          complain,
        )
      : [],
    owned: {
      to: targetDetail.code,
      owner: owner === 'left' || owner === 'right' ? owner : from,
      source: ownedSource,
      target: ownedTarget,
    },
    steps: {
      from: sourceDetail ? sourceDetail.code : ownRow,
      to: targetDetail.code,
      merge: rule.policy === 'merge',
      sourceId: sourceId ? idReader(sourceId) : null,
      targetId: targetId ? idReader(targetId) : null,
      setTargetId: (targetDetail.idField !== undefined && idWriter(target, targetDetail.idField)) || null,
      targetIdPath: targetDetail.idField,
      setExternalId: (external && !mapped.has(external.path) && idWriter(target, external.path)) || null,
      steps: compiled.flatMap((one) => one?.step ?? []),
    },
  }
}

/** Adds what a rule reads to what its flow reads of the source. */
const useRead = (
  world: World,
  from: Side,
  { of, place }: Reads,
  row: Map<string, Used>,
  sourceUses: Uses,
  at: string,
): void => {
  if (typeof of !== 'object') {
    if (place) use(of === 'master' ? sourceUses.fields : row, place, at)
    return
  }
  const object = world.objects[from]
  const detail = object.details.find(({ code }) => code === of.detail)
  if (!detail) return
  const rows = rowShape(object, detail, world.connections[from].zone)
  const idPlace = detail.idField === undefined ? null : (placeIn(rows, detail.idField) ?? null)
  const columns = useDetail(sourceUses, of.detail, idPlace, at)
  if (place) use(columns, place, at)
}

interface Scopes {
  own: Scoped[]
  mapped: ScopedReference[]
  target: Scoped[]
}

const compileScope = (world: World, flow: FlowDef, at: string, uses: Uses): Scopes => {
  const scopes: Scopes = { own: [], mapped: [], target: [] }
  flow.scope.forEach((one, i) => {
    const here = `${at}.scope[${i}]`
    if (one.op === 'mapped' || one.op === 'notMapped')
      scopes.mapped.push(...compileMapped(world, flow, one, here, uses))
    else if (one.of === 'target') scopes.target.push(...compileCondition(world, opposite(flow.from), one, here, null))
    else scopes.own.push(...compileCondition(world, flow.from, one, here, uses))
  })
  return scopes
}

/** "Only if its account is in the CRM." */
const compileMapped = (world: World, flow: FlowDef, one: Condition, here: string, uses: Uses): ScopedReference[] => {
  const { complain, shapes, def, pairOf } = world
  const place = placeIn(shapes[flow.from], one.field)
  if (!place) {
    complain(`${here}.field`, `"${one.field}" is not a field of ${shapes[flow.from].what}`)
    return []
  }
  const found = referredPair(String(one.value), { from: flow.from, def, pairOf }, place.def?.references)
  if (typeof found === 'string') {
    complain(`${here}.value`, found)
    return []
  }
  use(uses.fields, place, `${here}.field`)
  return [{ place, pairId: String(one.value), side: found.side, mapped: one.op === 'mapped' }]
}

const compileCondition = (world: World, side: Side, one: Condition, here: string, uses: Uses | null): Scoped[] => {
  const { complain, shapes } = world
  const isId = one.field === '$id'
  const place = isId ? null : placeIn(shapes[side], one.field)
  if (place === undefined) {
    complain(`${here}.field`, `"${one.field}" is not a field of ${shapes[side].what}`)
    return []
  }
  const idPlace: Place = {
    path: '$id',
    segments: ['$id'],
    def: { code: '$id', type: 'text' },
    zone: 'UTC',
    read: () => undefined,
  }
  const holds = condition(place ?? idPlace, one)
  if (typeof holds === 'string') {
    complain(`${here}.value`, holds)
    return []
  }
  if (place && uses) use(uses.fields, place, `${here}.field`)
  return [{ place, holds }]
}

const compileVoid = (world: World, flow: FlowDef, at: string): Compiled['writeVoid'] => {
  const { void: way } = flow.actions
  if (typeof way !== 'object') return null
  const { complain, shapes } = world
  const shape = shapes[opposite(flow.from)]
  const place = placeIn(shape, way.field)
  const set = place && writer(place)
  if (!place || !set) {
    complain(`${at}.actions.void.field`, `"${way.field}" is not a field of ${shape.what}`)
    return null
  }
  const convert = converter(null, place, null)
  const value =
    typeof convert === 'string'
      ? convert
      : convert(
          way.value,
          (_code, _value, expected) => void complain(`${at}.actions.void.value`, `the target field takes ${expected}`),
        )
  return value === undefined ? null : (fields) => set(fields, value as Json)
}

/** A conversion to one of these refuses what it cannot read. */
const heldTypes: ReadonlySet<string> = new Set(['decimal', 'integer', 'bool', 'date', 'datetime'])

interface FlowParts {
  plan: Plan
  sourceUses: Uses
  targetUses: Uses
  /** How the source is printed: put in once both flows are known. */
  sees: { print(content: Content): Map<number, number> }
}

const compileFlow = (world: World, flow: FlowDef): FlowParts | undefined => {
  const { def, objects, shapes, complain } = world
  const { from } = flow
  const to = opposite(from)
  const at = `flows.${from}`
  const object = objects[to]
  const shape = shapes[to]
  const sourceUses = noUses()
  const targetUses = noUses()
  const scope = compileScope(world, flow, at, sourceUses)
  const writeVoid = compileVoid(world, flow, at)
  const between: Between = {
    from,
    def,
    source: shapes[from],
    target: shape,
    master: null,
    sourceDetail: null,
    creates: flow.actions.create,
    pairOf: world.pairOf,
    object: objects[from],
    zone: world.connections[from].zone,
    params: flow.params,
  }
  const rules = compileRules(flow.mapping.fields, between, `${at}.mapping.fields`, complain)
  const mapped = new Set(flow.mapping.fields.map((rule) => rule.to))
  const externalCode = object.externalIdField
  if (flow.actions.create) {
    tellRequired(shape, mapped, [object.idField, externalCode, object.modifiedField], `${at}.mapping.fields`, complain)
  }
  const setTargetId = idWriter(shape, object.idField)
  if (!setTargetId) complain(`${at}.mapping.fields`, `"${object.idField}" cannot be the id field of ${shape.what}`)

  const back = def.flows[to]
  const ownedFields = new Map<string, Owned>()
  const sourceOwned = new Set<number>()
  rules.forEach((one, i) => {
    if (!one) return
    const { step, target, rule, reads } = one
    const source = step.sourceKeys
    for (const what of reads)
      useRead(world, from, what, sourceUses.fields, sourceUses, `${at}.mapping.fields[${i}].from`)
    for (const key of source) sourceOwned.add(key)
    const isPrinted = target.path !== object.idField && target.path !== object.modifiedField && !one.isVolatile
    if (isPrinted) use(targetUses.fields, target, `${at}.mapping.fields[${i}].to`)
    const owner = ownerOf(rule, back?.mapping.fields ?? [], from)
    ownedFields.set(rule.to, {
      owner: owner === 'left' || owner === 'right' ? owner : from,
      source,
      target: isPrinted ? [printKey(target.path)] : [],
    })
  })
  const external = externalCode === undefined ? undefined : placeIn(shape, externalCode)
  if (external && !mapped.has(external.path)) use(targetUses.fields, external, `${at}.mapping.fields`)

  const fromSeen = new Map<string, number>()
  const toSeen = new Map<string, number>()
  const details = flow.mapping.details.flatMap((rule, i) => {
    const here = `${at}.mapping.details[${i}]`
    const parts = compileDetail(world, flow, rule, here, sourceUses, targetUses)
    if (!parts) return []
    const { steps } = parts
    if (toSeen.has(steps.to))
      complain(`${here}.to`, `detail "${steps.to}" is already mapped by ${at}.mapping.details[${toSeen.get(steps.to)}]`)
    if (fromSeen.has(steps.from)) {
      complain(
        `${here}.from`,
        `detail "${steps.from}" is already mapped by ${at}.mapping.details[${fromSeen.get(steps.from)}]: a row has one row at the target`,
      )
    }
    toSeen.set(steps.to, i)
    fromSeen.set(steps.from, i)
    return [parts]
  })

  const beside = `${at}.functions.beforeWrite`
  const extras = [...new Set(flow.functions?.beforeWrite?.fields ?? [])].filter((name) => !mapped.has(name))
  const besides = extras.flatMap((name) => {
    const detail = object.details.find(({ code, apiName }) =>
      [code, apiName].some((one) => one !== undefined && name.startsWith(`${one}.`)),
    )
    if (detail) {
      if (!details.some(({ steps }) => steps.to === detail.code))
        complain(beside, `"${name}": no rows of that detail are mapped`)
      return []
    }
    const place = placeIn(shape, name)
    if (!place) complain(beside, `"${name}" is not a field of ${shape.what}`)
    else if (name === object.idField || name === externalCode) complain(beside, `"${name}" is an id`)
    else {
      use(targetUses.fields, place, beside)
      return [place]
    }
    return []
  })
  const writables: Writables | null = flow.functions?.beforeWrite
    ? {
        fields: writablesOf(
          [
            ...[placeIn(shape, object.idField), external ?? null].map((place) => ({
              place,
              isId: true,
              at: beside,
              name: place?.path ?? object.idField,
            })),
            ...rules.flatMap((one) =>
              one && one.target.path !== object.idField && one.target.path !== external?.path
                ? [{ place: one.target, required: one.step.required, at: beside, name: one.target.path }]
                : [],
            ),
            ...besides.map((place) => ({ place, at: beside, name: place.path })),
          ],
          complain,
        ),
        details: new Map(details.map((one) => [one.steps.to, one.writables])),
      }
    : null

  const sourcePrinter = printerOf(sourceUses, complain)
  const targetPrinter = printerOf(targetUses, complain)
  /** What is printed of the source; with a function before mapping it is all that it may have seen (`printAll`). */
  const sees: FlowParts['sees'] = { print: (content) => printDocument(sourcePrinter, content) }
  if (!setTargetId) return undefined
  const mapping: MappingSteps = {
    targetObject: def[to].object,
    steps: rules.flatMap((one) => one?.step ?? []),
    details: details.map(({ steps }) => steps),
    targetIdPath: object.idField,
    tellsOptions: [flow.mapping, ...flow.mapping.details].some(({ fields }) =>
      fields.some(({ options, unmapped }) => options && unmapped !== undefined && unmapped !== 'park'),
    ),
    setTargetId,
    setExternalId: (external && !mapped.has(external.path) && idWriter(shape, external.path)) || null,
  }
  const watch = compileWatch(
    flow,
    shapes[from],
    rules.flatMap((one) =>
      (one?.reads ?? []).flatMap(({ of, place }) =>
        place && typeof of !== 'object' ? [{ place, isHeld: heldTypes.has(one?.target.def?.type ?? '') }] : [],
      ),
    ),
    new Map(
      objects[from].details
        .filter(({ code }) => sourceUses.details.has(code))
        .map((detail) => [detail.code, rowShape(objects[from], detail, world.connections[from].zone)]),
    ),
  )
  const restKeys = [...sourceUses.fields.keys()].map(printKey).filter((key) => !sourceOwned.has(key))
  const plan: Plan = {
    from,
    def: flow,
    sourcePrint: (source: Document) => sees.print(source.content),
    inScope: (source: Document, refs) =>
      allHold(scope.own, source.content.masterFieldVal, source.data_id) &&
      (!scope.mapped.length || allMapped(scope.mapped, source.content.masterFieldVal, refs)),
    targetAllows: scope.target.length
      ? (target) => allHold(scope.target, target.content.masterFieldVal, target.data_id)
      : null,
    matching: flow.match ? compileMatch(flow.match, shapes[from], shape, `${at}.matchBeforeCreate`, complain) : null,
    references: (source: Document) => {
      const own = referencesOf(mapping, source, 0)
      return scope.mapped.length ? [...own, ...scopeReferences(scope.mapped, source.content.masterFieldVal)] : own
    },
    apply: (input: MapInput): Mapped => {
      const applied = runMapping(mapping, input)
      const told = (input.told ?? input.source).content
      if (applied.kind === 'missing') return applied
      if (applied.kind === 'faults') {
        const findings = watch?.(told, input.agreed, true)
        return findings ? { ...applied, findings } : applied
      }
      const { outgoing, later, pendingKeys } = applied
      const sourcePrint = sees.print(told)
      for (const key of pendingKeys) sourcePrint.delete(key)
      // what is owed may stand in no field of its own
      if (pendingKeys.size && input.told) sourcePrint.delete(restKey)
      const drifted = watch?.(told, input.agreed, false) ?? null
      const findings = drifted && applied.findings ? [...drifted, ...applied.findings] : (drifted ?? applied.findings)
      return {
        kind: 'mapped',
        outgoing,
        print: printOutgoing(targetPrinter, outgoing),
        later,
        sourcePrint,
        ...(findings && { findings }),
      }
    },
    rewrite: (outgoing, answer) => {
      const made = rewritten(writables ?? { fields: [], details: new Map() }, outgoing, answer)
      return 'faults' in made ? made : { ...made, print: printOutgoing(targetPrinter, made.outgoing) }
    },
    targetPrint: (target: Document) => printDocument(targetPrinter, target.content),
    sentPrint: (outgoing, rowIds, print) =>
      print && rowIds
        ? printAnswered(targetPrinter, outgoing, rowIds, print)
        : printOutgoing(targetPrinter, outgoing, rowIds),
  }
  keepCompiled(plan, {
    mapping,
    targetPrinter,
    externalColumn: new Map(
      details.flatMap(({ steps, external: column }) => (column ? [[steps.to, column] as const] : [])),
    ),
    setTargetId,
    writeVoid,
    owned: {
      fields: ownedFields,
      details: details.map(({ owned }) => owned),
      rest: {
        owner: from,
        source: flow.functions?.beforeMapping ? [...restKeys, restKey] : restKeys,
        target: [...(external && !mapped.has(external.path) ? [external] : []), ...besides].map(({ path }) =>
          printKey(path),
        ),
      },
    },
  })
  return { plan, sourceUses, targetUses, sees }
}

/** Of everything of a document that no entry of its own speaks of. */
const restKey = printKey('(everything else)')

/**
 * A function before mapping may read any field, so any field counts (D2): those that a flow reads or writes by entries of their own, so
 * that our own writes are known again, and all others by one. What the record's system changes with every write, and what it is told
 * back, does not count.
 */
const printAll = (printer: Printer, object: ObjectDef, flow: FlowDef): FlowParts['sees']['print'] => {
  const single = (columns: readonly Column[]) =>
    columns.flatMap(({ place }) => (place.segments.length === 1 ? [place.path] : []))
  const known = new Set(
    [
      ...single(printer.fields),
      object.idField,
      object.externalIdField,
      object.modifiedField,
      ...Object.keys(flow.writeBack ?? {}),
    ].filter((name) => name !== undefined),
  )
  const columns = new Map(printer.details.map((detail) => [detail.code, new Set(single(detail.columns))]))
  const without = (fields: Fields, names: ReadonlySet<string> | undefined): Json =>
    names ? Object.fromEntries(Object.entries(fields).filter(([name]) => !names.has(name))) : fields
  return (content) => {
    const print = printDocument(printer, content)
    const { masterFieldVal, detailFieldVals } = content
    const rest: Json = {
      fields: without(masterFieldVal, known),
      rows: Object.fromEntries(
        Object.entries(detailFieldVals).map(([code, rows]) => [
          code,
          Array.isArray(rows) ? rows.map((row) => (isRecord(row) ? without(row, columns.get(code)) : row)) : rows,
        ]),
      ),
    }
    print.set(restKey, hash53(stable(rest)))
    return print
  }
}

/**
 * Compiles a pair against the objects of its two sides. Every problem is told at once; flows that are disabled are not looked at.
 * `pairOf` finds the pairs that references name.
 */
export const compilePair = (
  def: PairDef,
  objects: Record<Side, ObjectDef>,
  connections: Record<Side, ConnectionDef>,
  context: PairContext,
): { pair: Pair } | { problems: Problem[] } => {
  const found = new Map<string, Problem>()
  const complain: Complain = (path, message) => void found.set(`${path} ${message}`, { path, message })
  const world: World = {
    def,
    objects,
    connections,
    shapes: {
      left: masterShape(objects.left, connections.left.zone),
      right: masterShape(objects.right, connections.right.zone),
    },
    pairOf: (pairId) => context.pairOf(pairId),
    complain,
  }
  const flows: Partial<Record<Side, FlowParts>> = {}
  for (const side of sides) {
    const flow = def.flows[side]
    if (!flow || flow.state === 'disabled') continue
    const parts = compileFlow(world, flow.from === side ? flow : { ...flow, from: side })
    if (parts) flows[side] = parts
  }
  for (const { path, message } of ownerProblems(def)) complain(path, message)
  const printers = {} as Record<Side, Printer>
  for (const side of sides) {
    const uses = together([flows[side]?.sourceUses ?? noUses(), flows[opposite(side)]?.targetUses ?? noUses()])
    tellCollisions(uses, side, complain)
    printers[side] = printerOf(uses, complain)
  }
  if (found.size) return { problems: [...found.values()] }
  const plans: Partial<Record<Side, Plan>> = {}
  const shows = {} as Record<Side, FlowParts['sees']['print']>
  for (const side of sides) {
    const parts = flows[side]
    const all = parts?.plan.def.functions?.beforeMapping
      ? printAll(printers[side], objects[side], parts.plan.def)
      : (content: Content) => printDocument(printers[side], content)
    shows[side] = all
    if (!parts) continue
    plans[side] = parts.plan
    if (parts.plan.def.functions?.beforeMapping) parts.sees.print = all
  }
  return {
    pair: {
      def,
      connection: connections,
      plans,
      print: (side, document) => shows[side](document.content),
      idField: { left: objects.left.idField, right: objects.right.idField },
    },
  }
}

/** What is wrong with a formula that is being written, in a rule of the master or of the rows of a target detail; null: there is no such detail. */
export const checkFormula = (
  def: PairDef,
  flow: FlowDef,
  object: ObjectDef,
  zone: string,
  pairOf: PairContext['pairOf'],
  text: string,
  detail: string | undefined,
): FormulaFault[] | null => {
  const master = masterShape(object, zone)
  const rule = detail === undefined ? null : flow.mapping.details.find(({ to }) => to === detail)
  if (rule === undefined) return null
  const source = rule && rule.from !== ownRow ? findDetail(object, rule.from) : null
  if (source === undefined) return null
  const made = formulaIn(text, false, {
    from: flow.from,
    def,
    source: source ? rowShape(object, source, zone) : master,
    target: master,
    master: rule ? master : null,
    sourceDetail: source?.code ?? null,
    creates: true,
    pairOf,
    object,
    zone,
    params: flow.params,
  })
  return 'faults' in made ? made.faults : []
}

/** A void by update (D7): the target's id and the status that means void there, and nothing else. By `invalid`: the id alone. */
export const voidOutgoing = (plan: Plan, sourceId: string, targetId: string): Outgoing => {
  const { mapping, writeVoid } = compiledOf(plan)
  const masterFieldVal: Fields = {}
  mapping.setTargetId(masterFieldVal, targetId)
  writeVoid?.(masterFieldVal)
  return {
    object: mapping.targetObject,
    targetId,
    content: { masterFieldVal, detailFieldVals: {} },
    sourceRows: {},
    sourceId,
  }
}
