/** What a target offers for recognising earlier creates, changed by itself: the sandbox's mode switch. */
import type { Recognise } from '../doc/flow.ts'
import type { Sql } from '../store/sql.ts'
import { announce } from './save.ts'

export const setRecognise = (
  sql: Sql,
  tenantId: string,
  connectionId: string,
  recognise: Recognise,
): Promise<boolean> =>
  sql.retrying(async (tx) => {
    const changed = await tx.affected`
      update connection
      set definition = jsonb_set(definition::jsonb, '{recognise}', to_jsonb(${recognise}::text))::json, revision = revision + 1
      where tenant_id = ${tenantId} and connection_id = ${connectionId} and definition->>'recognise' is distinct from ${recognise}`
    if (changed) await announce(tx, tenantId)
    return changed > 0
  })
