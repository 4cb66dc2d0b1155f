-- Whether another record's row is on its way with a code: asked before a row is queued that makes a record.
create index out_batch_row_code on out_batch_row (tenant_id, connection_id, object, code) where state in ('queued', 'packed');
