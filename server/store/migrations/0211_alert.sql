-- Alerts 告警: what is told to whom (observe/alert-settings.ts), what fires, and the messages that go out about it.
create table alert_setting (
  tenant_id  text primary key references tenant,
  definition json not null,
  secrets    bytea,                                  -- envelope: addresses of robots, passwords
  changed_at timestamptz not null default clock_timestamp()
);

create sequence alert_seq;
create table alert (
  tenant_id    text not null,
  alert_id     bigint not null default nextval('alert_seq'),
  rule         text not null,
  about        text not null,                        -- what it is about: a connection, a flow, a record
  level        text not null check (level in ('info', 'warning', 'critical')),
  state        text not null check (state in ('pending', 'firing', 'recovered')),
  figures      json not null default '{}',
  person       text,                                 -- the record's owner, as the record names them
  since        timestamptz not null default clock_timestamp(),
  last_seen    timestamptz not null default clock_timestamp(),
  fired_at     timestamptz,
  recovered_at timestamptz,
  primary key (tenant_id, alert_id),
  constraint fired check ((state = 'pending') = (fired_at is null)),
  constraint recovered check ((state = 'recovered') = (recovered_at is not null))
);
-- Once: whatever is open is not opened again.
create unique index alert_open on alert (tenant_id, rule, about) where state <> 'recovered';
create index alert_recent on alert (tenant_id, fired_at);

create sequence notice_seq;
create table notice (
  tenant_id  text not null,
  notice_id  bigint not null default nextval('notice_seq'),
  alert_id   bigint not null,
  what       text not null check (what in ('fired', 'recovered')),
  channel    text not null,
  recipient  text not null default '',               -- a person's address; empty: the channel's own
  state      text not null default 'due' check (state in ('due', 'sent', 'failed', 'dropped')),
  attempts   integer not null default 0,
  next_at    timestamptz not null default clock_timestamp(),
  fault      text,
  ended_at   timestamptz,
  primary key (tenant_id, notice_id),
  unique (tenant_id, alert_id, what, channel, recipient),
  foreign key (tenant_id, alert_id) references alert on delete cascade
);
create index notice_due on notice (next_at) where state = 'due';

-- When something last came in of an object: what "no data for" compares with.
create table data_seen (
  tenant_id     text not null,
  connection_id text not null,
  object        text not null,
  seen_at       timestamptz not null,
  primary key (tenant_id, connection_id, object)
) with (fillfactor = 50);
