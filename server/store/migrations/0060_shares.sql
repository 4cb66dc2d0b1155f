-- Links under which a stranger reads the interface of one object 生成 api: an ERP's developer has no account here.
create table interface_share (
  tenant_id     text not null,
  share_id      text not null,
  connection_id text not null,
  object        text not null,
  hash          bytea not null unique,               -- sha256 of the last part of the link; shown once, when it is made
  made_by       text not null,
  created_at    timestamptz not null default clock_timestamp(),
  expires_at    timestamptz,                         -- null: until it is revoked
  revoked_at    timestamptz,
  primary key (tenant_id, share_id),
  foreign key (tenant_id, connection_id, object) references object on delete cascade
);
create index interface_share_object on interface_share (tenant_id, connection_id, object);

-- Asked before anybody knows whose it is, as keys and sessions are (0010).
create function who_has_share(share_hash bytea) returns table (tenant_id text, connection_id text, object text)
  language sql stable security definer set search_path = public, pg_temp as $$
  select s.tenant_id, s.connection_id, s.object
  from interface_share s
  where s.hash = share_hash and s.revoked_at is null and (s.expires_at is null or s.expires_at > clock_timestamp())
$$;
