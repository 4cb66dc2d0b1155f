/**
 * Tells flows' functions of the calls that were applied (decision 220): once for each, after its settle, from rows that the settle wrote.
 * Nothing that a function says here can touch the record, its link or its target: it ends in this table.
 */
import { type Loop, startLoop } from '../agent/loop.ts'
import { opposite, type Json, type Millis, type Side } from '../doc/document.ts'
import type { Fault } from '../doc/fault.ts'
import type { Pair } from '../doc/flow.ts'
import { readJson, writeJson } from '../map/content.ts'
import { isRecord } from '../map/place.ts'
import { col, type Sql } from '../store/sql.ts'
import type { Engine, FunctionAnswer } from './engine.ts'
import type { Call } from './link.ts'

export interface AfterWriterDeps extends Pick<Engine, 'directory' | 'env' | 'log' | 'functions'> {
  sql: Sql
}

interface Due {
  seq: number
  tenant_id: string
  pair_id: string
  link_id: number
  call: Call
  side: Side
  target_id: string | null
  source_id: string | null
  noted_at: Millis
  lease_token: number
}

const batch = 64
/** A row that is being told is nobody else's for so long; longer than a batch at its limits takes. */
const lease: Millis = 120_000

const takeDue = (sql: Sql): Promise<Due[]> => sql<Due>`
  with due as materialized (
    select tenant_id, pair_id, link_id, seq
    from after_write
    where state = 'due' and next_at <= clock_timestamp()
    order by next_at, seq
    limit ${batch}
    for update skip locked)
  update after_write w set
    lease_token = w.lease_token + 1,
    next_at = clock_timestamp() + ${lease}::float8 * interval '1 millisecond'
  from due d
  where w.tenant_id = d.tenant_id and w.pair_id = d.pair_id and w.link_id = d.link_id and w.seq = d.seq
  returning w.seq, w.tenant_id, w.pair_id, w.link_id, w.call, w.side, w.target_id, w.source_id, w.noted_at, w.lease_token`

export type End =
  | { kind: 'heard'; note: string | null }
  | { kind: 'failed'; fault: Fault }
  | { kind: 'later'; fault: Fault | null; ms: Millis }

interface Ended {
  row: Due
  end: End
  logs: readonly string[]
}

/** What was heard without a word leaves no row, and takes earlier ones of its record along: a later success closes them. */
const endAll = async (sql: Sql, ended: readonly Ended[]): Promise<void> => {
  if (!ended.length) return
  const state = { heard: 'said', failed: 'failed', later: 'due' } as const
  await sql`
    with input as materialized (
      select i.*
      from unnest(
        ${col.text(ended.map(({ row }) => row.tenant_id))}::text[], ${col.text(ended.map(({ row }) => row.pair_id))}::text[],
        ${col.int8(ended.map(({ row }) => row.link_id))}::int8[], ${col.int8(ended.map(({ row }) => row.seq))}::int8[],
        ${col.int8(ended.map(({ row }) => row.lease_token))}::int8[], ${col.text(ended.map(({ end }) => state[end.kind]))}::text[],
        ${col.text(ended.map(({ end }) => ('fault' in end && end.fault ? JSON.stringify(end.fault) : null)))}::text[],
        ${col.text(ended.map(({ end }) => (end.kind === 'heard' ? end.note : null)))}::text[],
        ${col.text(ended.map(({ logs }) => (logs.length ? logs.join('\n') : null)))}::text[],
        ${col.int4(ended.map(({ end }) => (end.kind === 'later' ? end.ms : 0)))}::int4[])
        as i (tenant_id, pair_id, link_id, seq, lease_token, state, fault, note, logs, ms)),
    mine as (
      update after_write w set
        state = i.state,
        fault = i.fault,
        note = i.note,
        logs = i.logs,
        next_at = clock_timestamp() + i.ms * interval '1 millisecond',
        ended_at = case when i.state = 'due' then null else clock_timestamp() end
      from input i
      where w.tenant_id = i.tenant_id and w.pair_id = i.pair_id and w.link_id = i.link_id and w.seq = i.seq
        and w.lease_token = i.lease_token and w.state = 'due' and (i.state <> 'said' or i.note is not null)
      returning w.seq)
    delete from after_write w
    using input i
    where w.tenant_id = i.tenant_id and w.pair_id = i.pair_id and w.link_id = i.link_id and i.state = 'said'
      and ((w.seq = i.seq and i.note is null and w.state = 'due' and w.lease_token = i.lease_token) or (w.seq < i.seq and w.state <> 'due'))`
}

