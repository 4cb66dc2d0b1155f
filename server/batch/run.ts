/** Runs one batch, step by step: all rows get their verdict in one transaction, the good ones are stored in slices with their results, and the last slice ends the batch and makes its callback (C5, promise 24). */
import { parse } from 'lossless-json'
import type { RowFault } from '../../protocol/batch-codes.ts'
import type { Locale } from '../../protocol/codes.ts'
import { compact } from '../../protocol/scan.ts'
import { digest } from '../../protocol/standard.ts'
import { sourceTime } from '../../protocol/time.ts'
import type { Admitted, Arrival, Fields, Millis } from '../doc/document.ts'
import type { ObjectDef } from '../doc/object.ts'
import { textOf } from '../map/text.ts'
import { col, type Sql } from '../store/sql.ts'
import { isCollision, isStalePlan, isUnavailable } from '../store/trouble.ts'
import { checkBatch, type Stored, type Verdict } from './check.ts'
import type { Admit, BatchCatalog, BatchObject, Ended } from './deps.ts'
import { dataOf } from './result.ts'
import { type Rules, rulesOf } from './rules.ts'

export interface RunDeps {
  sql: Sql
  catalog: Pick<BatchCatalog, 'object'>
  admit: Admit
  /** Makes the callback, in the transaction that ends the batch. */
  ended(tx: Sql, ended: Ended): Promise<void>
}

export interface Claimed {
  tenant_id: string
  batch_id: number
  client_id: string
  path: string
  biz_id: string
  connection_id: string
  object: string
  locale: Locale
  url: string | null
  trace_id: string
  row_count: number
  checked: boolean
  attempts: number
  lease_token: number
}

const lease = 20
const slice = 200

/** The heads of their lines, so that one client's batches of one object run one after the other. */
export const claimBatches = (sql: Sql, limit: number): Promise<Claimed[]> => sql<Claimed>`
  with heads as materialized (
    select b.tenant_id, b.batch_id
    from batch b
    where b.state in ('waiting', 'running') and b.next_at <= clock_timestamp()
      and (b.lease_until is null or b.lease_until < clock_timestamp())
      and not exists (
        select from batch e
        where e.tenant_id = b.tenant_id and e.client_id = b.client_id and e.path = b.path
          and e.state in ('waiting', 'running') and e.line < b.line)
    order by b.next_at
    limit ${limit}
    for update skip locked)
  update batch b set
    state = 'running', lease_token = b.lease_token + 1, lease_until = clock_timestamp() + ${lease} * interval '1 second'
  from heads
  where b.tenant_id = heads.tenant_id and b.batch_id = heads.batch_id
  returning b.tenant_id, b.batch_id, b.client_id, b.path, b.biz_id, b.connection_id, b.object, b.locale, b.url, b.trace_id, b.row_count,
    b.checked, b.attempts, b.lease_token`

const known = new WeakMap<ObjectDef, Rules>()
const rulesFor = ({ def, zone }: BatchObject): Rules => {
  const made = known.get(def) ?? rulesOf(def, zone)
  known.set(def, made)
  return made
}

const storedIn = (
  tx: Sql,
  { tenant_id, connection_id }: Claimed,
  find: (object: string) => ObjectDef | undefined,
  own: ObjectDef,
): Stored => ({
  existing: async (object, codes) => {
    const code = find(object)?.code ?? object
    const rows = await tx<{ data_id: string }>`
      select d.data_id
      from unnest(${col.text(codes)}::text[]) as i (code)
      cross join lateral (
        select d.data_id from document d
        where d.tenant_id = ${tenant_id} and d.connection_id = ${connection_id} and d.object = ${code} and d.data_id = i.code
          and d.operation = 'upsert'
        limit 1) d`
    return new Set(rows.map((row) => row.data_id))
  },
  parents: async (fields, codes) => {
    const rows = await tx<{ data_id: string; master: string }>`
      select d.data_id, d.master
      from unnest(${col.text(codes)}::text[]) as i (code)
      cross join lateral (
        select d.data_id, d.master from document d
        where d.tenant_id = ${tenant_id} and d.connection_id = ${connection_id} and d.object = ${own.code} and d.data_id = i.code
          and d.operation = 'upsert'
        limit 1) d`
    return new Map(
      rows.map(({ data_id, master }) => {
        const values = parse(master) as Fields
        return [
          data_id,
          Object.fromEntries(
            fields.flatMap((field) => {
              const text = values[field] === undefined || values[field] === null ? undefined : textOf(values[field])
              return text ? [[field, text]] : []
            }),
          ),
        ]
      }),
    )
  },
})

