-- The tables that carry the weight: what came in, what it says now, and how each pair of records stands (architecture.md, convergence.md).

create sequence arrival_seq cache 32;
-- Every version of the house comes from here: documents, readings before their request, settles (A1). cache 1: order across sessions matters.
create sequence version_seq cache 1;
create sequence link_seq cache 32;
create sequence attempt_seq cache 32;

-- ── configuration ────────────────────────────────────────────────────────────────────────────────────────────────────────────────────
create table tenant (
  tenant_id       text primary key,
  name            text not null default '',
  zone            text not null default 'Asia/Shanghai',
  config_revision bigint not null default 1,
  created_at      timestamptz not null default clock_timestamp()
);

create table connection (
  tenant_id     text not null references tenant,
  connection_id text not null,
  kind          text not null check (kind in ('standard', 'fxiaoke', 'masterdata-batch')),
  role          text not null check (role in ('erp', 'crm')),
  definition    json not null,
  secrets       bytea,                               -- AES-256-GCM envelope; the key lives outside the database
  revision      bigint not null default 1,
  primary key (tenant_id, connection_id)
);

create table object (
  tenant_id     text not null,
  connection_id text not null,
  code          text not null,
  api_name      text not null,
  definition    json not null,
  revision      bigint not null default 1,
  primary key (tenant_id, connection_id, code),
  unique (tenant_id, connection_id, api_name),
  foreign key (tenant_id, connection_id) references connection
);

create table pair (
  tenant_id        text not null references tenant,
  pair_id          text not null,
  left_connection  text not null,
  left_object      text not null,
  right_connection text not null,
  right_object     text not null,
  definition       json not null,
  staging          boolean not null default true,    -- some flow of the pair is not disabled: documents touch links (A3)
  held             boolean not null default false,   -- some flow of the pair is paused: new links are held
  revision         bigint not null default 1,
  primary key (tenant_id, pair_id),
  foreign key (tenant_id, left_connection, left_object) references object,
  foreign key (tenant_id, right_connection, right_object) references object
);
create index pair_left on pair (tenant_id, left_connection, left_object);
create index pair_right on pair (tenant_id, right_connection, right_object);

create table flow (
  tenant_id      text not null,
  pair_id        text not null,
  from_side      text not null check (from_side in ('left', 'right')),
  state          text not null check (state in ('enabled', 'paused', 'disabled')),
  definition     json not null,
  revision       bigint not null default 1,
  -- What publishing, enabling, pausing and disabling ask of the agents of converge; null = nothing to do ("Flows that stop").
  sweep          text check (sweep in ('enable', 'disable', 'pause', 'resume', 'publish')),
  sweep_option   text,                                -- startFrom of an enabling, onPublish of a publishing
  sweep_xid      xid8,                                -- the transaction that asked: the sweep waits until all older ones have ended (A4)
  sweep_after    text,                                -- last key swept; the sweep goes on from here after a crash
  sweep_done     bigint not null default 0,
  sweep_total    bigint,
  changed_at     timestamptz not null default clock_timestamp(),
  primary key (tenant_id, pair_id, from_side),
  foreign key (tenant_id, pair_id) references pair
);

create table credential (
  tenant_id     text not null references tenant,
  credential_id text not null,
  kind          text not null check (kind in ('push-token', 'hook', 'batch-client')),
  name          text not null default '',
  hash          bytea,                               -- sha256 of the secret; looked up, never shown
  secrets       bytea,                               -- envelope, where the secret itself is needed again (salts)
  definition    json not null default '{}',
  expires_at    timestamptz,
  primary key (tenant_id, kind, credential_id)
);
create index credential_hash on credential (kind, hash);

-- ── the road ─────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────
create table arrival (
  seq           bigint not null,
  received_at   timestamptz not null default clock_timestamp(),
  tenant_id     text not null,
  connection_id text not null,
  object        text not null,
  data_id       text not null,
  operation     text not null check (operation in ('upsert', 'void', 'hint')),
  channel       text not null check (channel in ('push', 'event', 'poll', 'fetch', 'batch')),
  trace_id      text not null,
  outcome       text not null,
  meta          text,
  body          bytea
) partition by range (received_at);
create index arrival_record on arrival (tenant_id, connection_id, object, data_id, seq);
create index arrival_trace on arrival (tenant_id, trace_id);

