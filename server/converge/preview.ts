/** The preview: what would become of a record now, rule by rule, down to the bytes that would be sent. Reads the database, and nothing else; writes nothing. */
import type { Change, Connector, ShownRequest } from '../doc/connector.ts'
import { type Document, type Fields, type Millis, opposite, type Side, sides } from '../doc/document.ts'
import type { Fault } from '../doc/fault.ts'
import { type Pair, referenceKey, type Resolved, type RuleTrace } from '../doc/flow.ts'
import { writeContent } from '../map/content.ts'
import type { Sql } from '../store/sql.ts'
import { type CallDecision, decide, type Decision, referencesOf, type Situation, sourceOf, travel } from './decide.ts'
import { keyOf } from './keys.ts'
import { freshLink, type LinkRow, readLink, type StoredLink } from './link.ts'
import { type Matched, openMatcher } from './match.ts'
import { carriers, documents, openCreates, references } from './read.ts'
import type { FunctionAnswer, FunctionRunner } from './engine.ts'
import { changeOf } from './round.ts'
import { seeAll, writeAll } from './steps.ts'

export interface PreviewAsked {
  pair: Pair
  from: Side
  id: string
  /** A pasted record, instead of what is staged. */
  record?: { masterFieldVal: Fields; detailFieldVals: { [detail: string]: Fields[] } }
  /** Runs the flow's functions; what they said is shown. */
  functions?: FunctionRunner
  now: Millis
}

/** A function of the flow at work: what it was given and what came of it. JSON texts. */
export interface StepShown {
  kind: 'beforeMapping' | 'beforeWrite'
  name: string
  given: string
  /** Null: nothing to go on with. */
  made: string | null
  skipped: string | null
  fault: Fault | null
  logs: string[]
}

/** What would happen: a call, or why there is none. */
export type WouldBe =
  | { kind: 'create' | 'update' | 'void' }
  | { kind: 'skip'; reason: string }
  | { kind: 'bind'; id: string }
  | { kind: 'wait' | 'park'; fault: Fault }
  /** An earlier call was never answered: it is looked up first. */
  | { kind: 'resolve' }

export interface Preview {
  would: WouldBe
  source: Document
  target: Document | null
  targetId: string | null
  rules: RuleTrace[]
  functions: StepShown[]
  /** Null where nothing can be mapped; the faults stand in `would`. */
  mapped: CallDecision['outgoing'] | null
  request: ShownRequest | null
  references: { field: string; pair: string; id: string; missing: string; found: string | null }[]
  matches: { by: string; hits: { id: string; boundTo: string | null }[] }[]
  /** `recognise: byId` with match before create: the target itself is asked, too, which a preview does not do. */
  asksTarget: boolean
}

const linkOf = async (sql: Sql, pair: Pair, from: Side, id: string): Promise<LinkRow | null> => {
  const { tenantId, pairId } = pair.def
  const [row] =
    from === 'left'
      ? await sql<StoredLink>`select * from link where tenant_id = ${tenantId} and pair_id = ${pairId} and left_id = ${id}`
      : await sql<StoredLink>`select * from link where tenant_id = ${tenantId} and pair_id = ${pairId} and right_id = ${id}`
  return row ? readLink(row) : null
}

