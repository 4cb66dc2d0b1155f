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