const faults = (list: readonly RowFault[]): string | null => (list.length ? JSON.stringify(list) : null)

const writeVerdicts = (tx: Sql, { tenant_id, batch_id }: Claimed, verdicts: readonly Verdict[]): Promise<unknown> => tx`
  update batch_row r set
    key = i.key, code = i.code, turn = i.turn, outcome = i.outcome, errors = i.errors, warnings = i.warnings
  from unnest(
    ${col.text(verdicts.map((v) => v.key))}::text[], ${col.text(verdicts.map((v) => v.code?.slice(0, 256) ?? null))}::text[],
    ${col.int4(verdicts.map((v) => v.turn))}::int4[], ${col.text(verdicts.map((v) => v.outcome))}::text[],
    ${col.text(verdicts.map((v) => faults(v.errors)))}::text[], ${col.text(verdicts.map((v) => faults(v.warnings)))}::text[])
    with ordinality as i (key, code, turn, outcome, errors, warnings, row_no)
  where r.tenant_id = ${tenant_id} and r.batch_id = ${batch_id} and r.row_no = i.row_no`

const checkAll = async (tx: Sql, claimed: Claimed, object: BatchObject, catalog: RunDeps['catalog']): Promise<void> => {
  const { tenant_id, batch_id, connection_id } = claimed
  const rows = await tx<{ body: Buffer }>`
    select body
    from batch_row
    where tenant_id = ${tenant_id} and batch_id = ${batch_id}
    order by row_no`
  const find = (code: string) => catalog.object(tenant_id, connection_id, code)?.def
  const parsed: Fields[] = []
  for (const [i, { body }] of rows.entries()) {
    parsed.push(parse(body.toString()) as Fields)
    if (i % 500 === 499) await new Promise((resolve) => setImmediate(resolve))
  }
  const verdicts = await checkBatch(rulesFor(object), parsed, storedIn(tx, claimed, find, object.def))
  await writeVerdicts(tx, claimed, verdicts)
  await tx`
    update batch set
      checked = true,
      done_rows = ${verdicts.filter((v) => v.outcome !== null).length}
    where tenant_id = ${tenant_id} and batch_id = ${batch_id}`
}

interface Ready {
  row_no: number
  code: string
  body: Buffer
  warnings: string | null
}

const scalarIn = (values: Fields, field: string | undefined): string | null => {
  const value = field === undefined ? undefined : values[field]
  if (value === undefined || value === null || typeof value === 'boolean' || Array.isArray(value)) return null
  return textOf(value) || null
}

const arrivalOf = (claimed: Claimed, { def, zone }: BatchObject, { code, body }: Ready): Arrival => {
  const values = def.modifiedField || def.externalIdField ? (parse(body.toString()) as Fields) : {}
  const modified = scalarIn(values, def.modifiedField)
  const field = def.fields.find((one) => one.code === def.modifiedField)
  return {
    tenant_id: claimed.tenant_id,
    connection_id: claimed.connection_id,
    object: def.code,
    data_id: code,
    operation: 'upsert',
    channel: 'batch',
    trace_id: claimed.trace_id,
    raw: body,
    master: body,
    details: null,
    detailsComplete: def.details.length === 0,
    masterHash: digest(compact(body)),
    detailsHash: null,
    source_time: modified === null ? null : sourceTime(modified, field?.format, field?.zone ?? zone),
    external_id: scalarIn(values, def.externalIdField),
    version: null,
    meta: JSON.stringify({ batch: claimed.biz_id, client: claimed.client_id }),
  }
}

