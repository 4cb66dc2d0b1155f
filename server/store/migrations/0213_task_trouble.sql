-- Since when a long task is in trouble: the ladder's 72 hours (O5) count from here, not from when the task began.
alter table backfill add column trouble_at timestamptz;
alter table comparison add column trouble_at timestamptz;
alter table deletion_sweep add column trouble_at timestamptz;
