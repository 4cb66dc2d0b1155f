-- A second factor beside the password, where sessions come from, and accounts that sign in elsewhere (OpenID Connect).

-- Time-based codes (RFC 6238) of one account. Not confirmed: it is being set up and does not count yet.
create table second_factor (
  user_id      text primary key references "user" on delete cascade,
  secret       bytea not null,                       -- envelope (access/secrets.ts)
  begun_at     timestamptz not null default clock_timestamp(),
  confirmed_at timestamptz,
  last_step    bigint not null default 0             -- half-minute of the last code that was taken: each opens once, and none before it
);

-- For the day the telephone is gone. Each opens once.
create table recovery_code (
  user_id text not null references second_factor on delete cascade,
  hash    bytea not null,                            -- sha256 of 80 random bits
  used_at timestamptz,
  primary key (user_id, hash)
);

-- What a tenant ('*': the installation) asks of those who sign in with a password.
create table sign_in_rule (
  tenant_id     text primary key,
  second_factor boolean not null default false
);

alter table session
  add column via text not null default 'password' check (via in ('password', 'issuer')),
  add column agent text not null default '',         -- as the browser names itself
  add column provider_id text,
  add column hint bytea;                             -- envelope of the issuer's id token, which it wants to see when one signs out

alter table "user" add column email text check (email <> '');
create unique index user_email on "user" (lower(email)) where email is not null;

-- Issuers that people may sign in at.
create table sign_in_provider (
  provider_id text primary key check (provider_id ~ '^[a-z0-9][a-z0-9-]{0,62}$'),
  said        json not null,                         -- everything but the secret
  secret      bytea,                                 -- envelope; null: a client without one
  changed_at  timestamptz not null default clock_timestamp()
);

-- Who somebody is at an issuer. The subject never changes, an e-mail address may.
create table identity (
  issuer  text not null,
  subject text not null,
  user_id text not null references "user" on delete cascade,
  since   timestamptz not null default clock_timestamp(),
  primary key (issuer, subject)
);
create index identity_user on identity (user_id);

-- Beside who_has_session, which nodes of the version before go on asking.
-- `lacks`: tenants that want a second factor which this session does not have; an issuer has looked for itself.
create function who_is_in(token_hash bytea)
  returns table (user_id text, name text, home text, everywhere text, roles json, created_at timestamptz, seen_at timestamptz,
    expires_at timestamptz, via text, provider_id text, hint bytea, lacks text[])
  language sql stable security definer set search_path = public, pg_temp as $$
  select u.user_id, u.name, u.tenant_id, u.everywhere,
    (select json_object_agg(m.tenant_id, m.role) from membership m where m.user_id = u.user_id), s.created_at, s.seen_at, s.expires_at,
    s.via, s.provider_id, s.hint,
    case when s.via = 'issuer' or exists (select from second_factor f where f.user_id = u.user_id and f.confirmed_at is not null)
      then '{}'::text[]
      else array(
        select r.tenant_id
        from sign_in_rule r
        where r.second_factor and (r.tenant_id = '*' or u.everywhere is not null
          or exists (select from membership m where m.user_id = u.user_id and m.tenant_id = r.tenant_id))
        order by r.tenant_id)
    end
  from session s
  join "user" u on u.user_id = s.user_id
  where s.hash = token_hash and s.expires_at > clock_timestamp() and not u.disabled
$$;

create function who_has_second_factor(asked text) returns table (secret bytea, confirmed boolean)
  language sql stable security definer set search_path = public, pg_temp as $$
  select f.secret, f.confirmed_at is not null from second_factor f where f.user_id = asked
$$;

-- Buttons of the sign-in page, and what is needed to answer them, before anybody is known.
create function who_provides() returns table (provider_id text, said json, secret bytea)
  language sql stable security definer set search_path = public, pg_temp as $$
  select p.provider_id, p.said, p.secret from sign_in_provider p order by p.provider_id
$$;

create function who_has_email(asked text, besides text) returns boolean
  language sql stable security definer set search_path = public, pg_temp as $$
  select exists (select from "user" u where lower(u.email) = lower(asked) and u.user_id <> besides)
$$;
