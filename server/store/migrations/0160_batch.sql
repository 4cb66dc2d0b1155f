-- Master-data batches, their rows and limits, and the callbacks that tell their senders (contracts.md sections 4 and 5).

create sequence batch_seq cache 1;

-- Access tokens of batch clients, by their hash.
create table batch_token (
  tenant_id  text not null references tenant,
  client_id  text not null,
  hash       bytea not null,
  expires_at timestamptz not null,
  primary key (hash)
);
create index batch_token_end on batch_token (expires_at);

-- What a client has used of a path's limits. Its row is also the line in which that client's batches of that path stand: whoever wants to
-- be counted waits here, so `line` grows in the order of the commits.
create table batch_quota (
  tenant_id text not null references tenant,
  client_id text not null,
  path      text not null,
  day       timestamptz not null,                    -- start of the calendar day, of the clock hour, in the tenant's zone
  day_used  integer not null check (day_used >= 0),
  hour      timestamptz not null,
  hour_used integer not null check (hour_used >= 0),
  line      bigint not null,
  primary key (tenant_id, client_id, path)
) with (fillfactor = 70);

create table batch (
  tenant_id     text not null references tenant,
  batch_id      bigint not null,
  client_id     text not null,
  path          text not null,
  biz_id        text not null,
  connection_id text not null,
  object        text not null,
  line          bigint not null,
  request_hash  bytea not null,
  locale        text not null check (locale in ('zh_CN', 'zh_TW', 'en_US', 'ja_JP')),
  url           text,
  trace_id      text not null,
  received_at   timestamptz not null default clock_timestamp(),
  row_count     integer not null check (row_count > 0),
  state         text not null default 'waiting' check (state in ('waiting', 'running', 'done', 'failed')),
  checked       boolean not null default false,      -- every row has its verdict; what is left is to store the good ones
  done_rows     integer not null default 0 check (done_rows between 0 and row_count),
  attempts      integer not null default 0,
  next_at       timestamptz not null default clock_timestamp(),
  lease_token   bigint not null default 0,
  lease_until   timestamptz,
  ended_at      timestamptz,
  created_count integer,
  updated_count integer,
  failed_count  integer,
  result        text,                                -- the data of the answer, fixed when the batch ended
  fault         text,
  primary key (tenant_id, batch_id),
  unique (tenant_id, client_id, path, biz_id),
  check ((state in ('done', 'failed')) = (ended_at is not null)),
  check ((state = 'done') = (result is not null)),
  check (state <> 'done' or done_rows = row_count)
) with (fillfactor = 70);
create index batch_line on batch (tenant_id, client_id, path, line) where state in ('waiting', 'running');
create index batch_due on batch (next_at) where state in ('waiting', 'running');
create index batch_newest on batch (tenant_id, batch_id desc);
create index batch_ended on batch (ended_at) where ended_at is not null;

create table batch_row (
  tenant_id text not null,
  batch_id  bigint not null,
  row_no    integer not null,                        -- 1-based, as it stood in the request
  key       text,                                    -- what its sender calls the row: sequence_num or the number
  code      text,
  turn      integer,                                 -- parents before children
  outcome   text check (outcome in ('created', 'updated', 'unchanged', 'superseded', 'rejected', 'overtaken', 'failed')),
  errors    text,                                    -- JSON of row faults, said in any language when they are asked for
  warnings  text,
  body      bytea,                                   -- kept for what was refused; what was stored stands in the arrival log
  primary key (tenant_id, batch_id, row_no),
  foreign key (tenant_id, batch_id) references batch on delete cascade
) with (fillfactor = 70);
create index batch_row_turn on batch_row (tenant_id, batch_id, turn) where outcome is null;

-- ── callbacks ────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────
create table delivery (
  tenant_id    text not null references tenant,
  delivery_id  text not null,                        -- the webhook-id: the same on every try
  client_id    text not null,
  origin       text not null,
  url          text not null,
  subject      text not null,                        -- what it tells of: the batch's number
  body         bytea not null,                       -- byte for byte the same on every try
  state        text not null default 'due' check (state in ('due', 'delivered', 'gone', 'given up', 'held')),
  attempts     integer not null default 0,
  created_at   timestamptz not null default clock_timestamp(),
  next_at      timestamptz not null default clock_timestamp(),
  lease_token  bigint not null default 0,
  lease_until  timestamptz,
  delivered_at timestamptz,
  status       integer,                              -- of the last try
  said         text,
  primary key (tenant_id, delivery_id),
  check ((state = 'delivered') = (delivered_at is not null))
) with (fillfactor = 70);
create index delivery_due on delivery (next_at) where state = 'due';
create index delivery_subject on delivery (tenant_id, subject);
create index delivery_old on delivery (created_at);

create table delivery_try (
  tenant_id   text not null,
  delivery_id text not null,
  tried_at    timestamptz not null default clock_timestamp(),
  status      integer,
  said        text,                                  -- the first 512 bytes of the reply, or why there was none
  ms          integer not null,
  foreign key (tenant_id, delivery_id) references delivery on delete cascade
);
create index delivery_try_of on delivery_try (tenant_id, delivery_id, tried_at);

-- How an address that is called back fares: since when it has not taken anything, and when it was therefore left alone.
create table callback_origin (
  tenant_id     text not null references tenant,
  client_id     text not null,
  origin        text not null,
  failing_since timestamptz,
  disabled_at   timestamptz,
  primary key (tenant_id, client_id, origin),
  check (disabled_at is null or failing_since is not null)
);
