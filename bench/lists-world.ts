/** A database full of records in every state, and every list that people read of it: what the plan test and the bench ask. */
import { listVersions } from '../server/flows/versions.ts'
import type { Sql } from '../server/store/sql.ts'
import { standOf } from '../server/maintain/deeds.ts'
import { groupsOfFault, readGroups, troublesOf } from '../server/maintain/groups.ts'
import { searchIds } from '../server/maintain/ids.ts'
import { findJourney } from '../server/maintain/journey.ts'
import { linksNumbered, listRecords, type RecordFilter } from '../server/maintain/records.ts'
import { readStatus } from '../server/maintain/status.ts'

export const tenantId = 'acme'

/** `mixed`: most rest, of each other state some. `trouble`: all failed, in one group. `backlog`: all pending. */
export type Mix = 'mixed' | 'trouble' | 'backlog'

export const declare = (sql: Sql): Promise<unknown> =>
  sql.unsafe(`
    insert into tenant (tenant_id) values ('acme'), ('other');
    insert into connection (tenant_id, connection_id, kind, role, definition)
    select t, c, 'standard', c, '{}' from unnest(array['acme', 'other']) t cross join unnest(array['erp', 'crm']) c;
    insert into object (tenant_id, connection_id, code, api_name, definition)
    select t, c, o, o, '{}' from unnest(array['acme', 'other']) t cross join unnest(array['erp', 'crm']) c cross join unnest(array['A', 'B']) o;
    insert into pair (tenant_id, pair_id, left_connection, left_object, right_connection, right_object, definition)
    select t, p, 'erp', o, 'crm', o, '{"conflict":"ask"}' from unnest(array['acme', 'other']) t
    cross join (values ('customer', 'A'), ('order', 'B')) as p (p, o);
    insert into flow (tenant_id, pair_id, from_side, state, definition)
    select t, p, 'left', 'enabled', '{"flow":{"mapping":{"fields":[],"details":[]}}}' from unnest(array['acme', 'other']) t cross join unnest(array['customer', 'order']) p;
    insert into version (tenant_id, kind, name, number, what, definition, who)
    select 'acme', 'flow', 'customer leftToRight', i, 'changed', '{}', 'x' from generate_series(1, 500) i`)

const stateOf: Record<Mix, string> = {
  mixed: `case when i % 50 = 1 then 'parked' when i % 50 = 2 then 'waiting' when i % 200 = 3 then 'unknown' when i % 50 = 4 then 'due'
    when i % 50 = 5 then 'skipped' else 'idle' end`,
  trouble: `'parked'`,
  backlog: `'due'`,
}

/** `count` links with rows as wide as the road leaves them, their documents, arrivals and attempts. Nobody analyses them. */
export const fill = (sql: Sql, count: number, mix: Mix): Promise<unknown> =>
  sql.unsafe(`
    insert into link (tenant_id, pair_id, link_id, left_id, right_id, first_arrival_at, told, left_version, right_version, left_agreed_version,
      left_agreed_hash, left_agreed_print, right_agreed_version, right_agreed_hash, right_agreed_print, state, reason, settled, target_connection,
      since, next_at, fault, attempts, wait_kind, wait_on, sent_at, sent_call, sent_side, sent_generation, last_call_at)
    select 'acme', case when i % 10 = 0 then 'order' else 'customer' end, i, 'L-' || i, case when s in ('idle', 'skipped', 'due') then 'R-' || i end,
      now() - i * interval '1 second', sha256(i::text::bytea), i, i, i, sha256(i::text::bytea), decode(repeat('ab', 160), 'hex'), i, sha256(i::text::bytea),
      decode(repeat('cd', 160), 'hex'),
      case when s = 'skipped' then 'idle' else s end, case s when 'parked' then 'data' when 'skipped' then 'out of scope' when 'idle' then 'applied' end,
      case when s in ('idle', 'skipped') then 1 else 0 end, 'crm',
      case when s in ('parked', 'waiting', 'unknown') or i % 100 = 4 then now() - i * interval '1 second' end, now() - i * interval '1 millisecond',
      case when s = 'parked' then '{"code":"map.option","stage":"map","field":"f' || case '${mix}' when 'mixed' then i % 40 else 1 end || '","value":"D"}'
        when s = 'waiting' then '{"code":"map.reference","stage":"reference","field":"account_id","value":"A-' || i || '","expected":"customer"}'
        when s = 'unknown' then '{"code":"send.timeout","stage":"send","expected":"30 s"}'
        when s = 'due' and i % 100 = 4 then '{"code":"send.connection","stage":"send","said":"refused"}' end,
      0, case when s = 'waiting' then 'reference' end, case when s = 'waiting' then array['r:acme/customer/left/A-' || i] end,
      case when s = 'unknown' then now() end, case when s = 'unknown' then 'create' end, case when s = 'unknown' then 'right' end,
      case when s = 'unknown' then 1 end, now() - i * interval '1 second'
    from (select i, ${stateOf[mix]} as s from generate_series(1, ${count}) i) x;
    insert into trouble (tenant_id, pair_id, link_id, fault_group, reason, fault, first_at, last_at, closed_at)
    select tenant_id, pair_id, link_id, coalesce(fault_group, 'x'), 'data', '{"code":"map.option","stage":"map"}', now(), now(), case when fault is null then now() end
    from link where link_id % 50 = 1 and link_id <= 500000;
    insert into document (tenant_id, connection_id, object, data_id, version, operation, master_hash, master)
    select 'acme', 'erp', case when i % 10 = 0 then 'B' else 'A' end, 'L-' || i, i, 'upsert', sha256(i::text::bytea), '{"name":"' || repeat('x', 200) || '"}'
    from generate_series(1, ${count}) i;
    insert into arrival (seq, received_at, tenant_id, connection_id, object, data_id, operation, channel, trace_id, outcome, body)
    select i, now(), 'acme', 'erp', case when i % 10 = 0 then 'B' else 'A' end, 'L-' || i, 'upsert', 'push', 'trace-' || i, 'created', '{}' from generate_series(1, ${count}) i;
    insert into attempt (attempt_id, started_at, tenant_id, pair_id, link_id, target_connection, call, lease_token, trace_id)
    select i, now(), 'acme', case when i % 10 = 0 then 'order' else 'customer' end, i, 'crm', 'create', 1, 'call-' || i from generate_series(1, ${count}) i;
    insert into "fetch" (tenant_id, connection_id, object, data_id, wanted_seq, cause, trace_id, state, fault)
    select 'acme', 'erp', 'A', 'L-' || i, i, '', '', case when i % 10 = 0 then 'failed' else 'due' end,
      case when i % 10 = 0 then '{"code":"read.failed","stage":"read","said":"no"}' end from generate_series(1, least(${count}, 10000)) i`)

