/** Names the records of a link. */
import type { RecordKey, Side } from '../doc/document.ts'
import type { Pair } from '../doc/flow.ts'
import type { LinkRow } from './link.ts'

/** The record of one side; only where its id is known. */
export const keyOf = (link: LinkRow, pair: Pair, side: Side): RecordKey => {
  const id = link[`${side}_id`]
  if (id === null) throw new Error(`the link has no ${side} id`)
  return {
    tenant_id: link.tenant_id,
    connection_id: pair.def[side].connectionId,
    object: pair.def[side].object,
    data_id: id,
  }
}
