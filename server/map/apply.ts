/** Runs a compiled mapping over one document: every fault of the record at once, references that are missing, and the body to send. */
import type { Fields, Json, Side } from '../doc/document.ts'
import type { Fault, FaultCode } from '../doc/fault.ts'
import { type MapInput, type Outgoing, type Reference, referenceKey } from '../doc/flow.ts'
import { writeJson } from './content.ts'
import type { Convert, Refuse } from './convert.ts'
import { brokenAt, isRecord, type Place } from './place.ts'
import { rowKeys } from './prints.ts'
import { textOf } from './text.ts'

/** A reference as a rule declares it, seen from the flow's source. */
export interface ReferenceStep {
  pairId: string
  side: Side
  missing: Reference['missing']
}

/** One field rule, compiled. */
export interface Step {
  to: string
  set(fields: Fields, value: Json): void
  readTarget(fields: Fields): Json | undefined
  kind: 'field' | 'id' | 'constant'
  /** Of kind `field`. */
  source: Place | null
  /** `$.field`, `$.$id` of a row: reads the master. */
  ofMaster: boolean
  constant: Json
  convert: Convert
  /** How a cleared value is sent. */
  cleared(value: Json): Json
  /** Sent where the source has none. */
  fallback: Json | undefined
  required: boolean
  reference: ReferenceStep | null
  /** Key of the source field in prints; null for what no print shows. */
  sourceKey: number | null
}

export interface DetailSteps {
  /** `$`: the master itself is the one row. */
  from: string
  to: string
  merge: boolean
  sourceId: ((row: Fields) => string | undefined) | null
  /** Null: target rows have no ids. */
  targetId: ((row: Fields) => string | undefined) | null
  setTargetId: ((fields: Fields, id: string) => void) | null
  /** Path of the target's id field, for the rule that may map it: a known id wins. */
  targetIdPath: string | undefined
  /** Writes the source's row key into the column that the target keeps for it. */
  setExternalId: ((fields: Fields, key: string) => void) | null
  steps: readonly Step[]
}

export interface MappingSteps {
  targetObject: string
  steps: readonly Step[]
  details: readonly DetailSteps[]
  targetIdPath: string
  setTargetId(fields: Fields, id: string): void
  setExternalId: ((fields: Fields, id: string) => void) | null
}

export const ownRow = '$'

const isEmpty = (value: Json): boolean => value === null || value === '' || (Array.isArray(value) && value.length === 0)

const shownLength = 200

/** A value as people see it, cut where it is long. */
export const shown = (value: Json): string => {
  const text = typeof value === 'string' ? value : writeJson(value)
  return text.length > shownLength ? `${text.slice(0, shownLength)}…` : text
}

/** What one run gathers, and where it is. */
interface Run {
  input: MapInput
  master: Fields
  faults: Fault[]
  missing: Map<string, Reference>
  later: Map<string, Reference>
  pendingKeys: Set<number>
  step: Step
  detail: DetailSteps | null
  row: number
  refuse: Refuse
}

/** `contacts[2].mobile`: the source's words, since there it is put right; the target's for what has no source. */
const pathOf = ({ step, detail, row }: Run): string => {
  if (!detail) return step.source?.path ?? step.to
  if (step.source && (step.ofMaster || detail.from === ownRow)) return step.source.path
  return step.source ? `${detail.from}[${row}].${step.source.path}` : `${detail.to}[${row}].${step.to}`
}

const note = (run: Run, code: FaultCode, value: Json | undefined, expected: string): void => {
  const field = pathOf(run)
  // What every row reads of the master is told once.
  if (run.step.ofMaster && run.faults.some((fault) => fault.field === field && fault.code === code)) return
  run.faults.push({ code, stage: 'map', field, ...(value !== undefined && { value: shown(value) }), expected })
}

const target = (run: Run): string => (run.detail ? `${run.detail.to}.${run.step.to}` : run.step.to)

