/** The simulator's seeds on PostgreSQL: every call goes to memory and through the real SQL, and both must answer the same and hold the same rows. */
import { declare } from '../../server/converge/ids.ts'
import { type LinkRow, readLink, type StoredLink } from '../../server/converge/link.ts'
import { postgresRoad } from '../../server/converge/postgres.ts'
import type { FetchRow, Road } from '../../server/converge/road.ts'
import { admitIn } from '../../server/stage/admit.ts'
import type { Pool } from '../../server/store/pool.ts'
import type { VirtualClock } from './clock.ts'
import { connectionOf } from './config.ts'
import type { Verdict } from './judge.ts'
import type { Memory } from './memory.ts'
import type { Scenario } from './scenario.ts'
import { runSeed, start } from './world.ts'

export interface Replayed {
  verdict: Verdict
  /** Calls of the store that were made on both. */
  calls: number
  /** The first answer or rows that were not the same; null: none. */
  difference: string | null
}

/** One connection, so that the order of the calls is the order of the commits. Nothing here outlives the run: commits need not reach the disk. */
export const prepareReplay = async (sql: Pool): Promise<void> => {
  await sql.unsafe('set synchronous_commit = off')
  await sql.unsafe(`
    insert into tenant (tenant_id) values ('t');
    insert into connection (tenant_id, connection_id, kind, role, definition)
    values ('t', '${connectionOf.left}', 'standard', 'erp', '{}'), ('t', '${connectionOf.right}', 'standard', 'crm', '{}');
    insert into object (tenant_id, connection_id, code, api_name, definition)
    values ('t', '${connectionOf.left}', 'rec', 'rec', '{}'), ('t', '${connectionOf.right}', 'rec', 'rec', '{}');
    insert into pair (tenant_id, pair_id, left_connection, left_object, right_connection, right_object, definition)
    values ('t', 'p', '${connectionOf.left}', 'rec', '${connectionOf.right}', 'rec', '{}')`)
}

const clean = (sql: Pool): Promise<unknown> =>
  sql.unsafe(`
    delete from arrival; delete from attempt; delete from document; delete from link; delete from "fetch";
    alter sequence arrival_seq restart; alter sequence version_seq restart; alter sequence link_seq restart; alter sequence attempt_seq restart`)

/** Most calls of a seed find nothing to do: a third of them do as well. */
const sweepMs = 3_000

/** Text in which equal values are equal: bytes as hex, prints in order, keys sorted, faults read. */
const canonical = (value: unknown): string =>
  JSON.stringify(value, (_, v: unknown) => {
    if (v instanceof Map) return [...(v as Map<number, number>)].sort(([a], [b]) => a - b)
    if (typeof v !== 'object' || v === null || Array.isArray(v)) return v
    const bytes = v as { type?: string; data?: number[] }
    if (bytes.type === 'Buffer' && bytes.data) return Buffer.from(bytes.data).toString('hex')
    return Object.fromEntries(Object.entries(v).sort(([a], [b]) => (a < b ? -1 : 1)))
  })

const read = (fault: string | null): unknown => (fault?.startsWith('{') ? JSON.parse(fault) : fault)
const linkText = (l: LinkRow): string => canonical({ ...l, fault: read(l.fault) })

/** What an answer says, without what only numbers the log. */
const answerText = (name: keyof Road, answer: unknown): string => {
  if (name === 'claim') return (answer as LinkRow[]).map(linkText).sort().join('\n')
  if (name === 'claimFetches') return (answer as FetchRow[]).map(canonical).sort().join('\n')
  if (name === 'mark') return canonical((answer as ({ sent_at: number } | null)[]).map((m) => m && m.sent_at))
  return canonical(answer ?? null)
}

const different = (what: string, memory: string, database: string): string => {
  let at = 0
  while (at < memory.length && memory[at] === database[at]) at++
  const around = (text: string): string => text.slice(Math.max(0, at - 160), at + 160)
  return `${what}\n  memory:   …${around(memory)}…\n  database: …${around(database)}…`
}

