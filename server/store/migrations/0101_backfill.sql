-- History 同步历史数据: what a person asked to be read of an object, slice by slice, by whichever node holds the lease.
create table backfill (
  tenant_id     text not null,
  backfill_id   text not null,
  connection_id text not null,
  object        text not null,
  asked         json not null,                        -- poll/history.ts: Asked
  asked_by      text not null,
  state         text not null check (state in ('queued', 'running', 'paused', 'stopped', 'error', 'success')),
  start_at      timestamptz not null,                 -- not reached before
  created_at    timestamptz not null default clock_timestamp(),
  started_at    timestamptz,
  ended_at      timestamptz,
  total         bigint not null check (total >= 0),   -- ms of the source's time, or records
  done          bigint not null default 0,
  position      text,                                 -- where it goes on
  requests      bigint not null default 0,
  seen          bigint not null default 0,
  created       bigint not null default 0,
  changed       bigint not null default 0,
  unchanged     bigint not null default 0,
  failed        bigint not null default 0,
  attempts      integer not null default 0,
  next_at       timestamptz not null default clock_timestamp(),
  fault         text,
  lease_token   bigint not null default 0,
  lease_until   timestamptz,
  primary key (tenant_id, backfill_id),
  foreign key (tenant_id, connection_id, object) references object on delete cascade,
  constraint backfill_ended check ((ended_at is null) = (state in ('queued', 'running', 'paused')))
) with (fillfactor = 70);
create index backfill_open on backfill (next_at) where state in ('queued', 'running');
create index backfill_newest on backfill (tenant_id, created_at desc);