/** What a decision about this link is made from, as the engine would read it. */
const situationOf = async (
  sql: Sql,
  pair: Pair,
  from: Side,
  link: LinkRow,
  staged: Record<Side, Document | null>,
  seen: Situation['seen'],
  now: Millis,
): Promise<Situation & { matched?: Matched }> => {
  const loaded = { pair, documents: staged, ...(seen && { seen }) }
  const wanted = referencesOf(loaded)
  const resolved = await references(
    sql,
    wanted.map((r) => ({ tenant_id: link.tenant_id, pairId: r.pairId, side: r.side, id: r.id })),
  )
  const refs = new Map<string, Resolved>()
  wanted.forEach((r, i) => refs.set(referenceKey(r), resolved[i] ?? 'unmapped'))
  const to = opposite(from)
  const isLonely = link[`${to}_id`] === null
  const plan = pair.plans[from]
  const [open] =
    isLonely && pair.plans[to]
      ? await openCreates(sql, [
          {
            tenant_id: link.tenant_id,
            pair_id: link.pair_id,
            link_id: link.link_id,
            side: from,
            first_arrival_at: link.first_arrival_at,
          },
        ])
      : [null]
  const [carrying = []] =
    isLonely && plan?.def.matchBeforeCreate
      ? await carriers(sql, [
          {
            tenant_id: link.tenant_id,
            connection_id: pair.def[to].connectionId,
            object: pair.def[to].object,
            external_id: link[`${from}_id`] as string,
          },
        ])
      : []
  const source = sourceOf(loaded, from)
  const matched =
    isLonely && plan?.matching && source
      ? (
          await openMatcher(sql).find([
            { pair, side: to, id: source.data_id, keys: plan.matching.source(source.content) },
          ])
        )[0]
      : undefined
  return {
    link,
    pair,
    documents: staged,
    ...(seen && { seen }),
    refs,
    open: open ?? null,
    carriers: carrying,
    ...(matched !== undefined && { matched }),
    now,
  }
}

const wouldOf = (decision: Decision): WouldBe => {
  switch (decision.kind) {
    case 'call':
      return { kind: decision.action }
    case 'idle':
      return { kind: 'skip', reason: decision.reason }
    case 'wait':
    case 'park':
      return { kind: decision.kind, fault: decision.fault }
    case 'bind':
      return { kind: 'bind', id: decision.id }
    case 'ask': // only where nothing runs functions
      return {
        kind: 'park',
        fault: { code: 'function.absent', stage: 'config', value: decision.of, said: 'nothing runs it' },
      }
    case 'resolve':
    case 'reread': // looked at before anything else is done
      return { kind: 'resolve' }
    case 'unbind':
      return { kind: 'create' }
    case 'owe':
      return { kind: 'update' }
  }
}

/** What the engine would do with it: as its row stands where it is to be worked on, else as if the record had just come. */
const decisionOf = (s: Situation, from: Side, isPasted: boolean): Decision => {
  if (s.link.sent_at !== null) return { kind: 'resolve' }
  if (s.matched === null)
    return { kind: 'wait', on: 'create', keys: [], fault: { code: 'wait.create', stage: 'decide' }, pull: [] }
  return isPasted || s.link.state === 'idle' ? travel(s, from, false) : decide(s)
}

/** Decides, with the functions' word on the body where it is asked for. */
const decided = async (
  runs: FunctionRunner | undefined,
  situation: Situation,
  how: (s: Situation) => Decision,
): Promise<{ situation: Situation; decision: Decision }> => {
  let s = situation
  for (let turn = 0; ; turn++) {
    const decision = how(s)
    if (decision.kind !== 'ask' || !decision.outgoing || turn > 2) return { situation: s, decision }
    const { from, outgoing } = decision
    const [answer] = await writeAll(runs, [{ pair: s.pair, from, outgoing }])
    if (answer === undefined || answer === 'left') return { situation: s, decision }
    s = { ...s, written: { ...s.written, [from]: answer } }
  }
}

/** Notes what the functions that run are given and say. */
const listening = (runs: FunctionRunner | undefined) => {
  const heard: { kind: string; name: string; given: string; answer: FunctionAnswer }[] = []
  const runner: FunctionRunner | undefined = runs && {
    run: async (call) => {
      const answers = await runs.run(call)
      for (const [i, given] of call.inputs.entries()) {
        const answer = answers[i]
        if (answer) heard.push({ kind: call.kind, name: call.name, given, answer })
      }
      return answers
    },
  }
  return { runner, heard }
}

const readsOf = (given: string): string | undefined => {
  const { id } = JSON.parse(given) as { id?: string }
  return id
}