const list = (filter: Omit<RecordFilter, 'limit'>) => (sql: Sql) => listRecords(sql, { tenantId, limit: 50, ...filter })
const hour = 3_600_000

/** By name; each is asked as the terminal and the API ask it. */
export const lists: Record<string, (sql: Sql) => Promise<unknown>> = {
  'records, all': list({}),
  'records, of all tenants': (sql) => listRecords(sql, { limit: 50 }),
  'records, failed': list({ states: ['failed'] }),
  'records, parked of one flow': list({ states: ['parked'], pairId: 'order', target: 'crm' }),
  'records, waiting': list({ states: ['waiting'] }),
  'records, unknown': list({ states: ['unknown'] }),
  'records, syncing': list({ states: ['syncing'] }),
  'records, pending': list({ states: ['pending'] }),
  'records, pending of one flow': list({ states: ['pending'], pairId: 'order' }),
  'records, skipped': list({ states: ['skipped'] }),
  'records, succeeded': list({ states: ['succeeded'] }),
  'records, of one object': list({ object: 'B' }),
  'records, of one error group': async (sql) => {
    const [group] = await groupsOfFault(sql, 'map.option', tenantId)
    return listRecords(sql, { tenantId, group: group ?? 'none', limit: 50 })
  },
  'records, with one fault': list({ fault: 'map.option' }),
  'records, in trouble since an hour': list({ states: ['failed'], from: Date.now() - hour }),
  'records, with a keyword that is an id': list({ keyword: 'L-4711' }),
  'records, by id': list({ ids: ['L-777'] }),
  'records, second page of the failed': async (sql) => {
    const { next } = await listRecords(sql, { tenantId, states: ['failed'], limit: 50 })
    return listRecords(sql, { tenantId, states: ['failed'], limit: 50, ...(next !== null && { cursor: next }) })
  },
  'error groups': (sql) => readGroups(sql, { tenantId }),
  'error groups of all tenants': (sql) => readGroups(sql),
  'history of errors of a record': (sql) => troublesOf(sql, [{ tenantId, pairId: 'customer', linkId: 51 }]),
  status: (sql) => readStatus(sql, tenantId),
  'show by an id': (sql) => findJourney(sql, 'L-777', { tenantId }),
  'show by a trace id': (sql) => findJourney(sql, 'trace-777', { tenantId }),
  'links by number': (sql) => linksNumbered(sql, [777]),
  'how selected records stand': (sql) => standOf(sql, [{ tenantId, pairId: 'customer', linkId: 777 }]),
  'ids, all': (sql) => searchIds(sql, { tenantId, limit: 50 }),
  'ids, bound of one pair': (sql) => searchIds(sql, { tenantId, pairId: 'order', bound: true, limit: 50 }),
  'ids, that begin so': (sql) => searchIds(sql, { tenantId, text: 'R-47', limit: 50 }),
  'versions of one flow': (sql) =>
    listVersions(sql, { tenantId, kind: 'flow', name: 'customer leftToRight', limit: 50 }),
}

/** Those that count everything by design: not a list of one page. */
export const counting: readonly string[] = ['status']
