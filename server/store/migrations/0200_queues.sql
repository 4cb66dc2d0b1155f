-- What queues bring: how each node's subscription stands, and events that could not be read.

create table queue_node (
  tenant_id     text not null,
  connection_id text not null,
  queue_id      text not null,
  node          text not null,
  kind          text not null check (kind in ('rabbitmq', 'nats', 'kafka')),
  state         text not null check (state in ('connecting', 'listening', 'reconnecting', 'paused')),
  since         timestamptz not null,
  seen_at       timestamptz not null,                -- a node that is gone is not seen any more
  lag           bigint,                              -- at the broker, of all nodes together; null: cannot be told now
  taken         bigint not null default 0,           -- messages acknowledged since this node started
  refused       bigint not null default 0,
  connects      bigint not null default 0,
  fault         text,
  primary key (tenant_id, connection_id, queue_id, node)
) with (fillfactor = 70);

-- Acknowledged at the broker and not understood here (数据维护): kept byte for byte until a person has it read again or removes it.
create table refused_event (
  tenant_id     text not null,
  seq           bigint not null,                     -- of its arrival
  connection_id text not null,
  queue_id      text not null,
  place         text not null,
  received_at   timestamptz not null,
  object        text not null,                       -- as it says, as far as that could be read; else empty
  data_id       text not null,
  refusal       text not null,                       -- code, reason and values as JSON: its sentence is made in the reader's language
  trace_id      text not null,
  body          bytea not null,
  primary key (tenant_id, seq)
);
create index refused_event_connection on refused_event (tenant_id, connection_id, seq);
