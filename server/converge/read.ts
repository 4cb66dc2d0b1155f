/** What a decision is made from: documents, references, and creates that are still open. Every read is by key, in bulk (C2). */
import type { Channel, Document, Millis, RecordKey } from '../doc/document.ts'
import type { Resolved } from '../doc/flow.ts'
import { unpackPrint } from '../doc/print.ts'
import { parseContent } from '../map/content.ts'
import { at, col, type Sql } from '../store/sql.ts'
import { envelopeContent } from './envelope.ts'
import type { Asked, OpenCreate, OpenQuestion } from './road.ts'

interface DocumentRow {
  ord: number
  version: number
  operation: 'upsert' | 'void'
  content_hash: Buffer
  source_time: Millis | null
  external_id: string | null
  master: string
  details: string | null
}

/** Answers in the order asked; null where nothing is staged. */
export const documents = async (sql: Sql, keys: readonly RecordKey[]): Promise<(Document | null)[]> => {
  if (!keys.length) return []
  const rows = await sql<DocumentRow>`
    select k.ord::int4 as ord, d.version, d.operation, content_hash(d.operation, d.master_hash, d.details_hash) as content_hash,
      d.source_time, d.external_id, d.master, d.details
    from unnest(
      ${col.text(keys.map((k) => k.tenant_id))}::text[], ${col.text(keys.map((k) => k.connection_id))}::text[],
      ${col.text(keys.map((k) => k.object))}::text[], ${col.text(keys.map((k) => k.data_id))}::text[])
      with ordinality as k (tenant_id, connection_id, object, data_id, ord)
    cross join lateral (
      select * from document d
      where d.tenant_id = k.tenant_id and d.connection_id = k.connection_id and d.object = k.object and d.data_id = k.data_id
      limit 1) d
    where d.version > 0`
  const found: (Document | null)[] = Array.from({ length: keys.length }, () => null)
  for (const r of rows) {
    const key = keys[r.ord - 1] as RecordKey
    found[r.ord - 1] = {
      tenant_id: key.tenant_id,
      connection_id: key.connection_id,
      object: key.object,
      data_id: key.data_id,
      version: r.version,
      operation: r.operation,
      content_hash: r.content_hash,
      source_time: r.source_time,
      external_id: r.external_id,
      content: parseContent(r.master || '{}', r.details),
    }
  }
  return found
}

/** Answers in the order asked. */
export const channels = async (sql: Sql, keys: readonly RecordKey[]): Promise<(Channel | null)[]> => {
  if (!keys.length) return []
  const rows = await sql<{ ord: number; channel: Channel }>`
    select k.ord::int4 as ord, a.channel
    from unnest(
      ${col.text(keys.map((k) => k.tenant_id))}::text[], ${col.text(keys.map((k) => k.connection_id))}::text[],
      ${col.text(keys.map((k) => k.object))}::text[], ${col.text(keys.map((k) => k.data_id))}::text[])
      with ordinality as k (tenant_id, connection_id, object, data_id, ord)
    join document d on d.tenant_id = k.tenant_id and d.connection_id = k.connection_id and d.object = k.object and d.data_id = k.data_id
    cross join lateral (
      select a.channel from arrival a
      where a.tenant_id = d.tenant_id and a.connection_id = d.connection_id and a.object = d.object and a.data_id = d.data_id and a.seq = d.seq
      limit 1) a`
  const found: (Channel | null)[] = Array.from({ length: keys.length }, () => null)
  for (const { ord, channel } of rows) found[ord - 1] = channel
  return found
}

interface SeenRow {
  seq: number
  operation: 'upsert' | 'void'
  body: Buffer
}

/** Bodies of log rows of one record: what the target showed while a call to it was unresolved (R3). `from` prunes partitions. */
export const seen = async (sql: Sql, key: RecordKey, seqs: readonly number[], from: Millis): Promise<Document[]> => {
  if (!seqs.length) return []
  const rows = await sql<SeenRow>`
    select seq, operation, body from arrival
    where tenant_id = ${key.tenant_id} and connection_id = ${key.connection_id} and object = ${key.object} and data_id = ${key.data_id}
      and seq = any(${col.int8(seqs)}::int8[]) and received_at >= ${at(from - 60_000)}::timestamptz and body is not null
    order by seq`
  return rows.flatMap(({ seq, operation, body }) => {
    const content = envelopeContent(body)
    return content
      ? [
          {
            ...key,
            version: seq,
            operation,
            content_hash: Buffer.alloc(0),
            source_time: null,
            external_id: null,
            content,
          },
        ]
      : []
  })
}

