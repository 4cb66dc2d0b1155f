-- How far a person is on the guided first run of the console, and whether he put it away; absent: he has not begun.
alter table preference add column guide jsonb check (jsonb_typeof(guide) = 'object');