const remember = (run: Run, into: Map<string, Reference>, id: string): void => {
  const { step } = run
  const { pairId, side, missing } = step.reference as ReferenceStep
  const reference: Reference = { pairId, side, id, field: pathOf(run), missing }
  const key = `${missing} ${referenceKey(reference)}`
  if (!into.has(key)) into.set(key, reference)
}

/** The id to send for a referred record; undefined: the field is left out, or the record cannot go yet. */
const resolve = (run: Run, id: string): string | undefined => {
  const { step } = run
  const reference = step.reference as ReferenceStep
  const found = run.input.refs.get(referenceKey({ ...reference, id }))
  if (found !== undefined && found !== 'unmapped') return found.targetId
  if (reference.missing === 'empty') return undefined
  if (reference.missing !== 'later') {
    remember(run, run.missing, id)
    return undefined
  }
  remember(run, run.later, id)
  if (step.sourceKey !== null) run.pendingKeys.add(step.sourceKey)
  return undefined
}

/** Runs one rule. `isNew`: the target does not have the record or row, so what is required must be sent. */
const runStep = (run: Run, record: Fields, rowKey: string, isNew: boolean, out: Fields): void => {
  const { step, refuse } = run
  if (step.kind === 'constant') {
    step.set(out, step.constant)
    return
  }
  let value: Json | undefined
  if (step.kind === 'id') value = step.ofMaster ? run.input.source.data_id : rowKey
  else {
    const holder = step.ofMaster ? run.master : record
    value = (step.source as Place).read(holder)
    if (value === undefined && (step.source as Place).segments.length > 1) {
      const broken = brokenAt(step.source as Place, holder)
      if (broken) {
        note(run, 'map.path', broken.found, broken.at)
        return
      }
    }
  }
  if (value === undefined) {
    if (step.fallback !== undefined) step.set(out, step.fallback)
    else if (step.required && isNew) note(run, 'map.required', undefined, target(run))
    return
  }
  let made: Json | undefined
  const id = step.reference && !isEmpty(value) ? textOf(value) : undefined
  if (isEmpty(value) || id === '') made = step.cleared(value)
  else if (step.reference) {
    if (id === undefined) {
      refuse('map.type', value, 'the id of one record')
      return
    }
    const found = resolve(run, id)
    if (found === undefined) return
    made = step.convert(found, refuse)
  } else made = step.convert(value, refuse)
  if (made === undefined) return
  if (isEmpty(made)) {
    if (step.fallback !== undefined) made = step.fallback
    else if (step.required) {
      note(run, 'map.required', value, target(run))
      return
    }
  }
  step.set(out, made)
}

const noRows: readonly Json[] = []

/** The rows of a detail of the source; undefined where it was not spoken of. Anything but a list is a fault. */
export const rowsOf = (
  fields: Fields,
  details: { [detail: string]: unknown },
  from: string,
): readonly Json[] | undefined | null => {
  if (from === ownRow) return [fields]
  const rows = Object.hasOwn(details, from) ? details[from] : undefined
  if (rows === undefined || rows === null) return undefined
  return Array.isArray(rows) ? rows : null
}

const runDetail = (run: Run, detail: DetailSteps, outgoing: Outgoing): void => {
  const { source, target: staged, targetId } = run.input
  const rows = rowsOf(run.master, source.content.detailFieldVals, detail.from)
  if (rows === undefined) return
  if (rows === null) {
    const value = shown(source.content.detailFieldVals[detail.from] as unknown as Json)
    run.faults.push({ code: 'map.type', stage: 'map', field: detail.from, value, expected: 'a list of rows' })
    return
  }
  run.detail = detail
  const keys = rowKeys(rows, detail.sourceId)
  const known = (targetId !== null && run.input.detailIds[detail.from]) || {}
  const sent: Fields[] = []
  const sourceRows: (string | null)[] = []
  for (let i = 0; i < rows.length; i++) {
    const row = rows[i]
    run.row = i
    if (!isRecord(row)) {
      run.faults.push({
        code: 'map.type',
        stage: 'map',
        field: `${detail.from}[${i}]`,
        value: shown(row ?? null),
        expected: 'a row',
      })
      continue
    }
    const key = keys[i] as string
    const id = Object.hasOwn(known, key) ? known[key] : undefined
    const out: Fields = {}
    if (id !== undefined) detail.setTargetId?.(out, id)
    for (const step of detail.steps) {
      if (id !== undefined && step.to === detail.targetIdPath) continue
      run.step = step
      runStep(run, row, key, id === undefined, out)
    }
    detail.setExternalId?.(out, key)
    sent.push(out)
    sourceRows.push(key)
  }
  if (detail.merge && detail.targetId && targetId !== null && staged) {
    // Rows that are not ours go along as they are, or the target would take them for removed.
    const ours = new Set(Object.values(known))
    for (const row of rowsOf({}, staged.content.detailFieldVals, detail.to) ?? noRows) {
      if (!isRecord(row)) continue
      const id = detail.targetId(row)
      if (id === undefined || ours.has(id)) continue
      sent.push(row)
      sourceRows.push(null)
    }
  }
  outgoing.content.detailFieldVals[detail.to] = sent
  outgoing.sourceRows[detail.to] = sourceRows
  run.detail = null
}

