-- Versions of what is configured: who made each, when, and all of it, so that it can be compared and brought back.
create table version (
  tenant_id   text not null,
  kind        text not null check (kind in ('connection', 'object', 'pair', 'flow')),
  name        text not null,                         -- erp, erp/BD_Customer, customer, customer leftToRight
  number      integer not null check (number > 0),
  what        text not null check (what in ('added', 'changed', 'removed')),
  definition  json,                                  -- null: removed. Headers stand here by name only
  fields      json not null default '[]',            -- what differs from the version before: path, before, after
  who         text not null,
  at          timestamptz not null default clock_timestamp(),
  primary key (tenant_id, kind, name, number),
  check ((what = 'removed') = (definition is null))
);
create index version_at on version (tenant_id, at desc);

alter table version enable row level security;
create policy own_tenant on version using (tenant_id = nullif(current_setting('mortise.tenant', true), ''));
do $$
begin
  if exists (select from pg_roles where rolname = 'mortise_app') then
    grant select, insert on version to mortise_app;
  end if;
  if exists (select from pg_roles where rolname = 'mortise_road') then
    create policy road on version to mortise_road using (true) with check (true);
    grant select, insert on version to mortise_road;
  end if;
end $$;