const stepsOf = (
  { seen, written, documents }: Situation,
  from: Side,
  heard: ReturnType<typeof listening>['heard'],
): StepShown[] =>
  (['beforeMapping', 'beforeWrite'] as const).flatMap((kind): StepShown[] => {
    const came = kind === 'beforeMapping' ? seen?.[from] : written?.[from]
    const own = heard.find(
      (one) => one.kind === kind && (kind === 'beforeWrite' || readsOf(one.given) === documents[from]?.data_id),
    )
    if (!came) return []
    const content = came.kind !== 'made' ? null : 'document' in came ? came.document.content : came.outgoing.content
    return [
      {
        kind,
        name: own?.name ?? '',
        given: own?.given ?? '{}',
        made: content && writeContent(content),
        skipped: came.kind === 'skip' ? (came.fault.said ?? '') : null,
        fault: came.kind === 'made' || came.kind === 'skip' ? null : came.fault,
        logs: own && 'logs' in own.answer ? own.answer.logs : [],
      },
    ]
  })

/** The ids that every request has anew; the preview says so instead. */
const placeholders = { key: '(new with each request)', traceId: '(new with each request)' }

/** Null: nothing is staged of that record, and none was pasted; or the flow is disabled. */
export const preview = async (
  sql: Sql,
  connector: (connectionId: string) => Connector | undefined,
  { pair, from, id, record, functions, now }: PreviewAsked,
): Promise<Preview | null> => {
  if (!pair.plans[from]) return null
  const to = opposite(from)
  const { tenantId, pairId } = pair.def
  const known = await linkOf(sql, pair, from, id)
  const link =
    known ??
    freshLink({ tenant_id: tenantId, pair_id: pairId, from, id, now, target_connection: pair.def[to].connectionId })
  const keys = sides.filter((side) => link[`${side}_id`] !== null)
  const stagedNow = await documents(
    sql,
    keys.map((side) => keyOf(link, pair, side)),
  )
  const staged: Record<Side, Document | null> = { left: null, right: null }
  keys.forEach((side, i) => (staged[side] = stagedNow[i] ?? null))
  if (record)
    staged[from] = {
      tenant_id: tenantId,
      connection_id: pair.def[from].connectionId,
      object: pair.def[from].object,
      data_id: id,
      version: Number.MAX_SAFE_INTEGER,
      operation: 'upsert',
      content_hash: Buffer.alloc(0),
      source_time: null,
      external_id: null,
      content: record,
    }
  const source = staged[from]
  if (!source) return null
  const { runner, heard } = listening(functions)
  const [seen] = await seeAll(runner, [{ link, pair, documents: staged }])
  const read = seen === undefined || seen === 'left' ? undefined : seen
  const { situation, decision } = await decided(
    runner,
    await situationOf(sql, pair, from, link, staged, read, now),
    (s) => decisionOf(s, from, record !== undefined),
  )
  const rules: RuleTrace[] = []
  // Mapped whatever the answer is: people look here to see what it would be.
  const plain: Situation = {
    ...situation,
    link: { ...link, last_call_at: null },
    carriers: [],
    open: null,
    matched: { hits: [] },
  }
  // The rules are told once, also where the body is asked for in between.
  travel({ ...plain, trace: (one: RuleTrace) => void rules.push(one) }, from, true)
  const { situation: mapped, decision: forced } = await decided(runner, plain, (s) => travel(s, from, true))
  const call = decision.kind === 'call' && decision.from === from ? decision : forced.kind === 'call' ? forced : null
  const target = call && connector(pair.def[to].connectionId)
  const change: Change | null = call && target ? changeOf(target, call, placeholders) : null
  const refs = pair.plans[from].references(sourceOf(situation, from) ?? source)
  return {
    would: wouldOf(decision),
    source,
    target: staged[to],
    targetId: link[`${to}_id`],
    rules,
    functions: stepsOf(mapped, from, heard),
    mapped: call?.outgoing ?? null,
    request: (change && target?.request?.(change)) ?? null,
    references: refs.map(({ field, pairId: by, id: referred, missing, side }) => {
      const found = situation.refs.get(referenceKey({ pairId: by, side, id: referred }))
      return { field, pair: by, id: referred, missing, found: found && found !== 'unmapped' ? found.targetId : null }
    }),
    matches: [
      ...(situation.carriers.length
        ? [{ by: 'id', hits: situation.carriers.map((one) => ({ id: one, boundTo: null })) }]
        : []),
      ...(situation.matched?.hits.length ? [{ by: 'fields', hits: [...situation.matched.hits] }] : []),
    ],
    asksTarget:
      link[`${to}_id`] === null && pair.plans[from].def.matchBeforeCreate && pair.connection[to].recognise === 'byId',
  }
}

