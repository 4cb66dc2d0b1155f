-- Functions and readers: what came in non-standard waits in `decode` with how it stands; functions are configuration like any other.

alter table decode
  add column trace_id text not null default '',
  add column operation text not null default 'upsert' check (operation in ('upsert', 'void')),
  add column version bigint not null default 0,      -- drawn at the door: a decoding that ends late never goes over what came in since (A1)
  add column state text not null default 'due' check (state in ('due', 'failed', 'held')),
  add column lease_until timestamptz,
  add column failed_at timestamptz,
  add column logs text,                              -- what the function said on its console before it failed
  add column fault_group text generated always as (case when state <> 'due' then fault_group(object, connection_id, fault) end) stored,
  add constraint decode_told check ((state = 'due') or fault is not null);
create index decode_due on decode (tenant_id, connection_id, object, next_at, seq) where state = 'due';
create index decode_held on decode (tenant_id, connection_id, object, seq) where state = 'held';
create index decode_group on decode (tenant_id, fault_group, seq) where fault_group is not null;
-- What stays for retention is asked by day (observe/pruner.ts).
create index decode_received on decode (received_at);

create table function (
  tenant_id  text not null references tenant,
  name       text not null,
  kind       text not null check (kind in ('receive', 'beforeMapping', 'beforeWrite', 'afterWrite')),
  definition json not null,
  revision   bigint not null default 1,
  primary key (tenant_id, name)
);

-- A function that hit its limits too often is not run again until it is mended or a person says so.
create table suspension (
  tenant_id text not null,
  name      text not null,
  code_hash text not null,                           -- of what was suspended: another code is another function
  fault     text not null,
  since     timestamptz not null default clock_timestamp(),
  primary key (tenant_id, name)
);

alter table version drop constraint version_kind_check;
alter table version add constraint version_kind_check check (kind in ('connection', 'object', 'pair', 'flow', 'function'));