type Put = Extract<Admitted, { version: number }>['kind'] | 'failed'

/** A row that the database refuses must not take its neighbours along: halve until it stands alone. */
const put = async (tx: Sql, admit: Admit, rows: readonly Arrival[], told: (error: unknown) => void): Promise<Put[]> => {
  try {
    const admitted = await tx.begin((inner) => admit(inner, rows))
    return admitted.map((one): Put => (one.kind === 'repeated' || one.kind === 'reread' ? 'superseded' : one.kind))
  } catch (error) {
    if (isCollision(error) || isStalePlan(error) || isUnavailable(error)) throw error
    if (rows.length === 1) {
      told(error)
      return ['failed']
    }
    const middle = rows.length >> 1
    return [...(await put(tx, admit, rows.slice(0, middle), told)), ...(await put(tx, admit, rows.slice(middle), told))]
  }
}

const added = (warnings: string | null, fault: RowFault): string =>
  JSON.stringify([...(warnings === null ? [] : (JSON.parse(warnings) as RowFault[])), fault])

/** Stores the next rows; answers them, for the wake-up after the commit. */
const storeSlice = async (
  tx: Sql,
  deps: RunDeps,
  claimed: Claimed,
  object: BatchObject,
  told: (error: unknown) => void,
): Promise<Arrival[]> => {
  const { tenant_id, batch_id } = claimed
  const ready = await tx<Ready>`
    select row_no, code, body, warnings
    from batch_row
    where tenant_id = ${tenant_id} and batch_id = ${batch_id} and outcome is null
    order by turn
    limit ${slice}`
  if (!ready.length) return []
  const arrivals = ready.map((row) => arrivalOf(claimed, object, row))
  const outcomes = await put(tx, deps.admit, arrivals, told)
  const key = object.def.idField
  await tx`
    update batch_row r set
      outcome = i.outcome, errors = coalesce(i.errors, r.errors), warnings = i.warnings,
      body = case when i.outcome = 'failed' then r.body end
    from unnest(
      ${col.int4(ready.map((row) => row.row_no))}::int4[], ${col.text(outcomes)}::text[],
      ${col.text(ready.map(({ code }, i) => (outcomes[i] === 'failed' ? faults([{ reason: 'store', field: key, value: code }]) : null)))}::text[],
      ${col.text(ready.map(({ code, warnings }, i) => (outcomes[i] === 'superseded' ? added(warnings, { reason: 'newer', field: key, value: code }) : warnings)))}::text[])
      as i (row_no, outcome, errors, warnings)
    where r.tenant_id = ${tenant_id} and r.batch_id = ${batch_id} and r.row_no = i.row_no`
  return arrivals
}

const end = async (
  tx: Sql,
  deps: RunDeps,
  claimed: Claimed,
  object: BatchObject | undefined,
  failed: string | null,
): Promise<void> => {
  const { tenant_id, batch_id, locale } = claimed
  if (failed === null) {
    const { data, counts } = await dataOf(tx, tenant_id, batch_id, object?.def, locale)
    await tx`
      update batch set
        state = 'done', result = ${data}, ended_at = clock_timestamp(), lease_until = null, fault = null, done_rows = row_count,
        created_count = ${counts.created}, updated_count = ${counts.updated}, failed_count = ${counts.failed}
      where tenant_id = ${tenant_id} and batch_id = ${batch_id}`
    await tell(tx, deps, claimed, data)
  } else {
    await tx`
      update batch set
        state = 'failed', ended_at = clock_timestamp(), lease_until = null, fault = ${failed}
      where tenant_id = ${tenant_id} and batch_id = ${batch_id}`
    await tell(tx, deps, claimed, null)
  }
}

