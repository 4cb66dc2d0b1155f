/** The callbacks that are owed: made in the transaction that ends their subject, claimed by couriers, settled under their token, sent again by hand. */
import type { Millis } from '../doc/document.ts'
import { at, type Sql } from '../store/sql.ts'

export interface NewDelivery {
  tenantId: string
  deliveryId: string
  clientId: string
  url: string
  subject: string
  body: Buffer
}

/** An address that is left alone takes none: what is owed to it waits for a person. */
export const createDelivery = (
  tx: Sql,
  { tenantId, deliveryId, clientId, url, subject, body }: NewDelivery,
): Promise<unknown> => {
  const { origin } = new URL(url)
  return tx`
    insert into delivery (tenant_id, delivery_id, client_id, origin, url, subject, body, state)
    values (${tenantId}, ${deliveryId}, ${clientId}, ${origin}, ${url}, ${subject}, ${body},
      case when exists (
        select from callback_origin
        where tenant_id = ${tenantId} and client_id = ${clientId} and origin = ${origin} and disabled_at is not null)
      then 'held' else 'due' end)`
}

export interface Owed {
  tenant_id: string
  delivery_id: string
  client_id: string
  origin: string
  url: string
  body: Buffer
  attempts: number
  lease_token: number
}

const lease = 60

/**
 * At most `each` of one origin, so that a slow one cannot fill the courier's bag; `busy` are origins that have as many under way.
 * `now` is null in production: the database's clock is the one all nodes share.
 */
export const claimDeliveries = (
  sql: Sql,
  limit: number,
  each: number,
  busy: readonly string[],
  now: Millis | null,
): Promise<Owed[]> => sql<Owed>`
  with clock as materialized (
    select coalesce(${now === null ? null : at(now)}::timestamptz, clock_timestamp()) as now),
  candidates as materialized (
    select tenant_id, delivery_id, next_at, row_number() over (partition by origin order by next_at) as place
    from (
      select tenant_id, delivery_id, origin, next_at
      from delivery, clock
      where state = 'due' and next_at <= clock.now and (lease_until is null or lease_until < clock.now) and origin <> all(${busy}::text[])
      order by next_at
      limit 1000) d),
  due as materialized (
    select d.tenant_id, d.delivery_id
    from delivery d
    join candidates c on c.tenant_id = d.tenant_id and c.delivery_id = d.delivery_id
    cross join clock
    where c.place <= ${each} and d.state = 'due' and d.next_at <= clock.now and (d.lease_until is null or d.lease_until < clock.now)
    order by c.next_at
    limit ${limit}
    for update of d skip locked)
  update delivery d set
    lease_token = d.lease_token + 1, lease_until = clock.now + ${lease} * interval '1 second'
  from due, clock
  where d.tenant_id = due.tenant_id and d.delivery_id = due.delivery_id
  returning d.tenant_id, d.delivery_id, d.client_id, d.origin, d.url, d.body, d.attempts, d.lease_token`

export interface Try {
  end: 'delivered' | 'gone' | 'given up' | { next: Millis }
  status: number | null
  said: string
  ms: number
  now: Millis
}

/** Writes down a try, under its token. Answers false where another has taken over. */
export const settleTry = (sql: Sql, owed: Owed, { end, status, said, ms, now }: Try): Promise<boolean> =>
  sql.retrying(async (tx) => {
    const state = typeof end === 'object' ? 'due' : end
    const [held] = await tx`
      update delivery set
        state = ${state}, attempts = attempts + 1, lease_until = null, status = ${status}, said = ${said},
        next_at = ${at(typeof end === 'object' ? end.next : now)}, delivered_at = ${state === 'delivered' ? at(now) : null}
      where tenant_id = ${owed.tenant_id} and delivery_id = ${owed.delivery_id} and lease_token = ${owed.lease_token} and state = 'due'
      returning 1 as one`
    if (!held) return false
    await tx`
      insert into delivery_try (tenant_id, delivery_id, tried_at, status, said, ms)
      values (${owed.tenant_id}, ${owed.delivery_id}, ${at(now)}, ${status}, ${said}, ${ms})`
    return true
  })

/** It takes callbacks: what was held against it is forgotten, and what waited for it goes out. */
export const originTakes = (sql: Sql, { tenant_id, client_id, origin }: Owed): Promise<unknown> => sql`
  with cleared as (
    delete from callback_origin
    where tenant_id = ${tenant_id} and client_id = ${client_id} and origin = ${origin}
    returning disabled_at)
  update delivery set state = 'due', next_at = clock_timestamp(), attempts = 0
  where tenant_id = ${tenant_id} and client_id = ${client_id} and origin = ${origin} and state = 'held'
    and exists (select from cleared where disabled_at is not null)`

/**
 * It did not take one. After `after` of that it is left alone, and what is owed to it is held, but for what is under way: that ends here, too.
 * True where it was left alone just now.
 */
