/** Which records a flow would write differently as its mapping stands now: what publishing with `differing` asks for, counted before or asked after. */
import { type Document, type Millis, type RecordKey, type Side, sides } from '../doc/document.ts'
import { type Pair, referenceKey, type Resolved } from '../doc/flow.ts'
import { col, type Sql } from '../store/sql.ts'
import { referencesOf, type Situation, travel } from './decide.ts'
import { keyOf } from './keys.ts'
import { type LinkRow, readLink, type StoredLink } from './link.ts'
import { documents, references } from './read.ts'
import type { PairName } from './touch.ts'

/**
 * Pure. True where `decide` would call, wait or show a fault for what `from` holds; false where it would say unchanged, or skip.
 * A voided record is left alone: a mapping does not bring it back. A throw is a bug of ours, and decide will show it with the record.
 */
export const wouldWrite = (s: Situation, from: Side): boolean => {
  if (!s.pair.plans[from] || !s.documents[from] || s.link.voided_at !== null) return false
  try {
    return (
      travel({ ...s, link: { ...s.link, last_call_at: null }, open: null, carriers: [] }, from, false).kind !== 'idle'
    )
  } catch {
    return true
  }
}

/** What these links are decided from, read by key and in bulk (C2). */
const situations = async (sql: Sql, pair: Pair, links: readonly LinkRow[], now: Millis): Promise<Situation[]> => {
  const keys: RecordKey[] = []
  for (const link of links)
    for (const side of sides) if (link[`${side}_id`] !== null) keys.push(keyOf(link, pair, side))
  const staged = await documents(sql, keys)
  let taken = 0
  const loaded = links.map((link) => {
    const take = (side: Side): Document | null => (link[`${side}_id`] === null ? null : (staged[taken++] ?? null))
    return { link, pair, documents: { left: take('left'), right: take('right') } }
  })
  const wanted = loaded.map((one) => referencesOf(one))
  const asked = loaded.flatMap(({ link }, i) =>
    (wanted[i] ?? []).map((r) => ({ tenant_id: link.tenant_id, pairId: r.pairId, side: r.side, id: r.id })),
  )
  const resolved = await references(sql, asked)
  let next = 0
  return loaded.map((one, i) => {
    const refs = new Map<string, Resolved>()
    for (const r of wanted[i] ?? []) refs.set(referenceKey(r), resolved[next++] ?? 'unmapped')
    return { ...one, refs, open: null, carriers: [], now }
  })
}

/** The ids of those links whose mapped result differs from what their other side is known to have (D3). At most 500. */
export const differing = async (
  sql: Sql,
  pair: Pair,
  from: Side,
  ids: readonly number[],
  now: Millis,
): Promise<Set<number>> => {
  if (!ids.length) return new Set()
  const rows = await sql<StoredLink>`
    select l.* from link l
    where l.tenant_id = ${pair.def.tenantId} and l.pair_id = ${pair.def.pairId} and l.link_id = any(${col.int8(ids)}::int8[])`
  const found = await situations(sql, pair, rows.map(readLink), now)
  return new Set(found.filter((s) => wouldWrite(s, from)).map((s) => s.link.link_id))
}

export interface Count {
  looked: number
  differ: number
}

/** The dry run of `onPublish: differing`: `pair` is compiled from what shall be published. Changes nothing; 0.1 ms a record. */
export const countDiffering = async (
  sql: Sql,
  pair: Pair,
  from: Side,
  now: Millis,
  signal?: AbortSignal,
): Promise<Count> => {
  const name: PairName = { tenant_id: pair.def.tenantId, pair_id: pair.def.pairId }
  const count: Count = { looked: 0, differ: 0 }
  for (let after = 0; !signal?.aborted; ) {
    const rows = await sql<{ link_id: number }>`
      select link_id from link
      where tenant_id = ${name.tenant_id} and pair_id = ${name.pair_id} and link_id > ${after}
      order by link_id
      limit 500`
    count.looked += rows.length
    count.differ += (
      await differing(
        sql,
        pair,
        from,
        rows.map((r) => r.link_id),
        now,
      )
    ).size
    if (rows.length < 500) break
    after = rows.at(-1)?.link_id ?? after
  }
  return count
}
