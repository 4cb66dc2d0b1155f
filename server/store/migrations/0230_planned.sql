-- What begins by itself: reconciliations and deletion sweeps that the configuration has a schedule for. Whoever locks a row that is due begins it.
create table planned (
  tenant_id text not null references tenant on delete cascade,
  kind      text not null check (kind in ('reconcile', 'sweep')),
  name      text not null,                            -- as people name it: 'material leftToRight', 'erp/BD_Material'
  said      text not null,                            -- the schedule that next_at was computed from; another one computes it anew
  next_at   timestamptz not null,
  began_at  timestamptz,                              -- the last one …
  task_id   text,                                     -- … and which task it is
  primary key (tenant_id, kind, name)
) with (fillfactor = 70);

alter table comparison
  add column scheduled boolean not null default false,
  add column repair text[] not null default '{}' check (repair <@ array['onlySource', 'different']),   -- sent again once it was read to its end
  add column repair_most integer not null default 1000 check (repair_most > 0),
  add column counts json;                             -- with its success: {onlySource, onlyTarget, different, unclear, repaired}
create index comparison_scheduled on comparison (tenant_id, pair_id, from_side, created_at desc) where scheduled;

alter table deletion_sweep add column scheduled boolean not null default false;
