/** Match before create by rules over fields (D5): the keys of staged records, who has the same ones, and the matcher that goes through what was there before a rule. */
import { type Loop, startLoop } from '../agent/loop.ts'
import type { Env } from '../doc/env.ts'
import { type Document, opposite, type RecordKey, type Side, sides } from '../doc/document.ts'
import type { MatchKey, Pair } from '../doc/flow.ts'
import { col, type Sql } from '../store/sql.ts'
import type { Directory, Log } from './engine.ts'
import type { LinkName } from './ids.ts'
import { documents } from './read.ts'

/** A record of the other side that has the same key, and the record of this side that it belongs to already. */
export interface Hit {
  id: string
  boundTo: string | null
}

/** What the first rule that finds anything finds; null where records of before are still being gone through. */
export type Matched = { rule: string | null; hits: Hit[] } | null

/** Asks for records at `side` of a pair that have one of these keys, rule by rule; `id` is the record that asks, of the other side. */
export interface MatchQuestion {
  pair: Pair
  side: Side
  id: string
  keys: MatchKey[]
}

/** What a record is found under now, for all rules that its object takes part in. */
export interface MatchNote extends RecordKey {
  keys: MatchKey[]
  /** The rules that were looked at: keys of others stay. */
  rules: readonly string[]
}

export interface Matcher {
  find(questions: readonly MatchQuestion[]): Promise<Matched[]>
  note(notes: readonly MatchNote[]): Promise<void>
  /** Links without another side whose record has a key that these have. */
  waiting(questions: readonly MatchQuestion[]): Promise<(LinkName & { side: Side })[]>
}

/** The keys of a document of one side, by every flow of the pair that matches; `seen`: as the flow away from it sees it. */
export const keysOf = (pair: Pair, side: Side, document: Document, seen: Document | null = document): MatchKey[] => {
  if (document.operation === 'void') return []
  const own = (seen && pair.plans[side]?.matching?.source(seen.content)) ?? []
  const others = pair.plans[opposite(side)]?.matching?.target(document.content) ?? []
  return others.length ? [...own, ...others] : own
}

/** Of both flows of a pair; none: it is not matched by fields. */
export const rulesOf = (pair: Pair): readonly string[] =>
  sides.flatMap((side) => pair.plans[side]?.matching?.rules ?? [])

const most = 3

const find = async (sql: Sql, questions: readonly MatchQuestion[]): Promise<Matched[]> => {
  const asked = questions.flatMap((question, i) => question.keys.map((key) => ({ ...question, ...key, i })))
  const found: Matched[] = questions.map(() => ({ rule: null, hits: [] }))
  if (!asked.length) return found
  const ends = asked.map(({ pair, side }) => pair.def[side])
  const own = asked.map(({ pair, side }) => pair.def[opposite(side)])
  const rows = await sql<{ ord: number; data_id: string | null; bound_to: string | null; not_yet: boolean }>`
    select q.ord::int4 as ord, m.data_id, m.bound_to, not coalesce(s.done, false) or o.link_id is not null as not_yet
    from unnest(
      ${col.text(asked.map(({ pair }) => pair.def.tenantId))}::text[], ${col.text(asked.map(({ pair }) => pair.def.pairId))}::text[],
      ${col.text(asked.map(({ side }) => side))}::text[], ${col.text(ends.map((end) => end.connectionId))}::text[],
      ${col.text(ends.map((end) => end.object))}::text[], ${col.text(own.map((end) => end.connectionId))}::text[],
      ${col.text(own.map((end) => end.object))}::text[], ${col.text(asked.map(({ id }) => id))}::text[],
      ${col.text(asked.map(({ rule }) => rule))}::text[], ${col.text(asked.map(({ key }) => key))}::text[])
      with ordinality as q (tenant_id, pair_id, side, connection_id, object, own_connection, own_object, own_id, rule, key, ord)
    left join lateral (
      select s.done from match_scope s
      where s.tenant_id = q.tenant_id and s.connection_id = q.connection_id and s.object = q.object and s.rule = q.rule
      limit 1) s on true
    -- a create of the same is open: what it makes is not known yet
    left join lateral (
      select o.link_id from link o
      where o.tenant_id = q.tenant_id and o.pair_id = q.pair_id and o.target_connection = q.connection_id
        and o.match_key = q.rule || ':' || q.key and o.match_key is not null and o.sent_call = 'create'
      limit 1) o on true
    left join lateral (
      -- records there, and whom they belong to
      (select m.data_id, coalesce(r.left_id, l.right_id) as bound_to
      from match_key m
      left join link r on q.side = 'right' and r.tenant_id = q.tenant_id and r.pair_id = q.pair_id and r.right_id = m.data_id
      left join link l on q.side = 'left' and l.tenant_id = q.tenant_id and l.pair_id = q.pair_id and l.left_id = m.data_id
      where m.tenant_id = q.tenant_id and m.connection_id = q.connection_id and m.object = q.object and m.rule = q.rule and m.key = q.key
      order by m.data_id
      limit ${most})
      union
      -- what records here with the same key have there already, also where nobody reads it
      (select coalesce(r.right_id, l.left_id), m.data_id
      from match_key m
      left join link r on q.side = 'right' and r.tenant_id = q.tenant_id and r.pair_id = q.pair_id and r.left_id = m.data_id
      left join link l on q.side = 'left' and l.tenant_id = q.tenant_id and l.pair_id = q.pair_id and l.right_id = m.data_id
      where m.tenant_id = q.tenant_id and m.connection_id = q.own_connection and m.object = q.own_object and m.rule = q.rule and m.key = q.key
        and m.data_id <> q.own_id and coalesce(r.right_id, l.left_id) is not null
      order by m.data_id
      limit ${most})) m on true
    order by q.ord, m.data_id`
  for (const { ord, data_id, bound_to, not_yet } of rows) {
    const { i, rule } = asked[ord - 1] as (typeof asked)[number]
    const so = found[i]
    if (not_yet) found[i] = null
    else if (so && data_id !== null && (so.rule === null || so.rule === rule)) {
      so.rule = rule
      so.hits.push({ id: data_id, boundTo: bound_to })
    }
  }
  return found
}

