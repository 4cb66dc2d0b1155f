-- Polling 轮询 (contracts.md section 2; promises 9-11, 22). The database is the scheduler: what is due is a row, and whoever holds its lease runs it.
create table poll (
  tenant_id     text not null,
  connection_id text not null,
  object        text not null,
  next_at       timestamptz not null,                 -- our clock
  done_until    timestamptz not null,                 -- the source's clock: everything before was read
  paused_by     text,                                 -- a person, or 'clock': the source's is too far from ours
  attempts      integer not null default 0 check (attempts >= 0),
  fault         text,
  skew_ms       bigint,                               -- theirs minus ours, as last measured
  ran_at        timestamptz,                          -- when a run last ended well
  lease_token   bigint not null default 0,
  lease_until   timestamptz,
  primary key (tenant_id, connection_id, object),
  foreign key (tenant_id, connection_id, object) references object on delete cascade
) with (fillfactor = 70);
create index poll_due on poll (next_at) where paused_by is null or paused_by = 'clock';

create sequence poll_window_seq cache 1;

-- The ledger: which stretch of the source's time was read, when, and what came of it. A window that is not done goes on at `read_until`.
create table poll_window (
  tenant_id     text not null,
  connection_id text not null,
  object        text not null,
  window_id     bigint not null default nextval('poll_window_seq'),
  cause         text not null check (cause in ('schedule', 'again')),
  from_at       timestamptz not null,                 -- [from, to), the source's clock
  to_at         timestamptz not null,
  read_until    timestamptz not null,
  state         text not null check (state in ('wanted', 'reading', 'done')),
  asked_by      text,
  started_at    timestamptz,
  ended_at      timestamptz,
  requests      bigint not null default 0,
  seen          bigint not null default 0,            -- records of all pages; one that was read twice counts twice
  created       bigint not null default 0,
  changed       bigint not null default 0,
  unchanged     bigint not null default 0,
  failed        bigint not null default 0,            -- records that cannot be taken in: each is shown by itself
  fault         text,
  primary key (tenant_id, connection_id, object, window_id),
  foreign key (tenant_id, connection_id, object) references poll on delete cascade,
  constraint poll_window_way check (from_at < to_at and read_until between from_at and to_at),
  constraint poll_window_done check (state <> 'done' or (read_until = to_at and ended_at is not null))
) with (fillfactor = 70);
create index poll_window_open on poll_window (tenant_id, connection_id, object, window_id) where state <> 'done';
create index poll_window_ended on poll_window (ended_at) where state = 'done';
