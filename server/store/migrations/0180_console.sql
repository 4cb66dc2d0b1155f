-- What the console asks of the database: how a person wants it, the log of calls by time, and how each flow fared minute by minute.

-- Language, time zone and looks of one person; absent: as the browser has them.
create table preference (
  user_id text primary key references "user" on delete cascade,
  locale  text check (locale in ('zh_CN', 'zh_TW', 'en_US', 'ja_JP')),
  zone    text,
  theme   text check (theme in ('light', 'dark'))
);

-- Minutes in which something was sent or waited; a quiet minute leaves no row.
create table pulse (
  tenant_id         text not null,
  pair_id           text not null,
  target_connection text not null,
  minute            timestamptz not null,
  applied           integer not null default 0,
  refused           integer not null default 0,
  again             integer not null default 0,
  unanswered        integer not null default 0,
  ms                bigint not null default 0,       -- of all calls together
  backlog           bigint not null default 0,       -- when it was looked at
  oldest_ms         bigint not null default 0,       -- how long the oldest pending one could have been sent
  primary key (tenant_id, minute, pair_id, target_connection)
);
create index pulse_minute on pulse (minute);

-- The log by time. A btree would cost each call an entry; the log is written in the order of time, so that a summary of its blocks is enough.
create index attempt_started on attempt using brin (started_at) with (pages_per_range = 16);