const tell = async (tx: Sql, deps: RunDeps, claimed: Claimed, data: string | null): Promise<void> => {
  const { tenant_id: tenantId, client_id: clientId, batch_id: batchId, biz_id: bizId, locale, url } = claimed
  if (url !== null) await deps.ended(tx, { tenantId, clientId, batchId, bizId, url, locale, data })
}

/** Under the claim's token, or not at all: another has taken over. */
const held = async (
  tx: Sql,
  { tenant_id, batch_id, lease_token }: Claimed,
): Promise<{ checked: boolean } | undefined> => {
  const [row] = await tx<{ checked: boolean }>`
    update batch set lease_until = clock_timestamp() + ${lease} * interval '1 second'
    where tenant_id = ${tenant_id} and batch_id = ${batch_id} and lease_token = ${lease_token} and state = 'running'
    returning checked`
  return row
}

export interface Stepped {
  kind: 'more' | 'ended' | 'lost'
  stored: Arrival[]
}

/** One transaction of a claimed batch. A short batch takes only one. */
export const step = (deps: RunDeps, claimed: Claimed, told: (error: unknown) => void): Promise<Stepped> =>
  deps.sql.retrying(async (tx): Promise<Stepped> => {
    const state = await held(tx, claimed)
    if (!state) return { kind: 'lost', stored: [] }
    const object = deps.catalog.object(claimed.tenant_id, claimed.connection_id, claimed.object)
    if (!object) throw new Error(`object ${claimed.connection_id}/${claimed.object} is not declared any more`)
    if (!state.checked) {
      await checkAll(tx, claimed, object, deps.catalog)
      if (claimed.row_count > slice) return { kind: 'more', stored: [] }
    }
    const stored = await storeSlice(tx, deps, claimed, object, told)
    await tx`
      update batch set done_rows = done_rows + ${stored.length}
      where tenant_id = ${claimed.tenant_id} and batch_id = ${claimed.batch_id}`
    const [left] = await tx`
      select 1 as one from batch_row
      where tenant_id = ${claimed.tenant_id} and batch_id = ${claimed.batch_id} and outcome is null
      limit 1`
    if (left) return { kind: 'more', stored }
    await end(tx, deps, claimed, object, null)
    return { kind: 'ended', stored }
  })

const second: Millis = 1_000
/** Some 43 minutes; then the batch is failed and its sender told so. */
const ladder: readonly Millis[] = [second, 5 * second, 30 * second, 120 * second, 600 * second, 1_800 * second]

/** A step threw: the batch waits, or is given up. A database that is away costs it no try. */
export const trouble = (
  deps: RunDeps,
  claimed: Claimed,
  error: unknown,
  random: number,
): Promise<'ended' | 'waits' | 'lost'> =>
  deps.sql.retrying(async (tx) => {
    if (!(await held(tx, claimed))) return 'lost'
    const said = (error instanceof Error ? error.message : String(error)).slice(0, 500)
    const [row] = await tx<{ attempts: number }>`
      update batch set attempts = attempts + ${isUnavailable(error) ? 0 : 1}, fault = ${said}
      where tenant_id = ${claimed.tenant_id} and batch_id = ${claimed.batch_id}
      returning attempts`
    const attempts = row?.attempts ?? 0
    const pause = ladder[Math.max(0, attempts - 1)]
    if (pause === undefined) {
      await end(tx, deps, claimed, undefined, said)
      return 'ended'
    }
    await tx`
      update batch set
        state = 'waiting', lease_until = null, next_at = clock_timestamp() + ${pause * (0.75 + random / 2)} * interval '1 millisecond'
      where tenant_id = ${claimed.tenant_id} and batch_id = ${claimed.batch_id}`
    return 'waits'
  })
