/** Runs the mapping tests that are saved with a flow: what a record is mapped to, held against what was expected. Pure. */
import { type Content, type Document, type Fields, type Json, opposite, type Side } from '../doc/document.ts'
import { type Fault, sentence } from '../doc/fault.ts'
import { type MappingTest, type Outgoing, type Pair, type Plan, referenceKey, type Resolved } from '../doc/flow.ts'
import { parseContent, readJson, writeJson } from './content.ts'
import { isRecord } from './place.ts'

const contentOf = (text: string): Content => {
  const value = readJson(text)
  const fields = isRecord(value) ? value : {}
  if (!('masterFieldVal' in fields)) return parseContent(text, null)
  const details = fields.detailFieldVals
  return parseContent(writeJson(fields.masterFieldVal ?? {}), details === undefined ? null : writeJson(details))
}

const documentOf = (pair: Pair, side: Side, id: string, text: string): Document => ({
  tenant_id: pair.def.tenantId,
  connection_id: pair.def[side].connectionId,
  object: pair.def[side].object,
  data_id: id,
  version: 1,
  operation: 'upsert',
  content_hash: Buffer.alloc(0),
  source_time: null,
  external_id: null,
  content: contentOf(text),
})

const shown = (value: Json | undefined): string => (value === undefined ? 'nothing' : writeJson(value))

const differences = (wanted: Fields, found: Fields, at: string): string[] =>
  Object.entries(wanted).flatMap(([field, value]) => {
    const is = found[field]
    return is !== undefined && writeJson(is) === writeJson(value)
      ? []
      : [`${at}${field}: expected ${shown(value)}, came out ${shown(is)}`]
  })

const compare = (wanted: Content, found: Content): string[] => {
  const wrong = differences(wanted.masterFieldVal, found.masterFieldVal, '')
  for (const [detail, rows] of Object.entries(wanted.detailFieldVals)) {
    const made = found.detailFieldVals[detail]
    if (!made || made.length !== rows.length) {
      wrong.push(`${detail}: expected ${rows.length} rows, came out ${made?.length ?? 'nothing'}`)
      continue
    }
    rows.forEach((row, i) => wrong.push(...differences(row, made[i] as Fields, `${detail}[${i}].`)))
  }
  return wrong
}

/** The record of a test as the mapping reads it. */
export const testedRecord = (pair: Pair, { from }: Plan, test: MappingTest): Document =>
  documentOf(pair, from, test.id, test.record)

/** What is to be sent, or how the test ended before that: without a sentence it holds. */
export type Tested = { outgoing: Outgoing } | { wrong: string[] }

/** The mapping of a test. `source`: its record, or what a function before mapping made of it. */
export const mapTested = (pair: Pair, plan: Plan, test: MappingTest, source: Document): Tested => {
  const { from } = plan
  const wrong = (...said: string[]): Tested => ({ wrong: said })
  const refs = new Map<string, Resolved>()
  for (const reference of plan.references(source)) {
    const id = test.mapped?.[`${reference.pairId}/${reference.id}`]
    if (id !== undefined) refs.set(referenceKey(reference), { targetId: id })
  }
  const inScope = plan.inScope(source, refs)
  if (!inScope) return test.fault === 'out of scope' ? wrong() : wrong('the record is out of scope')
  if (test.fault === 'out of scope') return wrong('the record is in scope')
  const target =
    test.target === undefined ? null : documentOf(pair, opposite(from), test.targetId ?? 'target', test.target)
  const now = test.now === undefined ? 0 : Date.parse(test.now)
  if (Number.isNaN(now)) return wrong(`now: "${test.now}" is no moment such as 2024-01-31T08:00:00+08:00`)
  const made = plan.apply({
    source,
    target,
    targetId: test.targetId ?? null,
    detailIds: {},
    refs,
    now,
    ...(target && { known: () => pair.print(opposite(from), target) }),
  })
  if (made.kind === 'missing')
    return test.fault === 'map.reference'
      ? wrong()
      : wrong(
          ...made.references.map(
            ({ pairId, id }) => `${pairId}/${id} is not mapped: say what it is mapped to (mapped)`,
          ),
        )
  return made.kind === 'faults' ? { wrong: endedWith(test, made.faults) } : { outgoing: made.outgoing }
}

/** It ended with these: what the test asks for, or what is told. */
export const endedWith = (test: MappingTest, faults: readonly Fault[]): string[] =>
  test.fault !== undefined && faults.some(({ code }) => code === test.fault) ? [] : faults.map((one) => sentence(one))

/** What goes out, against what the test expects. */
export const heldAgainst = (test: MappingTest, outgoing: Outgoing): string[] =>
  test.fault === undefined
    ? compare(contentOf(test.expect ?? '{}'), outgoing.content)
    : [`expected the fault ${test.fault}; it was mapped`]

/** The mapping alone, of a flow without functions around it. What came out otherwise, as sentences; none: the test holds. */
export const runMappingTest = (pair: Pair, plan: Plan, test: MappingTest): string[] => {
  const mapped = mapTested(pair, plan, test, testedRecord(pair, plan, test))
  return 'wrong' in mapped ? mapped.wrong : heldAgainst(test, mapped.outgoing)
}