create table document (
  tenant_id     text not null,
  connection_id text not null,
  object        text not null,
  data_id       text not null,
  version       bigint not null,
  decode_rev    integer not null default 0,
  operation     text not null check (operation in ('upsert', 'void')),
  master_hash   bytea not null,
  details_hash  bytea,                               -- null: no sender ever spoke of details
  previous_hash bytea,                               -- content hash before the last write: tells 'unchanged' exactly, also under concurrency
  source_time   timestamptz,
  external_id   text,                                -- the other side's id that the record carries (D5)
  master        text not null,                       -- JSON as it came; text and not jsonb, which would change numbers
  details       text,
  field_versions json,                               -- partial merges only (A2): version per field and per detail
  primary key (tenant_id, connection_id, object, data_id)
) with (fillfactor = 80);
create index document_external on document (tenant_id, connection_id, object, external_id) where external_id is not null;

create table link (
  tenant_id            text not null,
  pair_id              text not null,
  link_id              bigint not null,
  left_id              text,
  right_id             text,
  detail_ids           json,                         -- {left: {detail: {row: row}}, right: …} as each flow learnt them
  first_arrival_at     timestamptz not null,
  told                 bytea,                        -- content hash last told to this row ('' = void): what `on conflict` compares with the agreed hash (A3)
  told_seq             bigint,                       -- the arrival that told it
  left_version         bigint not null default 0,
  right_version        bigint not null default 0,
  left_agreed_version  bigint not null default 0,
  left_agreed_hash     bytea,                        -- hash of the document the agreement was made with: "equal" at the door (A3)
  left_agreed_print    bytea,                        -- which value each field had: "changed" in decide (D2)
  right_agreed_version bigint not null default 0,
  right_agreed_hash    bytea,
  right_agreed_print   bytea,
  generation           bigint not null default 1,
  settled              bigint not null default 0,
  asked_generation     bigint not null default 0,
  asked_side           text check (asked_side in ('left', 'right')),
  state                text not null check (state in ('idle', 'due', 'working', 'unknown', 'waiting', 'parked')),
  reason               text,                         -- idle: why there is nothing to do; parked: data | config | unknown | loop | max | conflict
  held                 boolean not null default false,
  target_connection    text not null,
  next_at              timestamptz not null default clock_timestamp(),
  attempts             integer not null default 0,
  since                timestamptz,                  -- start of the trouble (O5)
  wait_kind            text check (wait_kind in ('reference', 'create', 'cycle')),
  wait_on              text[],
  wait_until           timestamptz,
  wait_step            integer not null default 0,
  fault                text,
  lease_token          bigint not null default 0,
  lease_until          timestamptz,
  sent_at              timestamptz,
  sent_call            text check (sent_call in ('create', 'update', 'void')),
  sent_side            text check (sent_side in ('left', 'right')),
  sent_generation      bigint,
  sent_left_version    bigint,
  sent_right_version   bigint,
  sent_hash            bytea,                        -- hash of the source document that was sent
  sent_print           bytea,                        -- print of what was sent, over the target's fields
  sent_source_print    bytea,                        -- print of what was read at decide, over the source's fields
  sent_rows            json,                         -- source row keys in the order sent, by target detail
  sent_later           json,                         -- references left out, to be filled once they are mapped (D6)
  sent_seen            bigint[],                     -- arrivals of the target's record while the call was unresolved (A3, R3)
  later_side           text check (later_side in ('left', 'right')), -- whose record was sent without a reference that is still to be filled (D6)
  first_mark           timestamptz,                  -- first mark of the open create, kept over resolves and repeats (D5)
  last_mark            timestamptz,
  idem_key             text,
  unbound_rows         boolean not null default false,
  match_key            text,
  doubt_at             timestamptz,                  -- a create refused with a code that does not prove it: the re-run recognises first (O2)
  doubt_key            text,
  declared_id          text,                         -- a person says which record an unanswered create made (R2)
  voided_at            timestamptz,
  flips                integer not null default 0,
  flips_since          timestamptz,
  last_side            text check (last_side in ('left', 'right')),
  last_call_at         timestamptz,
  primary key (tenant_id, pair_id, link_id),
  constraint i1_settled check (settled <= generation and asked_generation <= generation),
  constraint i1_left check (left_agreed_version <= left_version),
  constraint i1_right check (right_agreed_version <= right_version),
  constraint i2_idle check (state <> 'idle' or settled = generation),
  constraint i3_sent check (sent_at is null or state in ('working', 'unknown') or (state = 'parked' and reason in ('unknown', 'conflict'))),
  constraint i3_unknown check (state <> 'unknown' or sent_at is not null),
  constraint i3_whole check ((sent_at is null) = (sent_call is null) and (sent_at is null) = (sent_side is null) and (sent_at is null) = (sent_generation is null)),
  constraint i5_lease check ((state = 'working') = (lease_until is not null)),
  constraint i6_some_id check (left_id is not null or right_id is not null),
  constraint i7_left check (not (sent_call = 'create' and sent_side = 'left' and left_id is not null)),
  constraint i7_right check (not (sent_call = 'create' and sent_side = 'right' and right_id is not null)),
  constraint waits check ((state = 'waiting') = (wait_kind is not null)),
  constraint parked_why check (state <> 'parked' or reason in ('data', 'config', 'unknown', 'loop', 'max', 'conflict'))
) with (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_cost_delay = 0);
create unique index link_left on link (tenant_id, pair_id, left_id) where left_id is not null;
create unique index link_right on link (tenant_id, pair_id, right_id) where right_id is not null;
-- The claim's index: per target, oldest first; what is held is not in it, save what must be resolved.
create index link_due on link (tenant_id, target_connection, next_at) where state in ('due', 'unknown') and (not held or state = 'unknown');
create index link_lease on link (lease_until) where state = 'working';
create index link_waiting on link (next_at) where state = 'waiting';
create index link_wait_on on link using gin (wait_on) with (fastupdate = off) where state = 'waiting';
create index link_open_create on link (tenant_id, pair_id, sent_side, first_mark) where first_mark is not null;
create unique index link_match on link (tenant_id, pair_id, target_connection, match_key) where match_key is not null and sent_call = 'create';
create index link_trouble on link (tenant_id, state, since) where state in ('parked', 'unknown', 'waiting');

