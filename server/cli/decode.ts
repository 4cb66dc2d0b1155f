/** The decoder and what belongs to it, put together for main.ts: the door's buffer for non-standard pushes, the functions' workers, the agent. */
import { sentence, type Fault } from '../doc/fault.ts'
import type { Arrival, Kept, RawArrival, RecordKey } from '../doc/document.ts'
import type { Env } from '../doc/env.ts'
import { type Decoder, type DecoderDeps, startDecoder } from '../decode/decoder.ts'
import { codeHash } from '../decode/documents.ts'
import { suspensions } from '../decode/suspensions.ts'
import type { FunctionPool } from '../functions/pool.ts'
import type { Source } from '../observe/findings.ts'
import type { Settled } from '../receive/deps.ts'
import { admitIn } from '../stage/admit.ts'
import { groupRaw } from '../stage/raw.ts'
import type { Sql } from '../store/sql.ts'
import type { Configuration } from './configuration.ts'

export interface DecodingWorld {
  doors: Sql
  road: Sql
  env: Env
  log: DecoderDeps['log']
  /** Closed with the decoder, which is the last to use it. */
  functions: FunctionPool
  configuration(): Configuration
  /** False: this node only stores, and tells the others. */
  decodes: boolean
  woke(rows: readonly Arrival[]): void
  /** Others may have to decode. */
  tell(): void
  waitSettled(record: RecordKey, version: number, signal: AbortSignal): Promise<Settled>
}

export interface Decoding {
  keep(row: RawArrival): Promise<Kept>
  waitDecoded(row: RawArrival, seq: number, signal: AbortSignal): Promise<Settled>
  wake(): void
  /** The configuration has changed. */
  refresh(): void
  stop(): Promise<void>
}

/** Until its row is gone and every document of it has settled; on any node. */
const waitDecoded = async (
  { doors, env, waitSettled }: Pick<DecodingWorld, 'doors' | 'env' | 'waitSettled'>,
  row: RawArrival,
  seq: number,
  signal: AbortSignal,
): Promise<Settled> => {
  for (let pause = 10; ; pause = Math.min(200, pause * 1.5)) {
    if (signal.aborted) return 'pending'
    const [todo] = await doors<{ state: string; fault: string | null }>`
      select state, fault from decode where seq = ${seq}`
    if (!todo) break
    if (todo.state !== 'due' && todo.fault !== null)
      return { failed: { flow: row.object, reason: sentence(JSON.parse(todo.fault) as Fault) } }
    await env.sleep(pause, signal).catch(() => {})
  }
  const documents = await doors<{ data_id: string; version: number }>`
    select distinct d.data_id, d.version
    from arrival a
    cross join lateral (
      select d.data_id, d.version from document d
      where d.tenant_id = a.tenant_id and d.connection_id = a.connection_id and d.object = a.object and d.data_id = a.data_id
      limit 1) d
    where a.tenant_id = ${row.tenant_id} and a.trace_id = ${row.trace_id} and a.data_id <> '' and a.seq > ${seq}`
  for (const { data_id, version } of documents) {
    const { tenant_id, connection_id, object } = row
    const end = await waitSettled({ tenant_id, connection_id, object, data_id }, version, signal)
    if (end === 'pending' || 'failed' in end) return end
  }
  return { done: true }
}

/** For the alert: functions of all kinds that are not run any more. Mended code is another function. */
export const suspendedSource =
  (configuration: () => Configuration): Source =>
  async (sql, tenantId) =>
    (await suspensions(sql, tenantId))
      .filter(({ name, code_hash }) => {
        const known = configuration().function(tenantId, name)
        return known !== undefined && codeHash(known.code) === code_hash
      })
      .map(({ name }) => ({ rule: 'function', about: name, figures: {} }))

export const startDecoding = (world: DecodingWorld): Decoding => {
  const { functions } = world
  const decoder: Decoder | null = world.decodes
    ? startDecoder({
        sql: world.road,
        env: world.env,
        log: world.log,
        functions,
        object: (tenantId, connectionId, code) => world.configuration().objects.find(tenantId, connectionId, code),
        zone: (tenantId, connectionId) => world.configuration().connection(tenantId, connectionId)?.zone ?? 'UTC',
        function: (tenantId, name) => world.configuration().function(tenantId, name),
        admitIn,
        woke: world.woke,
      })
    : null
  const buffer = groupRaw(world.doors, () => {
    decoder?.wake()
    world.tell()
  })
  return {
    keep: buffer.keep,
    waitDecoded: (row, seq, signal) => waitDecoded(world, row, seq, signal),
    wake: () => decoder?.wake(),
    refresh: () => decoder?.refresh(),
    stop: async () => {
      await buffer.close()
      await decoder?.stop()
      await functions.close()
    },
  }
}