const note = async (sql: Sql, notes: readonly MatchNote[]): Promise<void> => {
  if (!notes.length) return
  const keys = notes.flatMap((one) => one.keys.map((key) => ({ ...one, ...key })))
  const looked = notes.flatMap((one) => one.rules.map((rule) => ({ ...one, rule })))
  await sql`
    with input as materialized (
      select distinct i.*
      from unnest(
        ${col.text(keys.map((k) => k.tenant_id))}::text[], ${col.text(keys.map((k) => k.connection_id))}::text[],
        ${col.text(keys.map((k) => k.object))}::text[], ${col.text(keys.map((k) => k.rule))}::text[],
        ${col.text(keys.map((k) => k.key))}::text[], ${col.text(keys.map((k) => k.data_id))}::text[])
        as i (tenant_id, connection_id, object, rule, key, data_id)),
    gone as (
      delete from match_key m
      using unnest(
        ${col.text(looked.map((n) => n.tenant_id))}::text[], ${col.text(looked.map((n) => n.connection_id))}::text[],
        ${col.text(looked.map((n) => n.object))}::text[], ${col.text(looked.map((n) => n.data_id))}::text[],
        ${col.text(looked.map((n) => n.rule))}::text[])
        as r (tenant_id, connection_id, object, data_id, rule)
      where m.tenant_id = r.tenant_id and m.connection_id = r.connection_id and m.object = r.object and m.data_id = r.data_id
        and m.rule = r.rule
        and not exists (
          select from input i
          where i.tenant_id = m.tenant_id and i.connection_id = m.connection_id and i.object = m.object and i.data_id = m.data_id
            and i.rule = m.rule and i.key = m.key))
    insert into match_key (tenant_id, connection_id, object, rule, key, data_id)
    select tenant_id, connection_id, object, rule, key, data_id
    from input
    order by tenant_id, connection_id, object, rule, key, data_id
    on conflict do nothing`
}

