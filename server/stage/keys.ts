/** `Idempotency-Key` of a push: kept with its answer in the push's own transaction; a repetition gets the first answer and stores nothing (contracts.md section 1). */
import type { Admitted, Arrival, Millis } from '../doc/document.ts'
import { at, col, type Sql } from '../store/sql.ts'

type Repeated = Extract<Admitted, { kind: 'repeated' }>

interface KeyRow {
  tenant_id: string
  token_id: string
  key: string
}

interface Kept extends KeyRow {
  request_hash: Buffer
  answer: string
}

const nameOf = (k: KeyRow): string => `${k.tenant_id}\n${k.token_id}\n${k.key}`

/**
 * Takes the keys of these rows, 24 h each; answers in their order: null where the row has no key or is the first with it, else what the first was told.
 * A key that another transaction is just taking is waited for. No two rows may have one key (`stage/admit.ts` sees to it).
 */
export const takeKeys = async (
  tx: Sql,
  rows: readonly Pick<Arrival, 'tenant_id' | 'pushKey'>[],
  now: Millis | null,
): Promise<(Repeated | null)[]> => {
  const keyed = rows.flatMap(({ tenant_id, pushKey }) =>
    pushKey ? [{ ...pushKey, tenant_id, token_id: pushKey.tokenId }] : [],
  )
  if (!keyed.length) return rows.map(() => null)
  const taken = await tx<KeyRow>`
    insert into push_key as k (tenant_id, token_id, key, request_hash, answer, expires_at)
    select i.tenant_id, i.token_id, i.key, i.request_hash, i.answer, clock.now + interval '24 hours'
    from unnest(
      ${col.text(keyed.map((k) => k.tenant_id))}::text[], ${col.text(keyed.map((k) => k.token_id))}::text[], ${col.text(keyed.map((k) => k.key))}::text[],
      ${col.bytes(keyed.map((k) => k.requestHash))}::bytea[], ${col.text(keyed.map((k) => k.answer))}::text[]) as i (tenant_id, token_id, key, request_hash, answer)
    cross join (select coalesce(${now === null ? null : at(now)}::timestamptz, clock_timestamp()) as now) clock
    order by i.tenant_id, i.token_id, i.key
    on conflict (tenant_id, token_id, key) do update set
      request_hash = excluded.request_hash, answer = excluded.answer, expires_at = excluded.expires_at
    where k.expires_at <= excluded.expires_at - interval '24 hours'
    returning tenant_id, token_id, key`
  const ours = new Set(taken.map(nameOf))
  const others = keyed.filter((k) => !ours.has(nameOf(k)))
  const kept = others.length
    ? await tx<Kept>`
      select k.tenant_id, k.token_id, k.key, k.request_hash, k.answer
      from unnest(
        ${col.text(others.map((k) => k.tenant_id))}::text[], ${col.text(others.map((k) => k.token_id))}::text[],
        ${col.text(others.map((k) => k.key))}::text[]) as o (tenant_id, token_id, key)
      cross join lateral (
        select * from push_key k
        where k.tenant_id = o.tenant_id and k.token_id = o.token_id and k.key = o.key
        limit 1) k`
    : []
  const answers = new Map(kept.map((k) => [nameOf(k), k]))
  return rows.map(({ tenant_id, pushKey }) => {
    if (!pushKey) return null
    const name = nameOf({ tenant_id, token_id: pushKey.tokenId, key: pushKey.key })
    if (ours.has(name)) return null
    const first = answers.get(name)
    if (!first) throw new Error('an Idempotency-Key vanished while it was being read')
    return { kind: 'repeated', requestHash: first.request_hash, answer: first.answer }
  })
}
