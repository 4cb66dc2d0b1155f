-- A record whose events come in a burst is read at once and then now and then: a wish that came while it was being read waits as well.
alter table "fetch" add column not_before timestamptz;
