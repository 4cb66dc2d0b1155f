/** Runs a compiled mapping over one document: every fault of the record at once, references that are missing, and the body to send. */
import type { Document, Fields, Json, Side } from '../doc/document.ts'
import type { Fault, FaultCode } from '../doc/fault.ts'
import {
  type Finding,
  type MapInput,
  type Outgoing,
  type Reference,
  referenceKey,
  type RuleTrace,
  type WritePolicy,
} from '../doc/flow.ts'
import { emptyValue } from '../doc/print.ts'
import { writeJson } from './content.ts'
import type { Convert, Refuse } from './convert.ts'
import type { Formula, Frame } from './formula.ts'
import { jsonOf, Moment } from './formula-values.ts'
import { formulaSentence } from './formula-words.ts'
import { brokenAt, isRecord, type Place } from './place.ts'
import { rowKeys } from './prints.ts'
import { itemsOf, listTypes, textOf } from './text.ts'

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
  kind: 'field' | 'id' | 'constant' | 'formula'
  /** Of kind `field`. */
  source: Place | null
  /** `$.field`, `$.$id` of a row: reads the master. */
  ofMaster: boolean
  constant: Json
  formula: Formula | null
  /** Names pair, direction and field: with the record's id, what UUID is made of. */
  seed: string
  /** Of a formula: how a date is written at the target; null: as text. */
  writeMoment: ((moment: Moment) => Json | undefined) | null
  convert: Convert
  /** How a cleared value is sent. */
  cleared(value: Json): Json
  /** Sent where the source has none. */
  fallback: Json | undefined
  required: boolean
  reference: ReferenceStep | null
  /** The target field may hold several values. */
  isList: boolean
  /** Null: always. */
  write: Exclude<WritePolicy, 'always'> | null
  /** Key of the target field in prints. */
  targetKey: number
  /** Keys of what it reads in prints. */
  sourceKeys: readonly number[]
  /** As the rule has it, for the preview. */
  text: string | null
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
  /** Some rule lets options through that are not listed. */
  tellsOptions: boolean
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

const mostFindings = 50

