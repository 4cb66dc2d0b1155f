-- Match before create by rules over fields (D5): under which keys the records of a pair with such rules are found. Pairs without them have no rows.
create table match_key (
  tenant_id     text not null,
  connection_id text not null,
  object        text not null,
  rule          text not null,                       -- names what is compared, and changes with it
  key           text not null,                       -- normalised
  data_id       text not null,
  primary key (tenant_id, connection_id, object, rule, key, data_id)
);
create index match_key_record on match_key (tenant_id, connection_id, object, data_id);

-- How far the records that were there before the rule have been gone through; until then nothing is created by it.
create table match_scope (
  tenant_id     text not null,
  connection_id text not null,
  object        text not null,
  rule          text not null,
  after         text not null default '',            -- last data_id
  done          boolean not null default false,
  primary key (tenant_id, connection_id, object, rule)
);
