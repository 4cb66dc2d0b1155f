-- Deletion sweeps: which records are staged here and gone at their source. The guide's interface tells no deletions.
create table deletion_sweep (
  tenant_id     text not null,
  sweep_id      text not null,
  connection_id text not null,
  object        text not null,
  on_gone       text not null check (on_gone in ('ask', 'mark')),  -- mark: each is read by id, and the flow's goneAtSource decides
  every_ms      bigint check (every_ms >= 60000),      -- once more, so long after its beginning
  asked_by      text not null,
  state         text not null default 'queued' check (state in ('queued', 'running', 'stopped', 'error', 'success')),
  phase         text not null default 'source' check (phase in ('source', 'staged')),
  position      text,                                  -- where the phase goes on
  version_at    bigint,                                -- drawn before the first request: what is staged above it is newer than this sweep
  start_at      timestamptz not null,
  next_at       timestamptz not null,
  created_at    timestamptz not null default clock_timestamp(),
  started_at    timestamptz,
  ended_at      timestamptz,
  seen          bigint not null default 0,             -- readings at the source; one that is read twice counts twice
  staged        bigint not null default 0,             -- records here that were looked at
  gone          bigint not null default 0,
  attempts      integer not null default 0,
  fault         text,
  lease_token   bigint not null default 0,
  lease_until   timestamptz,
  primary key (tenant_id, sweep_id),
  foreign key (tenant_id, connection_id, object) references object on delete cascade,
  constraint sweep_ended check ((ended_at is null) = (state in ('queued', 'running')))
) with (fillfactor = 70);
create index deletion_sweep_open on deletion_sweep (next_at) where state in ('queued', 'running');
create index deletion_sweep_newest on deletion_sweep (tenant_id, created_at desc);

-- The ids that a sweep has read at the source; dropped with its end.
create table deletion_sweep_id (
  tenant_id text not null,
  sweep_id  text not null,
  data_id   text not null,
  primary key (tenant_id, sweep_id, data_id),
  foreign key (tenant_id, sweep_id) references deletion_sweep on delete cascade
);

create table deletion_sweep_gone (
  tenant_id text not null,
  sweep_id  text not null,
  data_id   text not null,
  marked_by text,                                      -- who had it looked for and marked
  marked_at timestamptz,
  primary key (tenant_id, sweep_id, data_id),
  foreign key (tenant_id, sweep_id) references deletion_sweep on delete cascade,
  constraint gone_marked check ((marked_by is null) = (marked_at is null))
);
