/** What is told of a batch: read from the results that its rows were stored with, never computed again. */
import { type BatchOutcome, batchData } from '../../protocol/batch.ts'
import { type RowFault, rowSentence } from '../../protocol/batch-codes.ts'
import type { Locale } from '../../protocol/codes.ts'
import type { ObjectDef } from '../doc/object.ts'
import type { Sql } from '../store/sql.ts'

/** What people call a field in that language. */
export const calledIn = (def: ObjectDef | undefined, code: string, locale: Locale): string => {
  const field = def?.fields.find((one) => one.code === code)
  return field?.names?.[locale] ?? field?.name ?? code
}

export const faultsOf = (text: string | null): RowFault[] => (text === null ? [] : (JSON.parse(text) as RowFault[]))

export const sentencesOf = (faults: readonly RowFault[], def: ObjectDef | undefined, locale: Locale): string[] =>
  faults.map((fault) => rowSentence(fault, locale, calledIn(def, fault.field, locale)))

interface Counts {
  created: number
  updated: number
  failed: number
}

/** Unchanged and superseded rows count as updated: their sender's wish is fulfilled. An overtaken row counts as the row that overtook it. */
const readCounts = async (sql: Sql, tenantId: string, batchId: number): Promise<Counts> => {
  const [row] = await sql<Counts>`
    select
      (count(*) filter (where outcome = 'created'))::int4 as created,
      (count(*) filter (where outcome in ('updated', 'unchanged', 'superseded')))::int4 as updated,
      (count(*) filter (where outcome in ('rejected', 'failed')))::int4 as failed
    from batch_row
    where tenant_id = ${tenantId} and batch_id = ${batchId}`
  return row as Counts
}

export const outcomeOf = async (
  sql: Sql,
  tenantId: string,
  batchId: number,
  def: ObjectDef | undefined,
  locale: Locale,
): Promise<BatchOutcome> => {
  const rows = await sql<{ key: string; outcome: string | null; errors: string | null; warnings: string | null }>`
    select key, outcome, errors, warnings
    from batch_row
    where tenant_id = ${tenantId} and batch_id = ${batchId} and (errors is not null or warnings is not null) and key is not null
    order by row_no`
  const say = (text: string | null) => sentencesOf(faultsOf(text), def, locale)
  return {
    ...(await readCounts(sql, tenantId, batchId)),
    validatorErrors: rows.flatMap((row): [string, string[]][] =>
      row.outcome === 'rejected' ? [[row.key, say(row.errors)]] : [],
    ),
    warnings: rows.flatMap((row): [string, string[]][] =>
      row.warnings !== null && row.outcome !== 'rejected' ? [[row.key, say(row.warnings)]] : [],
    ),
    dbErrors: rows.flatMap((row) =>
      row.outcome === 'failed' ? [{ row: row.key, code: 'store', message: say(row.errors).join(' ') }] : [],
    ),
  }
}

export const dataOf = async (...of: Parameters<typeof outcomeOf>): Promise<{ data: string; counts: Counts }> => {
  const outcome = await outcomeOf(...of)
  return { data: JSON.stringify(batchData(outcome, of[4])), counts: outcome }
}
