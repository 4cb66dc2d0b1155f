/**
 * A flow's functions around a decision (decision 220): records before they are mapped, bodies before they are sent, in batches of one flow.
 * What they answer is held against what they may say; `decide` stays pure and asks for what it lacks.
 */
import { scan } from '../../protocol/scan.ts'
import { type Content, type Document, type Json, type Millis, opposite, type Side, sides } from '../doc/document.ts'
import { type Fault, together } from '../doc/fault.ts'
import type { FunctionKind } from '../doc/function.ts'
import type { Outgoing, Pair, Plan } from '../doc/flow.ts'
import { readJson, writeContent, writeJson } from '../map/content.ts'
import { isRecord } from '../map/place.ts'
import type { Seen, Stopped, Written } from './decide.ts'
import type { FunctionAnswer, FunctionRunner } from './engine.ts'
import type { LinkRow } from './link.ts'

/** A function that decides over a call: it runs, or it is not there. */
export type Runs = FunctionRunner | undefined

export interface Held {
  link: Pick<LinkRow, 'left_id' | 'right_id'>
  pair: Pair
  documents: Record<Side, Document | null>
}

/** What came of a function: an answer, or nothing yet, for the time of the round was over before its turn. */
type OrLeft<T> = T | 'left'

const wrong = (name: string, said: string, field?: string): Stopped => ({
  kind: 'fault',
  fault: { code: 'function.result', stage: 'map', value: name, said, ...(field !== undefined && { field }) },
})

const howTo = 'return the record {masterFieldVal, detailFieldVals}, or {skip: "why"}'

/** What a function may answer about a record: what it made of it, or that it is not to go. `before`: what is not spoken of stays. */
export const judged = (name: string, output: string, before: Content): { content: Content } | Stopped => {
  const scanned = scan(Buffer.from(output))
  if (!scanned.ok && output !== 'null')
    return wrong(name, `cannot be read (${scanned.defect.kind})`, scanned.defect.path ?? 'result')
  const answer = readJson(output)
  if (!isRecord(answer)) return wrong(name, `it answered ${answer === null ? 'nothing' : 'no object'}: ${howTo}`)
  if (scanned.ok && scanned.scan.reserved !== null)
    return wrong(name, `${scanned.scan.reserved} is a reserved name`, scanned.scan.reserved)
  if (answer.skip !== undefined && answer.skip !== null && answer.skip !== false) {
    const said = typeof answer.skip === 'string' && answer.skip ? answer.skip : 'no reason given'
    return { kind: 'skip', fault: { code: 'function.skipped', stage: 'map', value: name, said: said.slice(0, 500) } }
  }
  const { masterFieldVal: master, detailFieldVals: details } = answer
  if (!isRecord(master)) return wrong(name, `masterFieldVal is no object: ${howTo}`, 'masterFieldVal')
  if (details === undefined || details === null)
    return { content: { masterFieldVal: master, detailFieldVals: before.detailFieldVals } }
  if (!isRecord(details)) return wrong(name, 'detailFieldVals is no object', 'detailFieldVals')
  for (const [code, rows] of Object.entries(details))
    if (!Array.isArray(rows) || !rows.every(isRecord))
      return wrong(name, `${code} is no list of rows`, `detailFieldVals.${code}`)
  return { content: { masterFieldVal: master, detailFieldVals: details as Content['detailFieldVals'] } }
}

const stopped = (answer: Exclude<FunctionAnswer, { kind: 'done' | 'left' }>): Stopped =>
  answer.kind === 'suspended' ? { kind: 'config', fault: answer.fault } : { kind: 'fault', fault: answer.fault }

/** The members of an argument that are no part of the record. */
const argument = (about: { [key: string]: Json | undefined }, plan: Plan, content: Content): string => {
  const params = JSON.stringify(plan.def.params ?? {})
  const head = Object.entries(about).flatMap(([key, value]) =>
    value === undefined ? [] : [`${JSON.stringify(key)}:${writeJson(value)}`],
  )
  return `{${head.join(',')},"params":${params},${writeContent(content).slice(1)}`
}

