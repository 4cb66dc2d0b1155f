-- How many links stood where when they were last counted (maintain/tally.ts): a million take two seconds, which nobody shall wait for.
create table tally (
  tenant_id         text not null,
  pair_id           text not null,
  target_connection text not null,
  state             text not null,
  reason            text not null,                    -- '' where the link has none
  count             bigint not null,
  held              bigint not null,
  breaker           bigint not null,
  oldest            timestamptz,
  at                timestamptz not null,
  primary key (tenant_id, pair_id, target_connection, state, reason)
);

alter table tally enable row level security;
create policy own_tenant on tally using (tenant_id = nullif(current_setting('mortise.tenant', true), ''));
do $$
begin
  if exists (select from pg_roles where rolname = 'mortise_app') then
    grant select on tally to mortise_app;
  end if;
  if exists (select from pg_roles where rolname = 'mortise_road') then
    create policy road on tally to mortise_road using (true) with check (true);
    grant select, insert, delete on tally to mortise_road;
  end if;
end $$;

-- The same for the error groups of very many records.
create table group_tally (
  tenant_id   text not null,
  fault_group text not null,
  count       bigint not null,
  parked      bigint not null,
  unknown     bigint not null,
  waiting     bigint not null,
  first_seen  timestamptz,
  last_seen   timestamptz,
  at          timestamptz not null,
  primary key (tenant_id, fault_group)
);

alter table group_tally enable row level security;
create policy own_tenant on group_tally using (tenant_id = nullif(current_setting('mortise.tenant', true), ''));
do $$
begin
  if exists (select from pg_roles where rolname = 'mortise_app') then
    grant select on group_tally to mortise_app;
  end if;
  if exists (select from pg_roles where rolname = 'mortise_road') then
    create policy road on group_tally to mortise_road using (true) with check (true);
    grant select, insert, delete on group_tally to mortise_road;
  end if;
end $$;
