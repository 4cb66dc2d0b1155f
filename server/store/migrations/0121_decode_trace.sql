-- The journey of a push shows what became of its decoding.
create index decode_trace on decode (tenant_id, trace_id);
