/** Waits until every flow of a record has applied a version or a newer one, has skipped it, or has parked it; on any node (`directSync`). */
import type { Env } from '../doc/env.ts'
import type { RecordKey } from '../doc/document.ts'
import type { Fault } from '../doc/fault.ts'
import { sentence } from '../doc/fault.ts'
import type { Sql } from '../store/sql.ts'

export type SettledAnswer = { done: true } | { failed: { flow: string; reason: string } } | 'pending'

interface LinkState {
  pair_id: string
  state: string
  reason: string | null
  fault: string | null
  version: number
  agreed: number
}

const states = (sql: Sql, key: RecordKey): Promise<LinkState[]> => sql<LinkState>`
  select p.pair_id, k.state, k.reason, k.fault, k.version, k.agreed
  from (
    select pair_id, 'left' as side from pair
    where tenant_id = ${key.tenant_id} and left_connection = ${key.connection_id} and left_object = ${key.object} and staging
    union all
    select pair_id, 'right' from pair
    where tenant_id = ${key.tenant_id} and right_connection = ${key.connection_id} and right_object = ${key.object} and staging) p
  cross join lateral (
    select state, reason, fault, left_version as version, left_agreed_version as agreed from link
    where p.side = 'left' and tenant_id = ${key.tenant_id} and pair_id = p.pair_id and left_id = ${key.data_id}
    union all
    select state, reason, fault, right_version, right_agreed_version from link
    where p.side = 'right' and tenant_id = ${key.tenant_id} and pair_id = p.pair_id and right_id = ${key.data_id}
    limit 1) k`

/** The other node's settle is seen by asking again: at 10 ms first, then ever more slowly up to 200 ms. */
export const waitSettled = async (
  { sql, env }: { sql: Sql; env: Pick<Env, 'sleep'> },
  key: RecordKey,
  version: number,
  signal: AbortSignal,
): Promise<SettledAnswer> => {
  for (let pause = 10; !signal.aborted; pause = Math.min(200, pause * 1.5)) {
    const links = await states(sql, key)
    const parked = links.find((l) => l.state === 'parked' && l.version >= version)
    if (parked)
      return {
        failed: {
          flow: parked.pair_id,
          reason: parked.fault ? sentence(JSON.parse(parked.fault) as Fault) : (parked.reason ?? ''),
        },
      }
    if (links.every((l) => l.agreed >= version || l.state === 'idle')) return { done: true }
    await env.sleep(pause, signal).catch(() => {})
  }
  return 'pending'
}
