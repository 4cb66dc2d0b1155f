/** Batches and their callbacks at the terminal: `mortise records --batches`, `mortise retry --callback <batch>`. */
import { listBatches } from '../batch/read.ts'
import { type Callback, type BatchRoutesDeps } from '../batch/routes.ts'
import { askFor, canBeAsked, listOutBatches, readOutBatch, readOutLanes } from '../dispatch/list.ts'
import { deliveriesOf, sendAgain, triesOf } from '../deliver/deliveries.ts'
import type { Sql } from '../store/sql.ts'
import { type Command, Done, exitCodes } from './command.ts'
import { ago, table } from './table.ts'

/** How a batch is called where its callback is kept. */
export const subjectOf = (batchId: number): string => `batch/${batchId}`

export const callbacksIn: Omit<BatchRoutesDeps['callbacks'], 'woke'> = {
  of: async (sql, tenantId, batchIds) => {
    const rows = await deliveriesOf(sql, tenantId, batchIds.map(subjectOf))
    return new Map(
      rows.map(
        ({ deliveryId, subject, url, state, attempts, nextAt, deliveredAt, status, said }): [number, Callback] => [
          Number(subject.slice('batch/'.length)),
          { id: deliveryId, url, state, attempts, nextAt, deliveredAt, status, said },
        ],
      ),
    )
  },
  tries: triesOf,
  again: (sql, tenantId, batchId) => sendAgain(sql, tenantId, subjectOf(batchId)),
}

const tenantsOf = async (sql: Sql, tenantId: string | undefined): Promise<string[]> => {
  if (tenantId !== undefined) return [tenantId]
  const rows = await sql<{ tenant_id: string }>`select tenant_id from tenant order by tenant_id`
  return rows.map((row) => row.tenant_id)
}

export const showBatches = async (
  command: Command,
  sql: Sql,
  tenantId: string | undefined,
  limit: number,
): Promise<void> => {
  const shown: Record<string, unknown>[] = []
  const lines: (string | number)[][] = []
  for (const tenant of await tenantsOf(sql, tenantId)) {
    const rows = await listBatches(sql, tenant, { clientId: null, path: null, state: null, before: null, limit })
    const told = await callbacksIn.of(
      sql,
      tenant,
      rows.map((row) => row.batchId),
    )
    for (const row of rows) {
      const callback = told.get(row.batchId) ?? null
      shown.push({ tenant, ...row, callback })
      lines.push([
        row.batchId,
        tenant,
        row.clientId,
        row.path,
        row.bizId,
        row.state,
        row.rows,
        row.done,
        row.created ?? '-',
        row.updated ?? '-',
        row.failed ?? '-',
        ago(Date.now() - row.receivedAt),
        callback ? `${callback.state}, ${callback.attempts} tries` : '-',
      ])
    }
  }
  if (command.asJson) command.json({ items: shown })
  else
    command.say(
      lines.length
        ? table(
            [
              'batch',
              'tenant',
              'client',
              'path',
              'bizId',
              'state',
              'rows',
              'done',
              'created',
              'updated',
              'failed',
              'age',
              'callback',
            ],
            lines,
            command.outside.width,
          )
        : 'No batch has come in.',
    )
}

/** What went out, and what waits to. */
export const showOutBatches = async (
  command: Command,
  sql: Sql,
  tenantId: string | undefined,
  limit: number,
): Promise<void> => {
  const shown: Record<string, unknown>[] = []
  const waiting: Record<string, unknown>[] = []
  const lines: (string | number)[][] = []
  for (const tenant of await tenantsOf(sql, tenantId)) {
    for (const one of await readOutLanes(sql, tenant)) waiting.push({ tenant, ...one })
    for (const row of await listOutBatches(sql, tenant, { connectionId: null, state: null, before: null, limit })) {
      shown.push({ tenant, ...row })
      lines.push([
        row.batchId,
        tenant,
        row.connectionId,
        row.path,
        row.bizId,
        row.state,
        row.rows,
        row.applied ?? '-',
        row.refused ?? '-',
        row.posts,
        row.toldBy ?? '-',
        row.callbackAt !== null ? 'came' : row.callbacksRefused > 0 ? `${row.callbacksRefused} not proved` : '-',
        ago(Date.now() - row.madeAt),
      ])
    }
  }
  if (command.asJson) return command.json({ items: shown, waiting })
  for (const { tenant, connectionId, object, queued, oldestMs } of waiting)
    command.say(`${tenant}/${connectionId}: ${queued} rows of ${object} wait, the oldest for ${ago(Number(oldestMs))}.`)
  command.say(
    lines.length
      ? table(
          [
            'batch',
            'tenant',
            'connection',
            'path',
            'bizId',
            'state',
            'rows',
            'in',
            'refused',
            'posts',
            'told by',
            'callback',
            'age',
          ],
          lines,
          command.outside.width,
        )
      : 'No batch has gone out.',
  )
}

/** The courier of a running node finds it within seconds. */
export const resendCallback = async (
  command: Command,
  sql: Sql,
  tenantId: string | undefined,
  batchId: number,
): Promise<void> => {
  const again: string[] = []
  for (const tenant of await tenantsOf(sql, tenantId))
    if (await callbacksIn.again(sql, tenant, batchId)) again.push(tenant)
  if (!again.length)
    throw new Done(exitCodes.notFound, `Batch ${batchId} has no callback; mortise records --batches lists them.`)
  if (command.asJson) command.json({ batch: batchId, resent: again })
  else command.say(`The callback of batch ${batchId} goes out again.`)
}

/** The dispatcher of a running node asks within seconds. */
export const askOutgoing = async (
  command: Command,
  sql: Sql,
  tenantId: string | undefined,
  batchId: number,
): Promise<void> => {
  const found: { tenant: string; state: string; asked: boolean }[] = []
  for (const tenant of await tenantsOf(sql, tenantId)) {
    const batch = await readOutBatch(sql, tenant, batchId)
    if (!batch) continue
    const asked = canBeAsked(batch)
    if (asked) await askFor(sql, tenant, batchId)
    found.push({ tenant, state: batch.state, asked })
  }
  const [one] = found
  if (!one)
    throw new Done(exitCodes.notFound, `No batch ${batchId} went out; mortise records --batches --outgoing lists them.`)
  if (!found.some((each) => each.asked))
    throw new Done(exitCodes.refused, `Batch ${batchId} is ${one.state}: there is nothing to ask.`)
  if (command.asJson)
    command.json({ batch: batchId, asked: found.filter((each) => each.asked).map((each) => each.tenant) })
  else command.say(`The target is asked what became of batch ${batchId}.`)
}