const mostNote = 2_000

/** What it may answer: nothing, or a note for whoever looks at the record. */
export const heard = (name: string, output: string): End => {
  const answer: Json = readJson(output)
  if (answer === null) return { kind: 'heard', note: null }
  if (isRecord(answer)) {
    const { note = null } = answer
    if (note === null || typeof note === 'string') return { kind: 'heard', note: note ? note.slice(0, mostNote) : null }
  }
  return {
    kind: 'failed',
    fault: { code: 'function.result', stage: 'settle', value: name, said: 'nothing is wanted, or {note: "…"}' },
  }
}

const endOf = (name: string, answer: FunctionAnswer): { end: End; logs: readonly string[] } => {
  switch (answer.kind) {
    case 'done':
      return { end: heard(name, answer.output), logs: answer.logs }
    case 'fault':
      return { end: { kind: 'failed', fault: { ...answer.fault, stage: 'settle' } }, logs: answer.logs }
    case 'suspended':
      return { end: { kind: 'later', fault: answer.fault, ms: 30_000 }, logs: [] }
    case 'left':
      return { end: { kind: 'later', fault: null, ms: 1_000 }, logs: [] }
  }
}

const inputOf = (pair: Pair, row: Due): string =>
  writeJson({
    pair: row.pair_id,
    action: row.call,
    object: pair.def[row.side].object,
    id: row.target_id,
    sourceObject: pair.def[opposite(row.side)].object,
    sourceId: row.source_id,
    at: new Date(row.noted_at).toISOString(),
  })

/** Rows of one flow together. */
const tellFlow = async (deps: AfterWriterDeps, rows: readonly Due[]): Promise<Ended[]> => {
  const [{ tenant_id, pair_id, side }] = rows as [Due, ...Due[]]
  const pair = deps.directory.pair(tenant_id, pair_id)
  const from = opposite(side)
  const name = pair?.def.flows[from]?.functions?.afterWrite
  const all = (end: End): Ended[] => rows.map((row) => ({ row, end, logs: [] }))
  // A pair that this node does not know, or no longer: another one may, and what nobody tells is dropped when it is old.
  if (!pair) return all({ kind: 'later', fault: null, ms: 60_000 })
  if (name === undefined) return all({ kind: 'heard', note: null }) // nobody is to be told any more
  if (!deps.functions) return all({ kind: 'later', fault: null, ms: 60_000 })
  const answers = await deps.functions.run({
    tenantId: tenant_id,
    connectionId: pair.def[from].connectionId,
    name,
    kind: 'afterWrite',
    inputs: rows.map((row) => inputOf(pair, row)),
    until: deps.env.now() + lease / 2,
  })
  return rows.map((row, i) => ({ row, ...endOf(name, answers[i] ?? { kind: 'left' }) }))
}

const rest: Millis = 30_000
/** What failed or was said is shown so long; what could never be told is given up then. */
const keptDays = 30
const pruneEvery: Millis = 3_600_000

export const startAfterWriter = (deps: AfterWriterDeps): Loop => {
  let pruneAt = 0
  return startLoop({
    name: 'after-writer',
    every: rest,
    env: deps.env,
    log: deps.log,
    async run() {
      const due = await takeDue(deps.sql)
      const flows = new Map<string, Due[]>()
      for (const row of due) {
        const key = JSON.stringify([row.tenant_id, row.pair_id, row.side])
        flows.set(key, [...(flows.get(key) ?? []), row])
      }
      await Promise.all(
        [...flows.values()].map(async (rows) => {
          const inOrder = rows.sort((a, b) => a.seq - b.seq)
          await endAll(deps.sql, await tellFlow(deps, inOrder))
        }),
      )
      const now = deps.env.monotonic()
      if (now >= pruneAt) {
        pruneAt = now + pruneEvery
        await deps.sql`
          delete from after_write
          where (state <> 'due' and ended_at < clock_timestamp() - ${keptDays} * interval '1 day')
            or (state = 'due' and noted_at < clock_timestamp() - ${keptDays} * interval '1 day')`
      }
      if (due.length === batch) return 0
      const [next] = await deps.sql<{ ms: number | null }>`
        select extract(epoch from min(next_at) - clock_timestamp())::float8 * 1000 as ms
        from after_write
        where state = 'due'`
      return next?.ms === null || next?.ms === undefined ? rest : Math.min(rest, Math.max(50, next.ms))
    },
  })
}