/** Groups by the function that they are for, runs each group, and puts the answers back in their places. */
const runGrouped = async (
  runs: Runs,
  asked: readonly { pair: Pair; from: Side; name: string; input: string }[],
  kind: FunctionKind,
  until: Millis | undefined,
): Promise<FunctionAnswer[]> => {
  const answers: FunctionAnswer[] = asked.map(({ name }) => ({
    kind: 'suspended',
    fault: { code: 'function.absent', stage: 'config', value: name, said: 'this program runs no functions' },
  }))
  if (!runs) return answers
  const groups = new Map<string, number[]>()
  for (const [i, { pair, from, name }] of asked.entries()) {
    const key = JSON.stringify([pair.def.tenantId, pair.def[from].connectionId, name])
    groups.set(key, [...(groups.get(key) ?? []), i])
  }
  await Promise.all(
    [...groups.values()].map(async (places) => {
      const { pair, from, name } = asked[places[0] as number] as (typeof asked)[number]
      const made = await runs.run({
        tenantId: pair.def.tenantId,
        connectionId: pair.def[from].connectionId,
        name,
        kind,
        inputs: places.map((i) => (asked[i] as (typeof asked)[number]).input),
        ...(until !== undefined && { until }),
      })
      for (const [n, i] of places.entries()) answers[i] = made[n] ?? { kind: 'left' }
    }),
  )
  return answers
}

/** By side, what the flow's function makes of the record there; empty where none has one. */
export const seeAll = async (
  runs: Runs,
  held: readonly Held[],
  until?: Millis,
): Promise<OrLeft<Partial<Record<Side, Seen>>>[]> => {
  const asked = held.flatMap(({ link, pair, documents }, i) =>
    sides.flatMap((from) => {
      const plan = pair.plans[from]
      const name = plan?.def.functions?.beforeMapping
      const document = documents[from]
      if (!plan || name === undefined || !document || document.operation === 'void') return []
      const about = {
        pair: pair.def.pairId,
        object: document.object,
        id: document.data_id,
        targetId: link[`${opposite(from)}_id`],
      }
      return [{ i, pair, from, name, document, input: argument(about, plan, document.content) }]
    }),
  )
  const seen: OrLeft<Partial<Record<Side, Seen>>>[] = held.map(() => ({}))
  if (!asked.length) return seen
  const answers = await runGrouped(runs, asked, 'beforeMapping', until)
  for (const [n, { i, from, name, document }] of asked.entries()) {
    const answer = answers[n] as FunctionAnswer
    const before = seen[i]
    if (answer.kind === 'left' || before === undefined || before === 'left') {
      seen[i] = 'left'
      continue
    }
    before[from] = answer.kind === 'done' ? seenOf(name, answer.output, document) : stopped(answer)
  }
  return seen
}

const seenOf = (name: string, output: string, document: Document): Seen => {
  const made = judged(name, output, document.content)
  return 'content' in made ? { kind: 'made', document: { ...document, content: made.content } } : made
}

export interface BodyAsked {
  pair: Pair
  from: Side
  outgoing: Outgoing
}

/** What the flows' functions make of bodies that are about to be sent. */
export const writeAll = async (runs: Runs, asked: readonly BodyAsked[], until?: Millis): Promise<OrLeft<Written>[]> => {
  const calls = asked.map(({ pair, from, outgoing }) => {
    const plan = pair.plans[from] as Plan
    const about = {
      pair: pair.def.pairId,
      object: outgoing.object,
      action: outgoing.targetId === null ? 'create' : 'update',
      id: outgoing.targetId,
      sourceId: outgoing.sourceId,
    }
    const name = plan.def.functions?.beforeWrite?.function ?? ''
    return { pair, from, name, plan, outgoing, input: argument(about, plan, outgoing.content) }
  })
  const answers = await runGrouped(runs, calls, 'beforeWrite', until)
  return calls.map(({ name, plan, outgoing }, i): OrLeft<Written> => {
    const answer = answers[i] as FunctionAnswer
    if (answer.kind === 'left') return 'left'
    if (answer.kind !== 'done') return stopped(answer)
    const made = judged(name, answer.output, outgoing.content)
    if (!('content' in made)) return made
    const body = plan.rewrite(outgoing, made.content)
    return 'faults' in body ? { kind: 'fault', fault: named(name, body.faults) } : { kind: 'made', ...body }
  })
}

/** Each fault of what it answered says whose answer it was. */
const named = (name: string, faults: readonly Fault[]): Fault =>
  together(faults.map((fault) => (fault.code === 'function.result' ? { ...fault, value: name } : fault)))
