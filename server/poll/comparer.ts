/** The comparer 数据核对: reads both systems of a flow page by page and keeps what is not the same. A crash or a stop costs no more than a page. */
import type { Loop } from '../agent/loop.ts'
import { pageMemory, sweep } from '../connect/pager.ts'
import type { Connector, Page, Reading } from '../doc/connector.ts'
import { type Document, type Fields, type Json, type Millis, opposite, type Side } from '../doc/document.ts'
import type { Env } from '../doc/env.ts'
import type { Outgoing, Pair, Plan, Resolved } from '../doc/flow.ts'
import type { DetailIds } from '../doc/outcome.ts'
import { differing, printKey } from '../doc/print.ts'
import { writeJson } from '../map/content.ts'
import type { Sql } from '../store/sql.ts'
import {
  beatComparison,
  claimComparison,
  type Comparison,
  countFound,
  type Difference,
  endComparison,
  type Found,
  nextComparison,
  noteTotals,
  type Phase,
  type Repairable,
  stepComparison,
} from './comparisons.ts'
import { findPatiently } from './find.ts'
import { startTasks, type Trouble } from './tasks.ts'
import { leaseMs } from './window.ts'

/** What the engine knows of a record: who it is on the other side, and what it refers to. */
export interface Known {
  otherId: string | null
  detailIds: DetailIds
  refs: ReadonlyMap<string, Resolved>
}

export interface ComparerDeps {
  /** Wears `mortise_road`. */
  sql: Sql
  env: Pick<Env, 'now' | 'sleep' | 'random'>
  pair(tenantId: string, pairId: string): Pair | undefined
  connector(tenantId: string, connectionId: string): Connector | undefined
  /** In the order of the documents, which live on `side`. */
  known(pair: Pair, side: Side, documents: readonly Document[]): Promise<Known[]>
  isVoided(tenantId: string, connectionId: string, object: string, master: Fields): boolean
  /** Sends again what was found of this kind and is not sent again yet. */
  repair(task: Comparison, kind: Repairable): Promise<unknown>
  log: Record<'info' | 'warn' | 'error', (fields: object, message: string) => void>
  netMs?: Millis
}

type Verdict = 'same' | 'passed over' | Omit<Found, 'phase' | 'record_id'>

/** Records asked for by id at the same time. */
const abreast = 4

const documentOf = (pair: Pair, side: Side, reading: Reading): Document => ({
  tenant_id: pair.def.tenantId,
  connection_id: pair.def[side].connectionId,
  object: pair.def[side].object,
  data_id: reading.data_id,
  version: 1,
  operation: 'upsert',
  content_hash: Buffer.alloc(0),
  external_id: null,
  ...reading.document,
})

const shown = (value: Json | undefined): string | null => (value === undefined ? null : writeJson(value))
const at = (fields: Fields, path: string): Json | undefined => {
  let value: Json | undefined = fields[path]
  if (value !== undefined || !path.includes('.')) return value
  value = fields
  for (const part of path.split('.')) {
    if (value === null || typeof value !== 'object' || Array.isArray(value)) return undefined
    value = (value as Fields)[part]
  }
  return value
}

/** Field by field, over what the flow writes: what it would write now, and what the target holds. Pure. */
export const differencesOf = (
  plan: Plan,
  outgoing: Outgoing,
  target: Document,
  changed: readonly number[],
): Difference[] => {
  const keys = new Set(changed)
  const { masterFieldVal, detailFieldVals } = outgoing.content
  const names = new Set([...plan.def.mapping.fields.map((rule) => rule.to), ...Object.keys(masterFieldVal)])
  const fields = [...names]
    .filter((name) => keys.delete(printKey(name)))
    .map((field) => ({
      field,
      expected: shown(at(masterFieldVal, field)),
      held: shown(at(target.content.masterFieldVal, field)),
    }))
  if (!keys.size) return fields
  // What is left are rows: they are shown whole, for a row that is missing has no field to name.
  for (const [detail, rows] of Object.entries(detailFieldVals))
    fields.push({ field: detail, expected: shown(rows), held: shown(target.content.detailFieldVals[detail]) })
  return fields
}

