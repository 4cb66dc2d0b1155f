-- A doubted create (O2) may be repeated under its key: doubt_at is the last time it left, doubt_first the first, from which the target keeps the key.
alter table link add column doubt_first timestamptz;
update link set doubt_first = doubt_at where doubt_at is not null;
-- Which version of the source was refused: sent again without a newer one, it is the target that asks for it (D8).
alter table link add column refused_version bigint;