export const originFails = (
  sql: Sql,
  { tenant_id, client_id, origin }: Owed,
  now: Millis,
  after: Millis,
): Promise<boolean> =>
  sql.retrying(async (tx) => {
    await tx`
      insert into callback_origin (tenant_id, client_id, origin, failing_since)
      values (${tenant_id}, ${client_id}, ${origin}, ${at(now)})
      on conflict (tenant_id, client_id, origin) do update set failing_since = coalesce(callback_origin.failing_since, excluded.failing_since)`
    const [state] = await tx<{ was: Millis | null }>`
      with before as materialized (
        select disabled_at as was from callback_origin
        where tenant_id = ${tenant_id} and client_id = ${client_id} and origin = ${origin} and failing_since <= ${at(now - after)}
        for update)
      update callback_origin c set disabled_at = coalesce(c.disabled_at, ${at(now)})
      from before
      where c.tenant_id = ${tenant_id} and c.client_id = ${client_id} and c.origin = ${origin}
      returning before.was`
    if (!state) return false
    await tx`
      update delivery set state = 'held'
      where tenant_id = ${tenant_id} and client_id = ${client_id} and origin = ${origin} and state = 'due'
        and (lease_until is null or lease_until < clock_timestamp())`
    return state.was === null
  })

export interface FailingOrigin {
  clientId: string
  origin: string
  /** Of the callback that was tried most often without success. */
  tries: number
  /** It was left alone, and what is owed to it is held. */
  isDisabled: boolean
}

/**
 * Addresses that take no callbacks now: one has been tried so often, or has come to the end of its tries since the address last took one, or the
 * address was left alone. One that takes them again has no row in `callback_origin`.
 */
export const failingOrigins = (
  sql: Sql,
  tenantId: string,
  tries: number,
): Promise<FailingOrigin[]> => sql<FailingOrigin>`
  select c.client_id as "clientId", c.origin, coalesce(d.tries, 0) as tries, c.disabled_at is not null as "isDisabled"
  from callback_origin c
  cross join lateral (
    select max(attempts)::int4 as tries from delivery d
    where d.tenant_id = c.tenant_id and d.client_id = c.client_id and d.origin = c.origin and d.state in ('due', 'held', 'given up')) d
  where c.tenant_id = ${tenantId} and c.failing_since is not null and (c.disabled_at is not null or d.tries >= ${tries})
  order by c.client_id, c.origin`

/** Our own stop cut the try short: another courier may make it at once. */
export const putBack = (sql: Sql, { tenant_id, delivery_id, lease_token }: Owed): Promise<unknown> => sql`
  update delivery set lease_until = null
  where tenant_id = ${tenant_id} and delivery_id = ${delivery_id} and lease_token = ${lease_token}`

/** By hand: the same bytes under the same webhook-id, from the first step of the ladder. Answers how many. */
export const sendAgain = (sql: Sql, tenantId: string, subject: string): Promise<number> => sql.affected`
  update delivery set
    state = 'due', attempts = 0, next_at = clock_timestamp(), lease_until = null, lease_token = lease_token + 1, delivered_at = null
  where tenant_id = ${tenantId} and subject = ${subject}`

/** Instant of the next that is due; null: none. */
export const nextDue = async (sql: Sql): Promise<Millis | null> => {
  const [row] = await sql<{ at: Millis | null }>`
    select min(greatest(next_at, coalesce(lease_until, next_at))) as at
    from delivery
    where state = 'due'`
  return row?.at ?? null
}

/** Ninety days, like the batches that they speak of. */
export const forgetDeliveries = (sql: Sql): Promise<number> => sql.affected`
  delete from delivery
  where created_at < clock_timestamp() - interval '90 days' and state <> 'due'`

export interface Delivery {
  deliveryId: string
  subject: string
  clientId: string
  url: string
  state: 'due' | 'delivered' | 'gone' | 'given up' | 'held'
  attempts: number
  createdAt: Millis
  nextAt: Millis
  deliveredAt: Millis | null
  status: number | null
  said: string | null
}

export const deliveriesOf = (
  sql: Sql,
  tenantId: string,
  subjects: readonly string[],
): Promise<Delivery[]> => sql<Delivery>`
  select delivery_id as "deliveryId", subject, client_id as "clientId", url, state, attempts, created_at as "createdAt", next_at as "nextAt",
    delivered_at as "deliveredAt", status, said
  from delivery
  where tenant_id = ${tenantId} and subject = any(${subjects}::text[])`

export interface DeliveryTry {
  at: Millis
  status: number | null
  said: string | null
  ms: number
}

export const triesOf = (sql: Sql, tenantId: string, deliveryId: string): Promise<DeliveryTry[]> => sql<DeliveryTry>`
  select tried_at as at, status, said, ms
  from delivery_try
  where tenant_id = ${tenantId} and delivery_id = ${deliveryId}
  order by tried_at`