/** `side` of a question is where the lonely records are; their own side is told. */
const waiting = async (sql: Sql, questions: readonly MatchQuestion[]): Promise<(LinkName & { side: Side })[]> => {
  const asked = questions.flatMap(({ pair, side, keys }) => keys.map((key) => ({ pair, side, ...key })))
  if (!asked.length) return []
  const ends = asked.map(({ pair, side }) => pair.def[side])
  return sql<LinkName & { side: Side }>`
    select distinct l.tenant_id, l.pair_id, l.link_id, q.side
    from unnest(
      ${col.text(asked.map(({ pair }) => pair.def.tenantId))}::text[], ${col.text(asked.map(({ pair }) => pair.def.pairId))}::text[],
      ${col.text(asked.map(({ side }) => side))}::text[], ${col.text(ends.map((end) => end.connectionId))}::text[],
      ${col.text(ends.map((end) => end.object))}::text[], ${col.text(asked.map(({ rule }) => rule))}::text[],
      ${col.text(asked.map(({ key }) => key))}::text[])
      as q (tenant_id, pair_id, side, connection_id, object, rule, key)
    cross join lateral (
      select m.data_id from match_key m
      where m.tenant_id = q.tenant_id and m.connection_id = q.connection_id and m.object = q.object and m.rule = q.rule and m.key = q.key
      order by m.data_id
      limit ${most}) m
    cross join lateral (
      select l.tenant_id, l.pair_id, l.link_id from link l
      where q.side = 'left' and l.tenant_id = q.tenant_id and l.pair_id = q.pair_id and l.left_id = m.data_id
        and l.right_id is null and l.state = 'idle'
      union all
      select l.tenant_id, l.pair_id, l.link_id from link l
      where q.side = 'right' and l.tenant_id = q.tenant_id and l.pair_id = q.pair_id and l.right_id = m.data_id
        and l.left_id is null and l.state = 'idle'
      limit 1) l`
}

export const openMatcher = (sql: Sql): Matcher => ({
  find: (questions) => find(sql, questions),
  note: (notes) => note(sql, notes),
  waiting: (questions) => waiting(sql, questions),
})

// ── what was there before the rule ───────────────────────────────────────────────────────────────────────────────────────────────────

interface Scope {
  pair: Pair
  side: Side
  rules: readonly string[]
}

/** Every object of a pair whose records a rule is about, on either side. */
const scopesOf = (pairs: readonly Pair[]): Scope[] =>
  pairs.flatMap((pair) =>
    sides.flatMap((side) => {
      const rules = rulesOf(pair)
      return rules.length ? [{ pair, side, rules }] : []
    }),
  )

const slice = 500

/** Goes through one slice of one object. True where there is more. */
const oneSlice = async (sql: Sql, { pair, side, rules }: Scope): Promise<boolean> => {
  const { tenantId } = pair.def
  const { connectionId, object } = pair.def[side]
  await sql`
    insert into match_scope (tenant_id, connection_id, object, rule)
    select ${tenantId}, ${connectionId}, ${object}, rule
    from unnest(${col.text([...rules])}::text[]) as r (rule)
    order by rule
    on conflict do nothing`
  const [open] = await sql<{ after: string }>`
    select min(after) as after
    from match_scope
    where tenant_id = ${tenantId} and connection_id = ${connectionId} and object = ${object} and rule = any(${col.text([...rules])}::text[])
      and not done
    having count(*) > 0`
  if (!open) return false
  const rows = await sql<{ data_id: string }>`
    select data_id
    from document
    where tenant_id = ${tenantId} and connection_id = ${connectionId} and object = ${object} and data_id > ${open.after}
    order by data_id
    limit ${slice}`
  const keys = rows.map(({ data_id }) => ({ tenant_id: tenantId, connection_id: connectionId, object, data_id }))
  const staged = await documents(sql, keys)
  await note(
    sql,
    keys.map((key, i) => {
      const doc = staged[i]
      return { ...key, rules, keys: doc ? keysOf(pair, side, doc) : [] }
    }),
  )
  const last = rows.at(-1)?.data_id ?? null
  await sql`
    update match_scope set
      after = coalesce(${last}, after),
      done = ${rows.length < slice}
    where tenant_id = ${tenantId} and connection_id = ${connectionId} and object = ${object} and rule = any(${col.text([...rules])}::text[])
      and not done`
  return rows.length === slice
}

/** Does nothing where no flow matches by rules. */
export const startMatcher = (deps: {
  sql: Sql
  env: Pick<Env, 'sleep' | 'random'>
  log: Log
  directory: Pick<Directory, 'pairs'>
  /** Creates that waited for it may go on. */
  woke(): void
}): Loop => {
  let done: readonly Pair[] = []
  return startLoop({
    name: 'matcher',
    every: 10_000,
    run: async (signal) => {
      const pairs = deps.directory.pairs?.() ?? []
      // What is compiled is the same until the configuration changes.
      if (pairs === done) return undefined
      for (const scope of scopesOf(pairs))
        for (let more = true; more && !signal.aborted; ) more = await oneSlice(deps.sql, scope)
      if (signal.aborted) return undefined
      if (pairs.some((pair) => rulesOf(pair).length)) deps.woke()
      done = pairs
      return undefined
    },
    env: deps.env,
    log: deps.log,
  })
}
