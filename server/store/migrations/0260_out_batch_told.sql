-- What became known of an outgoing batch and by whom: its callback, callbacks that nobody could prove, when it was last asked about.
alter table out_batch
  add column callback_at timestamptz,                          -- the first that was proved, whether or not it told anything new
  add column callbacks_refused integer not null default 0,     -- named this batch and proved nothing
  add column asked_at timestamptz;                             -- last

-- A person wants to know now (decision 260): whoever sends takes the row and asks. People write here and nowhere else of what goes out.
create table out_batch_ask (
  tenant_id    text not null references tenant,
  out_batch_id bigint not null,
  asked_at     timestamptz not null default clock_timestamp(),
  primary key (tenant_id, out_batch_id)
);

-- When a queue's subscription last brought something.
alter table queue_node add column last_at timestamptz;
