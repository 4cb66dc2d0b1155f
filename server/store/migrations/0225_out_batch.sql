-- Batches that we send to other systems (contracts.md section 6, decision 225): rows that wait to be sent, what was sent, and what was answered.

create sequence out_batch_seq cache 1;

-- What we have used of a target's limits, by path. Its row is also the lock under which a batch of that path is filled and counted.
create table out_quota (
  tenant_id     text not null references tenant,
  connection_id text not null,
  path          text not null,
  day           timestamptz not null,                -- start of the calendar day, of the clock hour, in the connection's zone
  day_used      integer not null check (day_used >= 0),
  hour          timestamptz not null,
  hour_used     integer not null check (hour_used >= 0),
  held_until    timestamptz,                         -- the target asked to wait
  why           text,
  primary key (tenant_id, connection_id, path)
) with (fillfactor = 70);

create table out_batch (
  tenant_id     text not null references tenant,
  out_batch_id  bigint not null,
  connection_id text not null,
  object        text not null,
  path          text not null,
  biz_id        text not null,
  locale        text not null check (locale in ('zh_CN', 'zh_TW', 'en_US', 'ja_JP')),
  row_count     integer not null check (row_count > 0),
  body          bytea,                               -- repeated byte for byte; forgotten when the batch has ended
  made_at       timestamptz not null default clock_timestamp(),
  -- ready: is to be posted (again); accepted: the target has it and owes the result; done; split: refused as a whole and sent again in parts;
  -- lost: nobody told what became of it (a callback may still do so)
  state         text not null default 'ready' check (state in ('ready', 'accepted', 'done', 'split', 'lost')),
  posts         integer not null default 0,
  asks          integer not null default 0,
  posted_at     timestamptz,                         -- first
  accepted_at   timestamptz,
  answer_by     timestamptz,                         -- the deadline of its answer
  ended_at      timestamptz,
  next_at       timestamptz not null default clock_timestamp(),
  lease_token   bigint not null default 0,
  lease_until   timestamptz,
  told_by       text check (told_by in ('answer', 'callback', 'query')),
  applied_count integer,
  refused_count integer,
  status        integer,
  said          text,                                -- the target's last words
  primary key (tenant_id, out_batch_id),
  unique (tenant_id, connection_id, biz_id),
  check ((state in ('done', 'split', 'lost')) = (ended_at is not null)),
  check ((state = 'done') = (told_by is not null)),
  check (body is not null or state in ('done', 'split', 'lost')),
  check (state <> 'accepted' or posts > 0)
) with (fillfactor = 70);
create index out_batch_due on out_batch (next_at) where state in ('ready', 'accepted');
create index out_batch_newest on out_batch (tenant_id, out_batch_id desc);
create index out_batch_ended on out_batch (ended_at) where ended_at is not null;

-- One row per call of a link. What was never queued and is asked for is `withdrawn`: whoever was about to queue it finds that out and does not.
create table out_batch_row (
  tenant_id     text not null references tenant,
  connection_id text not null,
  key           text not null,                       -- idem_key of the call
  object        text not null,
  pair_id       text,
  link_id       bigint,
  code          text,
  body          bytea,
  queued_at     timestamptz not null default clock_timestamp(),
  out_batch_id  bigint,
  row_no        integer,                             -- 1-based, as it stands in the request
  state         text not null check (state in ('queued', 'packed', 'told', 'withdrawn')),
  outcome       text check (outcome in ('applied', 'refused', 'again', 'unknown')),
  fault         text,
  warnings      text,                                -- JSON list of the target's sentences
  told_at       timestamptz,
  taken_at      timestamptz,                         -- the link has heard
  primary key (tenant_id, connection_id, key),
  check ((state in ('packed', 'told')) = (out_batch_id is not null)),
  check ((state = 'told') = (outcome is not null)),
  check (state = 'withdrawn' or (pair_id is not null and link_id is not null and code is not null))
) with (fillfactor = 70);
create index out_batch_row_queued on out_batch_row (tenant_id, connection_id, object, queued_at) where state = 'queued';
create index out_batch_row_of on out_batch_row (tenant_id, out_batch_id, row_no) where out_batch_id is not null;
create index out_batch_row_untaken on out_batch_row (told_at) where state = 'told' and taken_at is null;
create index out_batch_row_old on out_batch_row (queued_at);