export type Applied =
  | { kind: 'faults'; faults: Fault[] }
  | { kind: 'missing'; references: Reference[] }
  | { kind: 'made'; outgoing: Outgoing; later: Reference[]; pendingKeys: ReadonlySet<number> }

/** Faults win over missing references: waiting for a parent would not mend them. */
export const runMapping = (mapping: MappingSteps, input: MapInput): Applied => {
  const { source, targetId } = input
  const run: Run = {
    input,
    master: source.content.masterFieldVal,
    faults: [],
    missing: new Map(),
    later: new Map(),
    pendingKeys: new Set(),
    step: mapping.steps[0] as Step,
    detail: null,
    row: -1,
    refuse: (code, value, expected) => void note(run, code, value, expected),
  }
  const master: Fields = {}
  const outgoing: Outgoing = {
    object: mapping.targetObject,
    targetId,
    content: { masterFieldVal: master, detailFieldVals: {} },
    sourceRows: {},
    sourceId: source.data_id,
  }
  if (targetId !== null) mapping.setTargetId(master, targetId)
  for (const step of mapping.steps) {
    if (targetId !== null && step.to === mapping.targetIdPath) continue
    run.step = step
    runStep(run, run.master, source.data_id, targetId === null, master)
  }
  mapping.setExternalId?.(master, source.data_id)
  for (const detail of mapping.details) runDetail(run, detail, outgoing)
  if (run.faults.length) return { kind: 'faults', faults: run.faults }
  if (run.missing.size) return { kind: 'missing', references: [...run.missing.values()] }
  return { kind: 'made', outgoing, later: [...run.later.values()], pendingKeys: run.pendingKeys }
}

/** The references that a document makes, each once for a policy, in the order of the mapping. */
export const referencesOf = (
  mapping: MappingSteps,
  master: Fields,
  details: { [detail: string]: unknown },
): Reference[] => {
  const found = new Map<string, Reference>()
  const look = (step: Step, record: Fields, field: () => string): void => {
    if (!step.reference) return
    const value = step.kind === 'field' ? (step.source as Place).read(step.ofMaster ? master : record) : undefined
    const id = value === undefined || value === null ? undefined : textOf(value)
    if (!id) return
    const { pairId, side, missing } = step.reference
    const key = `${missing} ${referenceKey({ pairId, side, id })}`
    if (!found.has(key)) found.set(key, { pairId, side, id, field: field(), missing })
  }
  for (const step of mapping.steps) look(step, master, () => (step.source as Place).path)
  for (const detail of mapping.details) {
    const steps = detail.steps.filter((step) => step.reference)
    if (!steps.length) continue
    const rows = rowsOf(master, details, detail.from) ?? noRows
    rows.forEach((row, i) => {
      if (!isRecord(row)) return
      for (const step of steps) {
        const path = (step.source as Place).path
        look(step, row, () => (step.ofMaster || detail.from === ownRow ? path : `${detail.from}[${i}].${path}`))
      }
    })
  }
  return [...found.values()]
}
