/** The audit trail: who changed what, when, from what to what. Secrets never come here. */
import { z } from 'zod'
import type { Asked } from '../http/route.ts'
import type { Sql } from '../store/sql.ts'

export interface Deed {
  /** `connection`, `flow`, `user`, … */
  kind: string
  name: string
  what: 'added' | 'changed' | 'removed' | 'done'
  before?: unknown
  after?: unknown
}

/** Where a deed comes from: a request, or the program itself. */
export interface Doer {
  actor: string
  route: string
  traceId: string
  address: string
}

export const doerOf = (asked: Asked<unknown, unknown, unknown>, route: string): Doer => ({
  actor: asked.who.actor,
  route,
  traceId: asked.traceId,
  address: asked.address,
})

const asJson = (value: unknown): string | null => (value === undefined || value === null ? null : JSON.stringify(value))

/** In the transaction of the change itself: neither is there without the other. */
export const writeDown = async (tx: Sql, tenantId: string, doer: Doer, deeds: readonly Deed[]): Promise<void> => {
  if (!deeds.length) return
  await tx`
    insert into audit (tenant_id, actor, route, kind, name, what, before, after, trace_id, address)
    select ${tenantId}, ${doer.actor}, ${doer.route}, kind, name, what, before, after, ${doer.traceId}, ${doer.address}
    from unnest(
      ${deeds.map((one) => one.kind)}::text[], ${deeds.map((one) => one.name)}::text[], ${deeds.map((one) => one.what)}::text[],
      ${deeds.map((one) => asJson(one.before) ?? 'null')}::text[]::json[], ${deeds.map((one) => asJson(one.after) ?? 'null')}::text[]::json[]
    ) as d (kind, name, what, before, after)`
}

export interface Entry {
  id: number
  at: number
  actor: string
  route: string
  kind: string
  name: string
  what: string
  before: unknown
  after: unknown
  traceId: string
  address: string
}

export const afterEntry = z.number().int()

/** Newest first. */
export const readAudit = async (
  tx: Sql,
  tenantId: string,
  filter: {
    before: number | null
    actor?: string | undefined
    kind?: string | undefined
    name?: string | undefined
    from?: string | undefined
    to?: string | undefined
    limit: number
  },
): Promise<Entry[]> => {
  const { before, actor = null, kind = null, name = null, from = null, to = null, limit } = filter
  const rows = await tx<{
    audit_id: number
    at: number
    actor: string
    route: string
    kind: string
    name: string
    what: string
    before: string | null
    after: string | null
    trace_id: string
    address: string
  }>`
    select audit_id, at, actor, route, kind, name, what, before, after, trace_id, address
    from audit
    where tenant_id = ${tenantId}
      and (${before}::int8 is null or audit_id < ${before}::int8)
      and (${actor}::text is null or actor = ${actor})
      and (${kind}::text is null or kind = ${kind})
      and (${name}::text is null or name = ${name})
      and (${from}::timestamptz is null or at >= ${from}::timestamptz)
      and (${to}::timestamptz is null or at < ${to}::timestamptz)
    order by audit_id desc
    limit ${limit}`
  const read = (text: string | null): unknown => (text === null ? null : JSON.parse(text))
  return rows.map((row) => ({
    id: row.audit_id,
    at: row.at,
    actor: row.actor,
    route: row.route,
    kind: row.kind,
    name: row.name,
    what: row.what,
    before: read(row.before),
    after: read(row.after),
    traceId: row.trace_id,
    address: row.address,
  }))
}