/** The other side's ids of referred records. An id is good also when its record is voided there: what it means is the target's business. */
export const references = async (sql: Sql, asked: readonly Asked[]): Promise<Resolved[]> => {
  if (!asked.length) return []
  const rows = await sql<{ ord: number; target_id: string }>`
    select a.ord::int4 as ord, k.target_id
    from unnest(
      ${col.text(asked.map((a) => a.tenant_id))}::text[], ${col.text(asked.map((a) => a.pairId))}::text[],
      ${col.text(asked.map((a) => a.side))}::text[], ${col.text(asked.map((a) => a.id))}::text[])
      with ordinality as a (tenant_id, pair_id, side, id, ord)
    cross join lateral (
      select right_id as target_id from link k
      where a.side = 'left' and k.tenant_id = a.tenant_id and k.pair_id = a.pair_id and k.left_id = a.id
      union all
      select left_id from link k
      where a.side = 'right' and k.tenant_id = a.tenant_id and k.pair_id = a.pair_id and k.right_id = a.id
      limit 1) k
    where k.target_id is not null`
  const resolved: Resolved[] = Array.from({ length: asked.length }, () => 'unmapped')
  for (const r of rows) resolved[r.ord - 1] = { targetId: r.target_id }
  return resolved
}

interface OpenRow {
  ord: number
  link_id: number
  parked: boolean
  last_mark: Millis
  sent_print: Buffer | null
  name: string
}

/** D5: the first unresolved create towards this record's side that was first marked before the record arrived; parked ones last. */
export const openCreates = async (sql: Sql, questions: readonly OpenQuestion[]): Promise<(OpenCreate | null)[]> => {
  if (!questions.length) return []
  const rows = await sql<OpenRow>`
    select q.ord::int4 as ord, o.link_id, o.parked, o.last_mark, o.sent_print, o.name
    from unnest(
      ${col.text(questions.map((q) => q.tenant_id))}::text[], ${col.text(questions.map((q) => q.pair_id))}::text[],
      ${col.int8(questions.map((q) => q.link_id))}::int8[], ${col.text(questions.map((q) => q.side))}::text[],
      ${col.time(questions.map((q) => q.first_arrival_at))}::timestamptz[])
      with ordinality as q (tenant_id, pair_id, link_id, side, first_arrival_at, ord)
    cross join lateral (
      select o.link_id, o.state = 'parked' as parked, o.last_mark, o.sent_print, coalesce(o.left_id, o.right_id) as name
      from link o
      where o.tenant_id = q.tenant_id and o.pair_id = q.pair_id and o.sent_side = q.side and o.first_mark is not null
        and o.first_mark <= q.first_arrival_at and o.link_id <> q.link_id and o.sent_call = 'create'
      order by o.state = 'parked', o.first_mark, o.link_id
      limit 1) o`
  const found: (OpenCreate | null)[] = Array.from({ length: questions.length }, () => null)
  for (const { ord, sent_print, ...open } of rows) found[ord - 1] = { ...open, sent_print: unpackPrint(sent_print) }
  return found
}

/** Which staged records of an object carry these external ids (D5, match before create). */
export const carriers = async (
  sql: Sql,
  keys: readonly (Omit<RecordKey, 'data_id'> & { external_id: string })[],
): Promise<string[][]> => {
  if (!keys.length) return []
  const rows = await sql<{ ord: number; data_id: string }>`
    select k.ord::int4 as ord, d.data_id
    from unnest(
      ${col.text(keys.map((k) => k.tenant_id))}::text[], ${col.text(keys.map((k) => k.connection_id))}::text[],
      ${col.text(keys.map((k) => k.object))}::text[], ${col.text(keys.map((k) => k.external_id))}::text[])
      with ordinality as k (tenant_id, connection_id, object, external_id, ord)
    cross join lateral (
      select data_id from document d
      where d.tenant_id = k.tenant_id and d.connection_id = k.connection_id and d.object = k.object
        and d.external_id = k.external_id and d.operation = 'upsert'
      order by data_id limit 3) d`
  const found: string[][] = keys.map(() => [])
  for (const r of rows) found[r.ord - 1]?.push(r.data_id)
  return found
}

/** The bytes of an earlier request, as they were marked. */
export const request = async (
  sql: Sql,
  link: { tenant_id: string; pair_id: string; link_id: number },
  idemKey: string,
): Promise<Buffer | null> => {
  const [row] = await sql<{ request: Buffer | null }>`
    select request from attempt
    where tenant_id = ${link.tenant_id} and pair_id = ${link.pair_id} and link_id = ${link.link_id} and idem_key = ${idemKey}
      and request is not null
    order by attempt_id desc
    limit 1`
  return row?.request ?? null
}

export const drawVersion = async (sql: Sql): Promise<number> => {
  const [row] = await sql<{ version: number }>`select nextval('version_seq') as version`
  return row?.version ?? 0
}