/** The field for our id, where the target has none: a record that was made there is joined by the ID mapping alone, and nothing is wrong with it. */
const idOfOurs = (plan: Plan, { content, sourceId }: Outgoing, target: Document): number | null => {
  const own = Object.entries(content.masterFieldVal).find(
    ([name, value]) =>
      value === sourceId &&
      (target.content.masterFieldVal[name] ?? '') === '' &&
      !plan.def.mapping.fields.some((rule) => rule.to === name),
  )
  return own ? printKey(own[0]) : null
}

/** One source record against what the target holds of it. Pure. */
export const judge = (plan: Plan, source: Document, known: Known, target: Document, now: Millis): Verdict => {
  const mapped = plan.apply({
    source,
    target,
    targetId: known.otherId,
    detailIds: known.detailIds,
    refs: known.refs,
    now,
    known: () => plan.targetPrint(target),
  })
  const unclear = (fault: string): Verdict => ({ kind: 'unclear', other_id: known.otherId, fields: null, fault })
  if (mapped.kind === 'faults') return unclear(JSON.stringify(mapped.faults[0]))
  if (mapped.kind === 'missing')
    return unclear(`unmapped: ${mapped.references.map((r) => `${r.pairId} ${r.id}`).join(', ')}`)
  const unsaid = idOfOurs(plan, mapped.outgoing, target)
  const changed = differing(mapped.print, plan.targetPrint(target)).filter((key) => key !== unsaid)
  if (!changed.length) return 'same'
  return {
    kind: 'different',
    other_id: known.otherId,
    fields: differencesOf(plan, mapped.outgoing, target, changed),
    fault: null,
  }
}

