-- How many links stood where when they were last counted (maintain/tally.ts): a million take two seconds, which nobody shall wait for.
create table tally (
  tenant_id         text not null,
  pair_id           text not null,
  target_connection text not null,
  state             text not null,
  reason            text not null,                    -- '' where the link has none
  count             bigint not null,
  held              bigint not null,
  breaker           bigint not null,
  oldest            timestamptz,
  at                timestamptz not null,
  primary key (tenant_id, pair_id, target_connection, state, reason)
);


-- The same for the error groups of very many records.
create table group_tally (
  tenant_id   text not null,
  fault_group text not null,
  count       bigint not null,
  parked      bigint not null,
  unknown     bigint not null,
  waiting     bigint not null,
  first_seen  timestamptz,
  last_seen   timestamptz,
  at          timestamptz not null,
  primary key (tenant_id, fault_group)
);
