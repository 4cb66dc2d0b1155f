/** One box for all: what is known by an id of either system, a record's number, a trace id, a bizId, or a name. Reads only. */
import type { Sql } from '../store/sql.ts'
import { type Key, lookUp } from './journey.ts'
import { type DecodeShown, decodesOf } from './pushes.ts'
import { linksOf, planned, type RecordRow } from './records.ts'

export interface Named extends Key {
  name: string
  links: RecordRow[]
}

export interface BatchFound {
  batch: number
  client: string
  path: string
  bizId: string
  object: string
}

export interface Found {
  /** By id, number or trace id. */
  records: RecordRow[]
  /** Staged under that very id, and taken by no flow. */
  alone: Key[]
  batches: BatchFound[]
  /** Pushes in no standard form that made no record yet. */
  pushes: DecodeShown[]
  named: Named[]
  /** Names were looked at everywhere; else the time was up. */
  complete: boolean
}

const batchesOf = (sql: Sql, tenantId: string, text: string): Promise<BatchFound[]> =>
  // quotas name every client and path that ever sent a batch: so each look goes through the unique index
  sql<BatchFound>`
    select b.batch_id as batch, b.client_id as client, b.path, b.biz_id as "bizId", b.object
    from batch_quota q
    join batch b on b.tenant_id = q.tenant_id and b.client_id = q.client_id and b.path = q.path and b.biz_id = ${text}
    where q.tenant_id = ${tenantId}
    order by b.batch_id desc
    limit 20`

/** The text as JSON may hold it: as it is, or with everything beyond ASCII escaped. Pure. */
export const spellings = (text: string): string[] => {
  const plain = JSON.stringify(text).slice(1, -1)
  const escaped = plain.replaceAll(/[\u0080-\uffff]/g, (one) => `\\u${one.charCodeAt(0).toString(16).padStart(4, '0')}`)
  return [...new Set([plain.toLowerCase(), escaped.toLowerCase()])]
}

/** The value of the name field, digits as they stand; null where it is none. Pure. */
export const nameIn = (master: string, field: string): string | null => {
  try {
    const parsed = JSON.parse(master, (_key, value: unknown, context?: { source?: string }) =>
      typeof value === 'number' ? (context?.source ?? value) : value,
    ) as Record<string, unknown>
    const value = parsed[field]
    return typeof value === 'string' && value !== '' ? value : null
  } catch {
    return null
  }
}

const mostNamed = 20
/** A trace id may be that of ten thousand rows. */
const mostFound = 200
/** Rows that one statement looks through. */
const slice = 5_000

/** `until`: when looking ends, by `now`. */
const namedLike = async (
  sql: Sql,
  tenantId: string,
  text: string,
  { now, until }: { now(): number; until: number },
): Promise<{ named: (Key & { name: string })[]; complete: boolean }> => {
  const objects = await sql<{ connection_id: string; code: string; field: string }>`
    select connection_id, code, definition ->> 'nameField' as field
    from object
    where tenant_id = ${tenantId} and definition ->> 'nameField' is not null
    order by connection_id, code`
  const wanted = spellings(text)
  const said = text.toLowerCase()
  const named: (Key & { name: string })[] = []
  for (const { connection_id, code, field } of objects)
    for (let after: string | null = ''; after !== null; ) {
      if (now() > until) return { named, complete: false }
      // 5,000 documents of 1 kB take 20 ms; the text is looked for in the whole of them, the name in what is left
      const [row]: { last: string | null; hits: string }[] = await sql<{ last: string | null; hits: string }>`
        with part as materialized (
          select data_id, master
          from document
          where tenant_id = ${tenantId} and connection_id = ${connection_id} and object = ${code} and data_id > ${after}
          order by data_id
          limit ${slice})
        select max(data_id) as last,
          coalesce(json_agg(json_build_array(data_id, master)) filter (where exists (
            select from unnest(${wanted}::text[]) as spelling where position(spelling in lower(master)) > 0)), '[]')::text as hits
        from part`
      for (const [id, master] of JSON.parse(row?.hits ?? '[]') as [string, string][]) {
        const name = nameIn(master, field)
        if (!name?.toLowerCase().includes(said)) continue
        named.push({ tenantId, connectionId: connection_id, object: code, id, name })
        if (named.length === mostNamed) return { named, complete: false }
      }
      after = row?.last ?? null
    }
  return { named, complete: true }
}

const isOf = (link: RecordRow, key: Key): boolean =>
  [link.left, link.right].some(
    (end) => end.connectionId === key.connectionId && end.object === key.object && end.id === key.id,
  )

/** `patience`: milliseconds for names, which no index knows. */
export const search = (
  sql: Sql,
  tenantId: string,
  text: string,
  { now, patience }: { now(): number; patience: number },
): Promise<Found> =>
  planned(sql, async (tx) => {
    const until = now() + patience
    const { links, alone } = await lookUp(tx, text, tenantId)
    const { named, complete } = await namedLike(tx, tenantId, text, { now, until })
    const linked = await linksOf(
      tx,
      named.map((one) => one.id),
      tenantId,
    )
    return {
      records: links.slice(0, mostFound),
      alone: alone.filter((key) => !links.some((link) => isOf(link, key))).slice(0, mostFound),
      pushes: (await decodesOf(tx, tenantId, [text])).slice(0, mostFound),
      batches: await batchesOf(tx, tenantId, text),
      named: named.map((one) => ({ ...one, links: linked.filter((link) => isOf(link, one)) })),
      complete,
    }
  })