const find = (run: Run, finding: Finding): void => {
  run.findings ??= []
  if (run.findings.length < mostFindings) run.findings.push(finding)
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
  findings: Finding[] | null
  /** Why the rule at hand writes nothing, for the preview. */
  left: RuleTrace['left']
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

const remember = (
  run: Run,
  into: Map<string, Reference>,
  { pairId, side, missing }: ReferenceStep,
  id: string,
): void => {
  const reference: Reference = { pairId, side, id, field: pathOf(run), missing }
  const key = `${missing} ${referenceKey(reference)}`
  if (!into.has(key)) into.set(key, reference)
}

/** The id to send for a referred record; null: there is none, and that is no obstacle; undefined: the record or the field cannot go yet. */
const resolve = (run: Run, reference: ReferenceStep, id: string): string | null | undefined => {
  const found = run.input.refs.get(referenceKey({ ...reference, id }))
  if (found !== undefined && found !== 'unmapped') return found.targetId
  switch (reference.missing) {
    case 'empty':
    case 'default':
      return null
    case 'later':
      remember(run, run.later, reference, id)
      for (const key of run.step.sourceKeys) run.pendingKeys.add(key)
      return undefined
    default:
      remember(run, run.missing, reference, id)
      return undefined
  }
}

/** The ids of a field that may name several records, as people and departments do. */
const idsOf = (value: Json, source: Place | null): string[] | undefined => {
  const def = source?.def ?? null
  const items = Array.isArray(value) || listTypes.has(def) ? itemsOf(value, listTypes.separator(def)) : [value]
  const ids = items?.map(textOf)
  return ids?.every((id) => id !== undefined) ? ids : undefined
}

/** A rule's reference, resolved. Undefined: nothing is to be written, and why was told. */
const refer = (run: Run, value: Json): Json | undefined => {
  const { step, refuse } = run
  const reference = step.reference as ReferenceStep
  const ids = idsOf(value, step.source)
  if (!ids) return refuse('map.type', value, 'the id of one record')
  const found: string[] = []
  let isOpen = false
  for (const id of ids) {
    const target = resolve(run, reference, id)
    if (target === undefined) isOpen = true
    else if (target !== null) found.push(target)
  }
  run.left = 'reference'
  if (isOpen) return undefined
  if (!found.length) return reference.missing === 'default' ? step.fallback : undefined
  if (typeof value === 'string' && found.length > 1)
    return step.convert(found.join(listTypes.separator(step.source?.def ?? null) ?? ','), refuse)
  return step.convert(
    found.length === 1 && !(step.isList && Array.isArray(value)) ? (found[0] as string) : found,
    refuse,
  )
}

/** The target is known to have nothing there; of a row, what is staged of it says so. */
const isEmptyThere = (run: Run, rowId: string | undefined): boolean => {
  const { step, detail, input } = run
  if (!detail) return input.known?.().get(step.targetKey) === emptyValue
  const rows = input.target && detail.targetId ? rowsOf({}, input.target.content.detailFieldVals, detail.to) : null
  const row = rows?.find((one) => isRecord(one) && detail.targetId?.(one) === rowId)
  if (!isRecord(row)) return false
  const value = step.readTarget(row)
  return value === undefined || isEmpty(value)
}

const compute = (run: Run, record: Fields, rowKey: string): Json | Moment | undefined => {
  const { step, input } = run
  const frame: Frame = {
    record,
    master: run.master,
    details: input.source.content.detailFieldVals,
    rowKey,
    sourceId: input.source.data_id,
    now: input.now,
    seed: `${step.seed}/${input.source.data_id}/${run.detail ? `${run.detail.to}/${rowKey}` : ''}`,
    resolve: (reference, id) => resolve(run, reference, id),
  }
  const { formula } = step
  const done = (formula as Formula).compute(frame)
  if ('fault' in done) {
    run.left = 'fault'
    run.faults.push({ code: 'map.formula', stage: 'map', field: target(run), said: formulaSentence(done.fault) })
    return undefined
  }
  const { value } = done
  if (value === undefined) {
    // Nothing it looked at is there, or a reference keeps it from being written: not the same.
    run.left = run.missing.size || run.later.size ? 'reference' : 'absent'
    return undefined
  }
  return value instanceof Moment && step.writeMoment ? value : jsonOf(value, 0)
}

/** Runs one rule. `isNew`: the target does not have the record or row, so what is required must be sent. */
const runStep = (run: Run, record: Fields, rowKey: string, isNew: boolean, out: Fields, rowId?: string): void => {
  const { step, refuse } = run
  if (step.write === 'onCreate' && !isNew) return
  if (step.kind === 'constant') {
    if (step.write !== 'whenEmpty' || isNew || isEmptyThere(run, rowId)) step.set(out, step.constant)
    return
  }
  let value: Json | undefined
  let moment: Json | undefined
  if (step.kind === 'formula') {
    const computed = compute(run, record, rowKey)
    if (computed === undefined && run.left !== 'absent') return
    if (computed instanceof Moment) {
      moment = step.writeMoment?.(computed)
      if (moment === undefined) {
        refuse('map.type', null, 'a date')
        return
      }
      value = moment
    } else value = computed
  } else if (step.kind === 'id') value = step.ofMaster ? run.input.source.data_id : rowKey
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
  let made: Json | undefined
  if (value === undefined) {
    if (step.fallback === undefined) {
      if (step.required && isNew) note(run, 'map.required', undefined, target(run))
      return
    }
    made = step.fallback
  } else {
    if (isEmpty(value)) made = step.cleared(value)
    else if (moment !== undefined) made = moment
    else if (step.reference) made = refer(run, value)
    else made = step.convert(value, refuse)
    if (made === undefined) return
    if (isEmpty(made)) {
      if (step.fallback !== undefined) made = step.fallback
      else if (step.required) {
        note(run, 'map.required', value, target(run))
        return
      }
    }
  }
  if (step.write === 'neverClear' && isEmpty(made)) return
  if (step.write === 'whenEmpty' && !isNew && !isEmptyThere(run, rowId)) return
  step.set(out, made)
}

/** What a rule made, for the preview. */
const traced = (run: Run, record: Fields, rowKey: string, isNew: boolean, out: Fields, rowId?: string): void => {
  const { step, detail } = run
  const faults = run.faults.length
  run.left = null
  runStep(run, record, rowKey, isNew, out, rowId)
  const made = step.readTarget(out)
  const read =
    step.kind === 'constant'
      ? step.constant
      : step.kind === 'id'
        ? step.ofMaster
          ? run.input.source.data_id
          : rowKey
        : step.source?.read(step.ofMaster ? run.master : record)
  run.input.trace?.({
    to: detail ? `${detail.to}[${run.row}].${step.to}` : step.to,
    from: step.kind === 'formula' ? null : step.text,
    formula: step.kind === 'formula' ? step.text : null,
    read,
    made,
    left:
      made !== undefined
        ? null
        : run.faults.length > faults
          ? 'fault'
          : (run.left ?? (read === undefined ? 'absent' : 'policy')),
  })
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
      if (run.input.trace) traced(run, row, key, id === undefined, out, id)
      else runStep(run, row, key, id === undefined, out, id)
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
  | {
      kind: 'made'
      outgoing: Outgoing
      later: Reference[]
      pendingKeys: ReadonlySet<number>
      findings: Finding[] | null
    }

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
    findings: null,
    left: null,
  }
  if (mapping.tellsOptions)
    run.refuse.unmapped = (value) => find(run, { kind: 'unmapped', field: pathOf(run), sample: shown(value) })
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
    if (input.trace) traced(run, run.master, source.data_id, targetId === null, master)
    else runStep(run, run.master, source.data_id, targetId === null, master)
  }
  mapping.setExternalId?.(master, source.data_id)
  for (const detail of mapping.details) runDetail(run, detail, outgoing)
  if (run.faults.length) return { kind: 'faults', faults: run.faults }
  if (run.missing.size) return { kind: 'missing', references: [...run.missing.values()] }
  return {
    kind: 'made',
    outgoing,
    later: [...run.later.values()],
    pendingKeys: run.pendingKeys,
    findings: run.findings,
  }
}