create table attempt (
  attempt_id  bigint not null,
  started_at  timestamptz not null,
  tenant_id   text not null,
  pair_id     text not null,
  link_id     bigint not null,
  target_connection text not null,
  call        text not null,
  lease_token bigint not null,
  trace_id    text not null,
  idem_key    text,
  request     bytea,
  finished_at timestamptz,
  outcome     text,                                  -- null: marked, nothing heard yet
  status      integer,
  answer      text,
  fault       text,
  ms          integer
) partition by range (started_at);
create index attempt_link on attempt (tenant_id, pair_id, link_id, attempt_id);
create index attempt_trace on attempt (tenant_id, trace_id);

-- Arrivals that need a reader or a function (issue "Any format in"); the decoder deletes under its token.
-- What a document says at the door: equality of these bytes is equality of content; a void says nothing.
create function content_hash(operation text, master_hash bytea, details_hash bytea) returns bytea
  language sql immutable parallel safe as $$ select case when operation = 'void' then ''::bytea else master_hash || coalesce(details_hash, '') end $$;

create table decode (
  seq           bigint primary key,
  received_at   timestamptz not null,
  tenant_id     text not null,
  connection_id text not null,
  object        text not null,
  attempts      integer not null default 0,
  next_at       timestamptz not null default clock_timestamp(),
  lease_token   bigint not null default 0,
  fault         text
);

-- Records to be read by id; deleted only where wanted_seq is the one that was read (A2).
create table "fetch" (
  tenant_id     text not null,
  connection_id text not null,
  object        text not null,
  data_id       text not null,
  wanted_seq    bigint not null,
  cause         text not null,
  trace_id      text not null,
  first_at      timestamptz not null default clock_timestamp(),
  attempts      integer not null default 0,
  next_at       timestamptz not null default clock_timestamp(),
  lease_token   bigint not null default 0,
  lease_until   timestamptz,
  gone_since    timestamptz,
  state         text not null default 'due' check (state in ('due', 'failed', 'gone')),
  fault         text,
  primary key (tenant_id, connection_id, object, data_id)
) with (fillfactor = 80);
create index fetch_due on "fetch" (tenant_id, connection_id, next_at) where state = 'due';

create table push_key (
  tenant_id    text not null,
  token_id     text not null,
  key          text not null,
  request_hash bytea not null,
  answer       text not null,
  expires_at   timestamptz not null,
  primary key (tenant_id, token_id, key)
);
create index push_key_expiry on push_key (expires_at);

-- Day partitions are made ahead by the pruner; a missing one is made on demand, never an error at midnight.
create function make_partitions(day date) returns void language plpgsql security definer set search_path = public, pg_temp as $$
declare
  parent text;
  child text;
begin
  foreach parent in array array['arrival', 'attempt'] loop
    child := parent || '_' || to_char(day, 'YYYYMMDD');
    if to_regclass('public.' || child) is null then
      begin
        execute format('create table %I partition of %I for values from (%L) to (%L)', child, parent, day::timestamptz, (day + 1)::timestamptz);
      exception when duplicate_table or invalid_object_definition then null;
      end;
    end if;
  end loop;
end $$;
-- Bounds are in UTC whatever the session's zone: the function is called with `set timezone` to UTC by its owner.
alter function make_partitions(date) set timezone = 'UTC';
select make_partitions((now() at time zone 'UTC')::date + d) from generate_series(-1, 7) d;
-- A row whose day has no partition yet lands here rather than fail.
create table arrival_default partition of arrival default;
create table attempt_default partition of attempt default;
