-- What a record's source is to be told of how it fared (flow option writeBack, decision 211): one row per link that was ever told.
create table write_back (
  tenant_id text not null,
  pair_id   text not null,
  link_id   bigint not null,
  wanted    bigint not null default 1,               -- grows with each end of the record
  told      bigint not null default 0,
  noted_at  timestamptz not null default clock_timestamp(),
  next_at   timestamptz not null default clock_timestamp(),
  attempts  integer not null default 0,
  content   text,                                    -- digest of what was told last; its time of telling does not count
  told_at   timestamptz,
  fault     text,                                    -- why it could not be told
  primary key (tenant_id, pair_id, link_id),
  constraint told_wanted check (told <= wanted)
) with (fillfactor = 80);
create index write_back_due on write_back (next_at) where told < wanted;