/** The references that a document makes, each once for a policy, in the order of the mapping; of formulas all that they could ask for. */
export const referencesOf = (mapping: MappingSteps, source: Document, now: number): Reference[] => {
  const found = new Map<string, Reference>()
  const { masterFieldVal: master, detailFieldVals: details } = source.content
  const add = (reference: ReferenceStep, id: string, field: string): void => {
    const { pairId, side, missing } = reference
    const key = `${missing} ${referenceKey({ pairId, side, id })}`
    if (!found.has(key)) found.set(key, { pairId, side, id, field, missing })
  }
  const look = (step: Step, record: Fields, rowKey: string, field: () => string): void => {
    for (const { reference, id } of step.formula?.mapped ?? []) {
      const asked = id({
        record,
        master,
        details,
        rowKey,
        sourceId: source.data_id,
        now,
        seed: step.seed,
        resolve: () => null,
      })
      if (asked) add(reference, asked, step.to)
    }
    if (!step.reference) return
    const value = step.kind === 'field' ? (step.source as Place).read(step.ofMaster ? master : record) : undefined
    const ids = value === undefined || value === null ? undefined : idsOf(value, step.source)
    for (const id of ids ?? []) if (id) add(step.reference, id, field())
  }
  const refers = (step: Step): boolean => step.reference !== null || (step.formula?.mapped.length ?? 0) > 0
  for (const step of mapping.steps)
    if (refers(step)) look(step, master, source.data_id, () => (step.source as Place).path)
  for (const detail of mapping.details) {
    const steps = detail.steps.filter(refers)
    if (!steps.length) continue
    const rows = rowsOf(master, details, detail.from) ?? noRows
    const keys = rowKeys(rows, detail.sourceId)
    rows.forEach((row, i) => {
      if (!isRecord(row)) return
      for (const step of steps) {
        const path = step.source?.path ?? step.to
        look(step, row, keys[i] as string, () =>
          step.ofMaster || detail.from === ownRow ? path : `${detail.from}[${i}].${path}`,
        )
      }
    })
  }
  return [...found.values()]
}
