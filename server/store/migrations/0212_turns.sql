-- How two-way flows behave, by pair and day: echoes of our own writes that came in and changed nothing, and flips (D8).
create table turns (
  tenant_id text not null,
  pair_id   text not null,
  day       date not null,
  echoes    bigint not null default 0,
  flips     bigint not null default 0,
  primary key (tenant_id, pair_id, day)
) with (fillfactor = 50);
