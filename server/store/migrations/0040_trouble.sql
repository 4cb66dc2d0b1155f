-- Error groups: what is in trouble gathers by kind, stage, field and flow, and what was in trouble stays visible as closed.

-- A member of a stored fault, read as text: `json_build_object` writes blanks, older rows may hold no JSON at all, and a cast that throws
-- would cost a settle its whole batch. What follows "also" are further faults of the same record.
create function fault_member(fault text, member text) returns text
  language sql immutable parallel safe as $$
    select substring(split_part(fault, '"also":', 1) from '"' || member || '"\s*:\s*"((?:[^"\\]|\\.)*)"') $$;

-- The kind of a fault: its code, and where the other system refused, the code it said.
create function fault_kind(fault text) returns text
  language sql immutable parallel safe as $$
    select fault_member(fault, 'code') || case
      when fault_member(fault, 'code') in ('send.refused', 'send.status') then coalesce(' ' || fault_member(fault, 'value'), '') else '' end $$;

-- Rows of a detail are one field: contacts[2].mobile and contacts[7].mobile are the same mistake.
create function fault_field(fault text) returns text
  language sql immutable parallel safe as $$
    select regexp_replace(fault_member(fault, 'field'), '\[\d+\]', '[]', 'g') $$;

-- Ten characters that a person can type. 2^40 names: among 10,000 groups of a tenant two meet with a chance of one in 20,000.
create function fault_group(flow text, target text, fault text) returns text
  language sql immutable parallel safe as $$
    select case when fault is not null then substr(md5(
      flow || chr(31) || target || chr(31) || coalesce(fault_kind(fault), 'bug') || chr(31) || coalesce(fault_member(fault, 'stage'), '')
      || chr(31) || coalesce(fault_field(fault), '')), 1, 10) end $$;

-- Kept on the row, and so counted without reading it: an index on the expression would be read, but its rows as well. A row without a fault
-- pays nothing: null takes no room, and the index does not hold it.
alter table link add column fault_group text generated always as (fault_group(pair_id, target_connection, fault)) stored;
create index link_group on link (tenant_id, fault_group, (coalesce(since, 'infinity'::timestamptz)), link_id) include (state, since)
  where fault_group is not null;

alter table "fetch" add column fault_group text generated always as (case when state <> 'due' then fault_group(object, connection_id, fault) end) stored;
create index fetch_group on "fetch" (tenant_id, fault_group, first_at) where fault_group is not null;

-- Lists: each of the few states by an index that only rows in it pay for (a record that succeeds is in none of them).
drop index link_trouble;
create index link_trouble on link (tenant_id, pair_id, state, (coalesce(since, 'infinity'::timestamptz)), link_id)
  include (target_connection, reason) where state in ('parked', 'unknown', 'waiting');
create index link_doubt on link (tenant_id, pair_id, (coalesce(since, 'infinity'::timestamptz)), link_id)
  where state = 'parked' and reason = 'unknown';
create index link_skipped on link (tenant_id, pair_id, link_id) include (target_connection, reason)
  where state = 'idle' and reason not in ('applied', 'unchanged', 'voided');
create index link_held on link (tenant_id, pair_id, next_at, link_id) where held;

-- The history of what was parked. A parking is written, and what ends it (a retry, a new version, a person): never a success.
create table trouble (
  tenant_id   text not null,
  pair_id     text not null,
  link_id     bigint not null,
  fault_group text not null,
  reason      text not null check (reason in ('data', 'config', 'unknown', 'loop', 'max', 'conflict')),
  fault       text not null,
  times       integer not null default 1 check (times > 0),
  first_at    timestamptz not null,
  last_at     timestamptz not null,
  closed_at   timestamptz,
  closed_by   text,                                  -- the person who ignored it
  note        text,                                  -- and why
  primary key (tenant_id, pair_id, link_id, fault_group),
  check (closed_at is not null or (closed_by is null and note is null))
) with (fillfactor = 80);
create index trouble_closed on trouble (closed_at) where closed_at is not null;

create function link_parked() returns trigger language plpgsql security definer set search_path = public, pg_temp as $$
begin
  if old.state = 'parked' and old.fault_group is not null then
    update trouble set closed_at = clock_timestamp()
    where tenant_id = old.tenant_id and pair_id = old.pair_id and link_id = old.link_id and fault_group = old.fault_group and closed_at is null;
  end if;
  if tg_op = 'UPDATE' and new.state = 'parked' and new.fault_group is not null then
    insert into trouble as t (tenant_id, pair_id, link_id, fault_group, reason, fault, first_at, last_at)
    values (new.tenant_id, new.pair_id, new.link_id, new.fault_group, new.reason, new.fault, clock_timestamp(), clock_timestamp())
    on conflict (tenant_id, pair_id, link_id, fault_group) do update set
      reason = excluded.reason, fault = excluded.fault, times = t.times + 1, last_at = excluded.last_at,
      closed_at = null, closed_by = null, note = null;
  end if;
  return null;
end $$;
-- Asked of every changed row, answered without calling anything: only a parking and its end go further.
create trigger link_parked after update on link for each row
  when ((old.state = 'parked') <> (new.state = 'parked') or (new.state = 'parked' and old.fault is distinct from new.fault))
  execute function link_parked();
create trigger link_parked_gone after delete on link for each row when (old.state = 'parked') execute function link_parked();
