/** The engine's tables in PostgreSQL. `clock` is for the simulator; production takes the database's clock, which all nodes share. */
import type { Millis, RecordKey } from '../doc/document.ts'
import type { Sql } from '../store/sql.ts'
import { claim, reap, recheck } from './claim.ts'
import { claimFetches, endFetch, hint } from './fetches.ts'
import { bind, rerun, wake } from './ids.ts'
import { gather } from './gather.ts'
import { ended, mark, repeat } from './mark.ts'
import { carriers, channels, documents, drawVersion, openCreates, references, request, seen } from './read.ts'
import type { Road } from './road.ts'
import { settle } from './settle.ts'

/**
 * `admit` is the stage room's: handed in by main.ts. `claims` may forget in a crash of the database: a claim that is undone was not marked, so
 * nothing was sent under it, and a mark's own commit makes the claim before it durable (C1, C2).
 */
export const postgresRoad = (
  sql: Sql,
  admit: Road['admit'],
  { clock = () => null, claims = sql }: { clock?: () => Millis | null; claims?: Sql } = {},
): Road => {
  // The look at a target before its settle is one question per record; a round's own documents are already many in one.
  const look = gather((keys: RecordKey[]) => documents(sql, keys))
  return {
    admit,
    hint: (rows) => hint(sql, rows, clock()),
    drawVersion: () => drawVersion(sql),
    claim: (target, limit, leaseMs) => claim(claims, target, limit, leaseMs, clock()),
    documents: async (keys) => (keys.length === 1 ? [await look(keys[0] as RecordKey)] : documents(sql, keys)),
    channels: (keys) => channels(sql, keys),
    seen: (key, seqs, from) => seen(sql, key, seqs, from),
    references: (asked) => references(sql, asked),
    openCreates: (questions) => openCreates(sql, questions),
    carriers: (keys) => carriers(sql, keys),
    mark: (marks) => mark(sql, marks, clock()),
    repeat: (again) => repeat(sql, again, clock()),
    ended: (link, end) => ended(sql, link, end, clock()),
    request: (link, key) => request(sql, link, key),
    settle: (settles) => settle(sql, settles, clock()),
    wake: (keys) => wake(sql, keys, clock()),
    bind: (link, side, id) => bind(sql, link, side, id, clock()),
    rerun: (links, side) => rerun(sql, links, side, clock()),
    reap: () => reap(claims, clock()),
    recheck: () => recheck(claims, clock()),
    claimFetches: (target, limit, leaseMs) => claimFetches(claims, target, limit, leaseMs, clock()),
    endFetch: (row, end) => endFetch(sql, row, end, clock()),
  }
}
