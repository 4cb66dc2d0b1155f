/** Runs the mapping tests that are saved with a flow: what a record is mapped to, held against what was expected. Pure. */
import { type Content, type Document, type Fields, type Json, opposite, type Side } from '../doc/document.ts'
import { type MappingTest, type Pair, type Plan, referenceKey, type Resolved } from '../doc/flow.ts'
import { sentence } from '../doc/fault.ts'
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

/** What came out otherwise, as sentences; none: the test holds. */
export const runMappingTest = (pair: Pair, plan: Plan, test: MappingTest): string[] => {
  const { from } = plan
  const source = documentOf(pair, from, test.id, test.record)
  const refs = new Map<string, Resolved>()
  for (const reference of plan.references(source)) {
    const id = test.mapped?.[`${reference.pairId}/${reference.id}`]
    if (id !== undefined) refs.set(referenceKey(reference), { targetId: id })
  }
  const inScope = plan.inScope(source, refs)
  if (!inScope) return test.fault === 'out of scope' ? [] : ['the record is out of scope']
  if (test.fault === 'out of scope') return ['the record is in scope']
  const target =
    test.target === undefined ? null : documentOf(pair, opposite(from), test.targetId ?? 'target', test.target)
  const now = test.now === undefined ? 0 : Date.parse(test.now)
  if (Number.isNaN(now)) return [`now: "${test.now}" is no moment such as 2024-01-31T08:00:00+08:00`]
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
      ? []
      : made.references.map(({ pairId, id }) => `${pairId}/${id} is not mapped: say what it is mapped to (mapped)`)
  if (made.kind === 'faults') {
    if (test.fault !== undefined && made.faults.some(({ code }) => code === test.fault)) return []
    return made.faults.map((fault) => sentence(fault))
  }
  if (test.fault !== undefined) return [`expected the fault ${test.fault}; it was mapped`]
  return compare(contentOf(test.expect ?? '{}'), made.outgoing.content)
}
