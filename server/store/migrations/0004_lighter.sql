-- The road made lighter: which arrival a document came from, and log rows that can be ended in place.

-- The arrival that made it: tells which row of a commit a document came from without comparing four texts (server/stage/statement.ts).
alter table document add column seq bigint;

-- Ending an attempt rewrote its request, a kilobyte, and both index entries. Out of line the request is not touched again, and where the page
-- has room the end is written in place (HOT). Shorter requests stay where they are.
alter table attempt alter column request set storage external;

create function dress_attempts(child text) returns void language plpgsql as $$
begin
  execute format('alter table %I alter column request set storage external', child);
  execute format('alter table %I set (fillfactor = 50, toast_tuple_target = 512)', child);
end $$;
select dress_attempts(c.relname) from pg_inherits i join pg_class c on c.oid = i.inhrelid where i.inhparent = 'attempt'::regclass;

create or replace function make_partitions(day date) returns void language plpgsql security definer set search_path = public, pg_temp set timezone = 'UTC' as $$
declare
  parent text;
  child text;
begin
  foreach parent in array array['arrival', 'attempt'] loop
    child := parent || '_' || to_char(day, 'YYYYMMDD');
    if to_regclass('public.' || child) is null then
      begin
        execute format('create table %I partition of %I for values from (%L) to (%L)', child, parent, day::timestamptz, (day + 1)::timestamptz);
        if parent = 'attempt' then perform dress_attempts(child); end if;
      exception when duplicate_table or invalid_object_definition then null;
      end;
    end if;
  end loop;
end $$;

create or replace function move_default(parent text, day date) returns bigint language plpgsql security definer
  set search_path = public, pg_temp set timezone = 'UTC' set lock_timeout = '2s' as $$
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
  if parent = 'attempt' then perform dress_attempts(child); end if;
  execute format(
    'with gone as (delete from %I where %I >= %L and %I < %L returning *) insert into %I select * from gone',
    rest, clock, day::timestamptz, clock, (day + 1)::timestamptz, child);
  get diagnostics moved = row_count;
  execute format('alter table %I attach partition %I for values from (%L) to (%L)', parent, child, day::timestamptz, (day + 1)::timestamptz);
  return moved;
end $$;