const compareRows = async (sql: Pool, memory: Memory): Promise<string | null> => {
  const links = await sql<StoredLink>`select * from link order by link_id`
  for (const link of links) Reflect.deleteProperty(link, 'fault_group') // made of the fault, for people's lists
  const kept = [...memory.links.values()].sort((a, b) => a.link_id - b.link_id)
  const pairs: [string, string, string][] = [
    ['links', kept.map(linkText).join('\n'), links.map(readLink).map(linkText).join('\n')],
  ]
  const documents = await sql<{ data_id: string }>`
    select data_id, version, operation, master_hash, details_hash, previous_hash, source_time, external_id, master, details
    from document order by data_id collate "C"`
  const staged = [...memory.documents.values()]
    .map((d) => ({
      data_id: d.key.data_id,
      version: d.version,
      operation: d.operation,
      master_hash: d.masterHash,
      details_hash: d.detailsHash,
      previous_hash: d.previous,
      source_time: d.source_time,
      external_id: d.external_id,
      master: d.master,
      details: d.details,
    }))
    .sort((a, b) => (a.data_id < b.data_id ? -1 : 1))
  pairs.push(['documents', canonical(staged), canonical(documents)])
  const fetches = await sql<{ data_id: string }>`select * from "fetch" order by data_id collate "C"`
  for (const row of fetches) Reflect.deleteProperty(row, 'fault_group')
  const wanted = [...memory.fetches.values()]
    .map((f) => ({ ...f, now: undefined })) // of the answer, not of the row
    .sort((a, b) => (a.data_id < b.data_id ? -1 : 1))
  pairs.push(['fetches', canonical(wanted), canonical(fetches)])
  const arrivals = await sql<{ seq: number; outcome: string }>`
    select seq, outcome from arrival where operation <> 'hint' order by seq`
  pairs.push([
    'arrivals',
    canonical([...memory.arrivals].map(([seq, { outcome }]) => ({ seq, outcome }))),
    canonical(arrivals),
  ])
  const [sequence] = await sql<{ drawn: number }>`
    select case when is_called then last_value else 0 end as drawn from version_seq`
  pairs.push(['versions drawn', `${memory.drawn()}`, `${sequence?.drawn}`])
  for (const [what, here, there] of pairs) if (here !== there) return different(what, here, there)
  return null
}

export interface ReplayOptions {
  /** Compares the rows after every call, to find the one that first made a difference; slow. */
  closely?: boolean
}

/** Runs a seed on both stores in step. Stops at the first difference. */
export const replaySeed = async (
  sql: Pool,
  s: Scenario,
  { closely = false }: ReplayOptions = {},
): Promise<Replayed> => {
  await clean(sql)
  let difference: string | null = null
  let calls = 0
  const both = (memory: Memory, clock: VirtualClock): Road => {
    const database = postgresRoad(sql, (rows) => sql.begin((tx) => admitIn(tx, rows, clock.now())), {
      clock: () => clock.now(),
    })
    const call =
      (name: keyof Road) =>
      async (...given: never[]) => {
        calls++
        const here = await (memory.road[name] as (...a: never[]) => Promise<unknown>)(...given)
        const before = answerText(name, here)
        const there = await (database[name] as (...a: never[]) => Promise<unknown>)(...given)
        const after = answerText(name, there)
        const what = (): string => `${name} at ${clock.now() - start} ms, ${canonical(given).slice(0, 2_000)}`
        if (difference === null && before !== after) difference = different(what(), before, after)
        if (difference === null && closely) {
          const rows = await compareRows(sql, memory)
          if (rows) difference = `${what()}\n${rows}`
        }
        return there
      }
    return Object.fromEntries(
      Object.keys(memory.road).map((name) => [name, call(name as keyof Road)]),
    ) as unknown as Road
  }
  const bothDeclare =
    (memory: Memory, clock: VirtualClock): Memory['declare'] =>
    async (link, said) => {
      const here = await memory.declare(link, said)
      const there = await declare(sql, link, said, clock.now())
      if (here !== there) difference ??= `declare ${canonical([link, said])}: memory ${here}, database ${there}`
      return there
    }
  const { memory, ...verdict } = await runSeed(s, {
    road: both,
    declare: bothDeclare,
    sweepMs,
    halted: () => difference !== null,
  })
  difference ??= await compareRows(sql, memory)
  return { verdict, calls, difference }
}