// ── a whole flow ─────────────────────────────────────────────────────────────────────────────────────────────────────────────────────

/** How many records would be treated how; of faults a sentence's worth and one record each. */
export interface DryRun {
  looked: number
  counts: Record<string, number>
  faults: { code: string; field: string | null; count: number; record: string; value: string | null }[]
}

export const emptyRun = (): DryRun => ({ looked: 0, counts: {}, faults: [] })

const mostFaults = 100

const countFault = (run: DryRun, fault: Fault, record: string): void => {
  const field = fault.field?.replaceAll(/\[\d+\]/g, '') ?? null
  const known = run.faults.find((one) => one.code === fault.code && one.field === field)
  if (known) known.count++
  else if (run.faults.length < mostFaults)
    run.faults.push({ code: fault.code, field, count: 1, record, value: fault.value ?? fault.said ?? null })
}

const wordOf = (would: WouldBe): string => (would.kind === 'skip' ? `skip: ${would.reason}` : would.kind)

/** One slice of the flow's staged records, by id; answers the last one, null at the end. Pure but for its reads. */
export const drySlice = async (
  sql: Sql,
  pair: Pair,
  from: Side,
  run: DryRun,
  after: string,
  slice: number,
  now: Millis,
  functions?: FunctionRunner,
): Promise<string | null> => {
  const { tenantId, pairId } = pair.def
  const to = opposite(from)
  const { connectionId, object } = pair.def[from]
  const rows = await sql<{ data_id: string }>`
    select data_id
    from document
    where tenant_id = ${tenantId} and connection_id = ${connectionId} and object = ${object} and data_id > ${after}
    order by data_id
    limit ${slice}`
  const found: { link: LinkRow; staged: Record<Side, Document | null> }[] = []
  for (const { data_id } of rows) {
    const link =
      (await linkOf(sql, pair, from, data_id)) ??
      freshLink({
        tenant_id: tenantId,
        pair_id: pairId,
        from,
        id: data_id,
        now,
        target_connection: pair.def[to].connectionId,
      })
    const keys = sides.filter((side) => link[`${side}_id`] !== null)
    const read = await documents(
      sql,
      keys.map((side) => keyOf(link, pair, side)),
    )
    const staged: Record<Side, Document | null> = { left: null, right: null }
    keys.forEach((side, i) => (staged[side] = read[i] ?? null))
    if (!staged[from]) continue
    found.push({ link, staged })
  }
  const seen = await seeAll(
    functions,
    found.map(({ link, staged }) => ({ link, pair, documents: staged })),
  )
  for (const [i, { link, staged }] of found.entries()) {
    const made = seen[i]
    const read = made === 'left' ? undefined : made
    const { decision } = await decided(functions, await situationOf(sql, pair, from, link, staged, read, now), (s) =>
      decisionOf(s, from, true),
    )
    const would = wouldOf(decision)
    const data_id = link[`${from}_id`] ?? ''
    run.looked++
    const word = wordOf(would)
    run.counts[word] = (run.counts[word] ?? 0) + 1
    if (would.kind === 'park' || would.kind === 'wait') countFault(run, would.fault, data_id)
  }
  return rows.length < slice ? null : (rows.at(-1)?.data_id ?? null)
}
