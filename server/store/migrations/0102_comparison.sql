-- Reconciliation 数据核对: what a person asked to be compared between the two systems of a flow, slice by slice, by whichever node holds the lease.
create table comparison (
  tenant_id     text not null,
  comparison_id text not null,
  pair_id       text not null,
  from_side     text not null check (from_side in ('left', 'right')),
  from_at       timestamptz not null,                 -- [from, to), each system's own clock
  to_at         timestamptz not null,
  asked_by      text not null,
  state         text not null check (state in ('queued', 'running', 'stopped', 'error', 'success')),
  created_at    timestamptz not null default clock_timestamp(),
  started_at    timestamptz,
  ended_at      timestamptz,
  phase         text not null default 'source' check (phase in ('source', 'target')),
  read_until    timestamptz not null,                 -- where the phase goes on
  looked        bigint not null default 0,            -- one that is read twice counts twice
  same          bigint not null default 0,
  attempts      integer not null default 0,
  next_at       timestamptz not null default clock_timestamp(),
  fault         text,
  lease_token   bigint not null default 0,
  lease_until   timestamptz,
  primary key (tenant_id, comparison_id),
  foreign key (tenant_id, pair_id) references pair on delete cascade,
  constraint comparison_way check (from_at < to_at and read_until between from_at and to_at),
  constraint comparison_ended check ((ended_at is null) = (state in ('queued', 'running')))
) with (fillfactor = 70);
create index comparison_open on comparison (next_at) where state in ('queued', 'running');
create index comparison_newest on comparison (tenant_id, created_at desc);

-- What is not the same; a record that is looked at again is replaced.
create table comparison_found (
  tenant_id     text not null,
  comparison_id text not null,
  phase         text not null check (phase in ('source', 'target')),
  record_id     text not null,                        -- the id in the system of the phase
  kind          text not null check (kind in ('onlySource', 'onlyTarget', 'different', 'unclear')),
  other_id      text,
  fields        json,                                 -- [{field, expected, held}]
  fault         text,
  repaired_at   timestamptz,
  primary key (tenant_id, comparison_id, phase, record_id),
  foreign key (tenant_id, comparison_id) references comparison on delete cascade
);
