-- Connections to which nothing is sent since a backup was restored, until their records of the time since are known (promise 29).
create table restore (
  tenant_id     text not null,
  connection_id text not null,
  backup_at     timestamptz not null,                  -- state of the database that was restored
  restored_at   timestamptz not null default clock_timestamp(),
  version_at    bigint not null,                       -- documents above it came after the restore: newer than whatever the target has
  scanned       bigint not null default 0,             -- live records looked at
  bound         bigint not null default 0,             -- of them, made known to a link
  fault         text,                                  -- why it cannot go on by itself
  released_at   timestamptz,
  released_by   text check (released_by in ('reconciled', 'person')),
  primary key (tenant_id, connection_id),
  foreign key (tenant_id, connection_id) references connection on delete cascade,
  constraint released_whole check ((released_at is null) = (released_by is null))
);
