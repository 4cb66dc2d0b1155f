-- For how many days a tenant's bodies are shown: it may hide them earlier than the installation drops them. Null: as long as they are kept.
alter table tenant add column body_days integer check (body_days between 0 and 3650);
