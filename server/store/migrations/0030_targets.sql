-- What all nodes share of a target: how many calls of its day are leased, when the next start is free, and its access token.

create table allowance (
  tenant_id     text not null,
  connection_id text not null,
  ends_at       timestamptz not null default '-infinity', -- end of the day that `taken` counts, in the connection's zone
  taken         integer not null default 0 check (taken >= 0),
  next_start    timestamptz not null default '-infinity', -- first start that no node has leased
  primary key (tenant_id, connection_id),
  foreign key (tenant_id, connection_id) references connection on delete cascade
) with (fillfactor = 50);

-- A lease is a twentieth of what the day has left, 500 at most, one at least: few writes while there is much, and an exact end.
-- `ends` is the end of the day as the caller sees it; the day that is running here goes on until its own end.
create function lease_calls(tenant text, connection text, per_day integer, ends timestamptz,
  out calls integer, out ends_at timestamptz, out now_at timestamptz)
language plpgsql security definer set search_path = public, pg_temp as $$
declare
  kept allowance;
begin
  insert into allowance (tenant_id, connection_id) values (tenant, connection) on conflict do nothing;
  select * into kept from allowance a where a.tenant_id = tenant and a.connection_id = connection for update;
  now_at := clock_timestamp();
  if kept.ends_at <= now_at then
    kept.ends_at := ends;
    kept.taken := 0;
  end if;
  -- The caller's clock is behind ours: it asks again with its day put right.
  calls := case when kept.ends_at <= now_at then null
    else least(greatest((per_day - kept.taken) / 20, 1), 500, greatest(per_day - kept.taken, 0)) end;
  ends_at := kept.ends_at;
  if calls > 0 then
    update allowance a set ends_at = kept.ends_at, taken = kept.taken + lease_calls.calls
    where a.tenant_id = tenant and a.connection_id = connection;
  end if;
end $$;

create function return_calls(tenant text, connection text, calls integer, ends timestamptz) returns void
language sql security definer set search_path = public, pg_temp as $$
  update allowance a
  set taken = greatest(a.taken - calls, 0)
  where a.tenant_id = tenant and a.connection_id = connection and a.ends_at = ends $$;

-- Starts at even distance, one after the other whoever asks; answers in how many ms the first one is.
create function lease_starts(tenant text, connection text, every_ms double precision, calls integer) returns double precision
language plpgsql security definer set search_path = public, pg_temp as $$
declare
  kept timestamptz;
  now_at timestamptz;
  first timestamptz;
begin
  insert into allowance (tenant_id, connection_id) values (tenant, connection) on conflict do nothing;
  select a.next_start into kept from allowance a where a.tenant_id = tenant and a.connection_id = connection for update;
  now_at := clock_timestamp();
  first := greatest(kept, now_at);
  update allowance a set next_start = first + calls * every_ms * interval '1 millisecond'
  where a.tenant_id = tenant and a.connection_id = connection;
  return extract(epoch from first - now_at) * 1000;
end $$;

-- The access token of a target, closed with the installation's key. One node at a time asks for a new one; the others wait for it here.
create table target_token (
  tenant_id     text not null,
  connection_id text not null,
  serial        bigint not null default 0,           -- grows with every token
  token         bytea,                               -- envelope
  expires_at    timestamptz,
  asking        text,                                -- who asks for the next one, until when
  asking_until  timestamptz not null default '-infinity',
  primary key (tenant_id, connection_id),
  foreign key (tenant_id, connection_id) references connection on delete cascade,
  check ((token is null) = (expires_at is null))
);

-- Secrets of callers with two valid values: the former one lets in until it is retired, or until its time is up.
alter table credential
  add column former_hash  bytea,
  add column former_until timestamptz,
  add constraint former_whole check (former_until is null or former_hash is not null or secrets is not null);
create index credential_former on credential (kind, former_hash) where former_hash is not null;
