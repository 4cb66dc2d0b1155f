-- Who may do what, and who did it: accounts, roles, sessions, keys, the audit trail, and long work that somebody asked for.

-- One account per person, whichever tenants he works in. `tenant_id` is its home, whose administrators look after it; '*' is the installation.
create table "user" (
  user_id    text primary key check (user_id ~ '^[A-Za-z0-9][A-Za-z0-9._@+-]{0,127}$'),
  tenant_id  text not null,
  name       text not null default '',
  password   text,                                   -- argon2id, salt and cost in front; null: cannot sign in with one
  everywhere text check (everywhere in ('owner', 'admin', 'integrator', 'operator', 'viewer')), -- role in every tenant, also in those to come
  disabled   boolean not null default false,
  created_at timestamptz not null default clock_timestamp(),
  changed_at timestamptz not null default clock_timestamp(),
  constraint everywhere_at_home check (everywhere is null or tenant_id = '*')
);
create index user_tenant on "user" (tenant_id);

create table membership (
  tenant_id text not null references tenant on delete cascade,
  user_id   text not null references "user" on delete cascade,
  role      text not null check (role in ('owner', 'admin', 'integrator', 'operator', 'viewer')),
  since     timestamptz not null default clock_timestamp(),
  primary key (tenant_id, user_id)
);
create index membership_user on membership (user_id);

create table session (
  hash       bytea primary key,                      -- sha256 of the cookie
  user_id    text not null references "user" on delete cascade,
  created_at timestamptz not null default clock_timestamp(),
  seen_at    timestamptz not null default clock_timestamp(),
  expires_at timestamptz not null,
  address    text not null default ''
);
create index session_user_id on session (user_id);

-- A key acts for the person who made it: never with more than his role allows now, and in one tenant only ('*': wherever he may).
create table api_key (
  tenant_id    text not null,
  key_id       text not null,
  name         text not null default '',
  hash         bytea not null unique,                -- sha256 of the key; shown once, when it is made
  user_id      text not null references "user" on delete cascade,
  scopes       text[] not null,
  created_at   timestamptz not null default clock_timestamp(),
  expires_at   timestamptz not null,
  last_used_at timestamptz,
  revoked_at   timestamptz,
  primary key (tenant_id, key_id)
);

-- Failed sign-ins, by name (whether or not it exists) and by address; the delay grows, and a success ends it.
create table sign_in_try (
  subject  text primary key,
  failures integer not null default 0,
  last_at  timestamptz not null default clock_timestamp(),
  until    timestamptz not null default clock_timestamp()
);

create table audit (
  tenant_id  text not null,                          -- '*': the installation itself
  audit_id   bigint generated always as identity,
  at         timestamptz not null default clock_timestamp(),
  actor      text not null,                          -- user, `key:…`, `terminal`, `start`
  route      text not null,                          -- what was called
  kind       text not null,                          -- of the thing: connection, flow, user, …
  name       text not null,
  what       text not null check (what in ('added', 'changed', 'removed', 'done')),
  before     json,                                   -- secrets masked
  after      json,
  trace_id   text not null default '',
  address    text not null default '',
  primary key (tenant_id, audit_id)
);
create index audit_at on audit (tenant_id, at);

-- Long work that a person asked for: done in slices by whichever node holds the lease.
create table task (
  tenant_id   text not null references tenant on delete cascade,
  task_id     text not null,
  kind        text not null check (kind in ('retry')),
  asked       json not null,
  asked_by    text not null,
  state       text not null default 'running' check (state in ('running', 'done', 'failed', 'stopped')),
  total       bigint not null default 0,
  done        bigint not null default 0,
  after       text,                                  -- last key worked on
  fault       text,
  created_at  timestamptz not null default clock_timestamp(),
  ended_at    timestamptz,
  lease_until timestamptz not null default '-infinity',
  primary key (tenant_id, task_id),
  constraint ended check ((state = 'running') = (ended_at is null))
);
create index task_running on task (lease_until) where state = 'running';

-- Sign-ins are looked up before anybody knows whose they are: these few questions, and no others, pass the walls.
create function who_signs_in(asked text) returns table (user_id text, password text, disabled boolean)
  language sql stable security definer set search_path = public, pg_temp as $$
  select u.user_id, u.password, u.disabled from "user" u where lower(u.user_id) = lower(asked)
$$;

create function who_has_session(token_hash bytea)
  returns table (user_id text, name text, home text, everywhere text, roles json, created_at timestamptz, seen_at timestamptz, expires_at timestamptz)
  language sql stable security definer set search_path = public, pg_temp as $$
  select u.user_id, u.name, u.tenant_id, u.everywhere,
    (select json_object_agg(m.tenant_id, m.role) from membership m where m.user_id = u.user_id), s.created_at, s.seen_at, s.expires_at
  from session s
  join "user" u on u.user_id = s.user_id
  where s.hash = token_hash and s.expires_at > clock_timestamp() and not u.disabled
$$;

create function who_has_key(token_hash bytea)
  returns table (key_id text, tenant_id text, scopes text[], last_used_at timestamptz, user_id text, name text, home text, everywhere text, roles json)
  language sql stable security definer set search_path = public, pg_temp as $$
  select k.key_id, k.tenant_id, k.scopes, k.last_used_at, u.user_id, u.name, u.tenant_id, u.everywhere,
    (select json_object_agg(m.tenant_id, m.role) from membership m where m.user_id = u.user_id)
  from api_key k
  join "user" u on u.user_id = k.user_id
  where k.hash = token_hash and k.expires_at > clock_timestamp() and k.revoked_at is null and not u.disabled
$$;

-- Names and secrets are unique over the whole installation: whether one is taken is all that another tenant may learn.
create function who_is_taken(asked text) returns boolean
  language sql stable security definer set search_path = public, pg_temp as $$
  select exists (select from "user" u where lower(u.user_id) = lower(asked))
$$;
create unique index user_lower on "user" (lower(user_id));

-- plpgsql, which looks at columns when it runs: a later migration gives credentials their former secret (0030).
create function who_uses_secret(of_kind text, secret_hash bytea, besides text) returns boolean
  language plpgsql stable security definer set search_path = public, pg_temp as $$
begin
  return exists (
    select from credential c
    where c.kind = of_kind and c.tenant_id <> besides and (c.hash = secret_hash or c.former_hash = secret_hash));
end $$;

create function who_has_work() returns table (tenant_id text, task_id text)
  language sql stable security definer set search_path = public, pg_temp as $$
  select t.tenant_id, t.task_id from task t where t.state = 'running' and t.lease_until < clock_timestamp() order by t.created_at limit 20
$$;

create function who_drops_expired() returns void
  language sql security definer set search_path = public, pg_temp as $$
  delete from session where expires_at < clock_timestamp();
  delete from sign_in_try where last_at < clock_timestamp() - interval '1 day'
$$;
