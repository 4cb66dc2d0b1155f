-- What arrives and does not fit its declaration, and options that are not listed: counted per flow, field and option.
create table drift (
  tenant_id  text not null,
  pair_id    text not null,
  from_side  text not null check (from_side in ('left', 'right')),
  kind       text not null check (kind in ('unknown', 'missing', 'type', 'option', 'unmapped')),
  field      text not null,
  value      text not null default '',                -- the option; '' where only the field counts
  sample     text,                                    -- what stood there last
  record     text not null,                           -- the record it stood in
  count      bigint not null,
  first_at   timestamptz not null,
  last_at    timestamptz not null,
  primary key (tenant_id, pair_id, from_side, kind, field, value)
);
create index drift_old on drift (last_at);

-- What a task found, where it is more than how far it came.
alter table task add column result json;
-- Kinds of tasks are the program's own list; a database that knew them all would have to be told of each.
alter table task drop constraint if exists task_kind_check;
alter table task add constraint task_kind_check check (kind ~ '^[A-Za-z]{1,40}$');
