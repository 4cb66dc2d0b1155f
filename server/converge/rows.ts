/** Which detail row of one side is which of the other, kept in both directions as each flow needs it. */
import type { Document, Side } from '../doc/document.ts'
import { opposite } from '../doc/document.ts'
import type { Outgoing, Pair } from '../doc/flow.ts'
import type { DetailIds, RowIds } from '../doc/outcome.ts'
import { rowsOf } from '../map/apply.ts'
import { compiledOf } from '../map/compiled.ts'
import { bindPart, bindRows, rowIdsToDetailIds } from '../map/rows.ts'
import type { LinkRow } from './link.ts'

/** The row ids of both directions after a call from `from` was answered with `rowIds`. */
export const detailIdsOf = (
  pair: Pair,
  from: Side,
  outgoing: Outgoing,
  rowIds: RowIds,
  before: LinkRow['detail_ids'],
): LinkRow['detail_ids'] => {
  const plan = pair.plans[from]
  const back = pair.plans[opposite(from)]
  if (!plan?.def.mapping.details.length) return before
  const mine = rowIdsToDetailIds(plan, outgoing, rowIds, before[from] ?? {})
  const after: LinkRow['detail_ids'] = { ...before, [from]: mine }
  if (!back) return after
  const theirs: DetailIds = { ...before[opposite(from)] }
  for (const rule of plan.def.mapping.details) {
    const rows = mine[rule.from]
    const backRule = back.def.mapping.details.find((r) => r.from === rule.to)
    if (rows && backRule)
      theirs[backRule.from] = Object.fromEntries(Object.entries(rows).map(([source, target]) => [target, source]))
  }
  return { ...after, [opposite(from)]: theirs }
}

/** Binds the rows of an earlier call by what the target shows now (R2, R3). */
export const bindRowsOf = (pair: Pair, from: Side, outgoing: Outgoing, shown: Document): RowIds | 'ambiguous' => {
  const plan = pair.plans[from]
  return plan ? bindRows(plan, outgoing, shown) : {}
}

/** The rows that are there of a document that was partly written; null where it is whole, or has rows that we cannot name (promise 18). */
export const boundPartOf = (pair: Pair, from: Side, outgoing: Outgoing, shown: Document): RowIds | null => {
  const plan = pair.plans[from]
  return plan ? bindPart(plan, outgoing, shown) : null
}

/**
 * True when the target shows rows that we cannot name: an earlier call may have added them. False: none of its rows is there, and
 * sending them again adds nothing twice (R3).
 */
export const showsStrangers = (pair: Pair, from: Side, shown: Document, known: LinkRow['detail_ids']): boolean => {
  const plan = pair.plans[from]
  if (!plan) return false
  const mine = known[from] ?? {}
  return compiledOf(plan).mapping.details.some((detail) => {
    const named = new Set(Object.values(mine[detail.from] ?? {}))
    return (rowsOf({}, shown.content.detailFieldVals, detail.to) ?? []).some((row) => {
      const id =
        typeof row === 'object' && row !== null && !Array.isArray(row) ? detail.targetId?.(row as never) : undefined
      return id === undefined || !named.has(id)
    })
  })
}
