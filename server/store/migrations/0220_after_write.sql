-- What a flow's function after write is to be told: a row for each call that was applied, written in the settle's own statement (decision 220).
create table after_write (
  seq         bigint generated always as identity,
  tenant_id   text not null,
  pair_id     text not null,
  link_id     bigint not null,
  call        text not null check (call in ('create', 'update', 'void')),
  side        text not null check (side in ('left', 'right')),  -- that was written
  target_id   text,
  source_id   text,
  noted_at    timestamptz not null,
  next_at     timestamptz not null,
  state       text not null default 'due' check (state in ('due', 'failed', 'said')),
  lease_token bigint not null default 0,
  ended_at    timestamptz,
  fault       text,                                 -- why it failed, or why it is not run now
  note        text,                                 -- what it said of the record
  logs        text,
  primary key (tenant_id, pair_id, link_id, seq),
  constraint ended check ((state = 'due') = (ended_at is null)),
  constraint failed_why check (state <> 'failed' or fault is not null)
) with (fillfactor = 80);
create index after_write_due on after_write (next_at, seq) where state = 'due';
create index after_write_ended on after_write (ended_at) where state <> 'due';