/** One task, to its end or to what is in the way. Absence is believed only of a record that was asked for by its id. @throws Fenced */
export const workComparison = async (
  deps: ComparerDeps,
  task: Comparison,
  signal: AbortSignal,
): Promise<Trouble | null> => {
  const { sql, env } = deps
  const pair = deps.pair(task.tenant_id, task.pair_id)
  const plan = pair?.plans[task.from_side]
  const sideOf: Record<Phase, Side> = { source: task.from_side, target: opposite(task.from_side) }
  const connectorOf = (phase: Phase): Connector | undefined =>
    pair && deps.connector(task.tenant_id, pair.def[sideOf[phase]].connectionId)
  const [source, target] = [connectorOf('source'), connectorOf('target')]
  if (!pair || !plan || !source || !target)
    return { fault: { code: 'config.connector', stage: 'read', said: 'no such flow, or it is disabled' } }
  const connectors: Record<Phase, Connector> = { source, target }
  const other: Record<Phase, Phase> = { source: 'target', target: 'source' }

  const verdictOn = async (phase: Phase, document: Document, known: Known): Promise<Verdict | Trouble | null> => {
    const side = sideOf[other[phase]]
    const { connectionId, object } = pair.def[sideOf[phase]]
    if (deps.isVoided(task.tenant_id, connectionId, object, document.content.masterFieldVal)) return 'passed over'
    if (phase === 'source' && known.otherId === null && !plan.inScope(document, known.refs)) return 'passed over'
    const alone: Verdict = {
      kind: phase === 'source' ? 'onlySource' : 'onlyTarget',
      other_id: known.otherId,
      fields: null,
      fault: null,
    }
    if (known.otherId === null) return alone
    const read = await findPatiently(connectors[other[phase]], pair.def[side].object, known.otherId, env, signal)
    if (read.kind === 'failed') {
      if (read.calm || signal.aborted) return { fault: read.why, ...(read.at !== undefined && { at: read.at }) }
      return { kind: 'unclear', other_id: known.otherId, fields: null, fault: JSON.stringify(read.why) }
    }
    if (read.value === null) return alone
    return phase === 'target' ? 'same' : judge(plan, document, known, documentOf(pair, side, read.value), env.now())
  }

  for (const phase of ['source', 'target'] as const) {
    if (task.phase === 'target' && phase === 'source') continue
    const from = phase === task.phase ? task.read_until : task.from_at
    let waiting = new Map<string, Reading>()
    const bad: Found[] = []
    let trouble: Trouble | null = null

    const look = async (until: Millis): Promise<void> => {
      const documents = [...waiting.values()].map((reading) => documentOf(pair, sideOf[phase], reading))
      waiting = new Map()
      const known = await deps.known(pair, sideOf[phase], documents)
      const same: string[] = []
      const found: Found[] = bad.splice(0)
      const looked = documents.length + found.length
      for (let i = 0; i < documents.length && !trouble; i += abreast)
        await Promise.all(
          documents.slice(i, i + abreast).map(async (document, j) => {
            const verdict = await verdictOn(phase, document, known[i + j] as Known)
            if (verdict === 'same') same.push(document.data_id)
            else if (verdict !== 'passed over' && verdict !== null && 'kind' in verdict)
              found.push({ phase, record_id: document.data_id, ...verdict })
            else if (verdict !== 'passed over') trouble = verdict
          }),
        )
      // What was not looked at to its end is read again: the mark stays where it is.
      if (trouble) return
      // A phase counts towards `same` once: of what the target holds, its source was compared already.
      await sql.retrying((tx) =>
        stepComparison(
          tx,
          task,
          { phase, until, looked: phase === 'source' ? looked : 0, same: phase === 'source' ? same : [], found },
          leaseMs,
        ),
      )
    }

    const swept = await sweep<Page>({
      object: pair.def[sideOf[phase]].object,
      from,
      to: task.to_at,
      memory: pageMemory(pair.connection[sideOf[phase]].pageSize),
      env,
      signal,
      read: (window, stop) => connectors[phase].changes(window, stop),
      visit: (page) => {
        for (const reading of page.readings) waiting.set(reading.data_id, reading)
        for (const { data_id, why } of page.bad ?? [])
          if (data_id !== null)
            bad.push({
              phase,
              record_id: data_id,
              kind: 'unclear',
              other_id: null,
              fields: null,
              fault: JSON.stringify(why),
            })
        return trouble !== null
      },
      progress: async (until) => {
        if (!trouble) await look(until)
      },
    })
    if (trouble) return trouble
    if (swept.kind === 'failed') return { fault: swept.why, ...(swept.at !== undefined && { at: swept.at }) }
  }
  // Both were read to their end: from here on a crash costs no request.
  await sql.retrying((tx) =>
    stepComparison(tx, task, { phase: 'target', until: task.to_at, looked: 0, same: [], found: [] }, leaseMs),
  )
  await mend(deps, task)
  await noteTotals(sql, task)
  return null
}

/** Sends again what the task asks for. So many that something else must be wrong are left to a person. */
const mend = async ({ sql, repair, log }: ComparerDeps, task: Comparison): Promise<void> => {
  if (!task.repair.length) return
  const found = await countFound(sql, task.tenant_id, task.comparison_id)
  const count = task.repair.reduce((sum, kind) => sum + found[kind], 0)
  if (count > task.repair_most)
    return log.warn(
      { tenant: task.tenant_id, flow: task.pair_id, task: task.comparison_id, count, bound: task.repair_most },
      'more differs than is repaired without a person',
    )
  for (const kind of task.repair) await repair(task, kind)
}

export const startComparer = (deps: ComparerDeps): Loop => {
  const { sql } = deps
  return startTasks<Comparison>(
    {
      name: 'comparer',
      claim: () => claimComparison(sql, leaseMs),
      next: () => nextComparison(sql),
      work: (task, signal) => workComparison(deps, task, signal),
      end: (task, end) => endComparison(sql, task, end),
      beat: { everyMs: leaseMs / 3, of: (task) => beatComparison(sql, task, leaseMs) },
      shown: (task) => ({ tenant: task.tenant_id, flow: task.pair_id, task: task.comparison_id }),
      waits: 'a comparison waits',
    },
    deps,
  )
}
