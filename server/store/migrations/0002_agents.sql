-- What the agents in the background keep: how far sweeps and reconciliations have come, when a flow began; and how partitions are moved and dropped.

alter table flow
  add column sweep_waits   text[],                    -- transactions that may still stage documents this sweep would not see (A4); null: not looked yet
  add column start_from    text check (start_from in ('now', 'all')),
  add column start_version bigint;                    -- documents with a version above it came after the flow was enabled (startFrom: now)

-- A new ask starts a sweep from its beginning. An enabling remembers the version at which it was asked for, in the asking transaction:
-- read any later, a document admitted in between, by a transaction that did not see the flow yet, would count as an old one.
create function flow_asked() returns trigger language plpgsql security definer set search_path = public, pg_temp as $$
begin
  new.sweep_waits = null;
  if new.sweep = 'enable' then
    new.start_from = coalesce(new.sweep_option, 'now');
    if tg_op = 'INSERT' or old.sweep is distinct from 'enable' then
      new.start_version = (select case when is_called then last_value else 0 end from version_seq);
    end if;
  end if;
  return new;
end $$;
create trigger flow_asked before insert or update of sweep_xid on flow for each row execute function flow_asked();

-- The reconciler's walks (A4): over the documents of each side of a pair, and over its links.
create table reconciliation (
  tenant_id text not null,
  pair_id   text not null,
  walk      text not null check (walk in ('left', 'right', 'links')),
  after     text,                                     -- last key walked; null: between two walks
  next_at   timestamptz not null default clock_timestamp(),
  ended_at  timestamptz,
  found     bigint not null default 0,                -- repaired in all walks: must stay 0
  primary key (tenant_id, pair_id, walk),
  foreign key (tenant_id, pair_id) references pair on delete cascade
);

-- Whether an unresolved call still needs a log row is asked by the time it was sent.
create index link_unresolved on link (sent_at) where sent_at is not null;

create function drop_partition(parent text, day date) returns boolean language plpgsql security definer set search_path = public, pg_temp as $$
declare
  child text := parent || '_' || to_char(day, 'YYYYMMDD');
begin
  if parent not in ('arrival', 'attempt') then raise exception 'not a partitioned log: %', parent; end if;
  if to_regclass('public.' || quote_ident(child)) is null then return false; end if;
  execute format('drop table %I', child);
  return true;
end $$;
-- The parent is locked: rather try again in an hour than hold up the doors behind a long reader.
alter function drop_partition(text, date) set lock_timeout = '2s';

-- Rows that found no partition are given the one of their day; answers how many moved.
create function move_default(parent text, day date) returns bigint language plpgsql security definer set search_path = public, pg_temp as $$
declare
  child text := parent || '_' || to_char(day, 'YYYYMMDD');
  rest  text := parent || '_default';
  clock text := case parent when 'arrival' then 'received_at' when 'attempt' then 'started_at' end;
  moved bigint;
begin
  if clock is null then raise exception 'not a partitioned log: %', parent; end if;
  execute format('lock table only %I in share update exclusive mode', parent);
  execute format('lock table %I in access exclusive mode', rest);
  if to_regclass('public.' || quote_ident(child)) is not null then return 0; end if;
  execute format('create table %I (like %I including all)', child, parent);
  execute format(
    'with gone as (delete from %I where %I >= %L and %I < %L returning *) insert into %I select * from gone',
    rest, clock, day::timestamptz, clock, (day + 1)::timestamptz, child);
  get diagnostics moved = row_count;
  execute format('alter table %I attach partition %I for values from (%L) to (%L)', parent, child, day::timestamptz, (day + 1)::timestamptz);
  return moved;
end $$;
alter function move_default(text, date) set timezone = 'UTC';
alter function move_default(text, date) set lock_timeout = '2s';
