/** The seeker: reads the ids of a whole source, and then asks by id for each record that is staged here and was not among them. */
import type { Loop } from '../agent/loop.ts'
import { pageMemory, sweep as readWhole } from '../connect/pager.ts'
import type { Connector, Page } from '../doc/connector.ts'
import type { Hint, Millis } from '../doc/document.ts'
import type { Env } from '../doc/env.ts'
import type { ConnectionDef } from '../doc/flow.ts'
import type { Sql } from '../store/sql.ts'
import { findPatiently } from './find.ts'
import type { ObjectKey } from './store.ts'
import {
  beatSweep,
  claimSweep,
  type DeletionSweep,
  endSweep,
  keepGone,
  keepIds,
  missingAfter,
  nextSweep,
  stepSweep,
} from './sweeps.ts'
import { startTasks, type Trouble } from './tasks.ts'
import { leaseMs } from './window.ts'

export interface SeekerDeps {
  /** Wears `mortise_road`. */
  sql: Sql
  env: Pick<Env, 'now' | 'sleep' | 'random' | 'id'>
  connector(tenantId: string, connectionId: string): Connector | undefined
  connection(tenantId: string, connectionId: string): ConnectionDef | undefined
  /** In the caller's transaction. */
  hintIn(tx: Sql, hints: readonly Hint[]): Promise<void>
  /** There are records to be read by id. */
  hinted(): void
  log: Record<'info' | 'warn' | 'error', (fields: object, message: string) => void>
  netMs?: Millis
}

const most = 500
/** Reads by id at the same time. */
const abreast = 4
/** A source's clock may be ahead of ours: the last window ends so long after our now. */
const ahead: Millis = 86_400_000

/** The fetcher looks over the whole overlap before it believes that a record is gone, and then does as the flow says (A2). */
export const hintsFor = (key: ObjectKey, ids: readonly string[], trace: string): Hint[] =>
  ids.map((data_id) => ({
    tenant_id: key.tenant_id,
    connection_id: key.connection_id,
    object: key.object,
    data_id,
    channel: 'event',
    operation: 'upsert',
    trace_id: trace,
    raw: Buffer.alloc(0),
    cause: 'deletion sweep',
  }))

/** One sweep, to its end or to what is in the way: of a source that was not read completely, nothing is gone. @throws Fenced */
export const workSweep = async (
  deps: SeekerDeps,
  sweep: DeletionSweep,
  signal: AbortSignal,
): Promise<Trouble | null> => {
  const { sql, env } = deps
  const connector = deps.connector(sweep.tenant_id, sweep.connection_id)
  const connection = deps.connection(sweep.tenant_id, sweep.connection_id)
  if (!connector || !connection?.readable)
    return { fault: { code: 'config.connector', stage: 'read', said: 'no such connection, or it cannot be read' } }

  if (sweep.phase === 'source') {
    const to = env.now() + ahead
    let at = sweep.position === null ? 0 : Number(sweep.position)
    let ids: string[] = []
    let seen = 0
    const store = async (): Promise<void> => {
      const kept = [...new Set(ids)]
      await sql.retrying(async (tx) => {
        for (let i = 0; i < kept.length; i += most) await keepIds(tx, sweep, kept.slice(i, i + most))
        await stepSweep(tx, sweep, { phase: 'source', position: String(at), seen, staged: 0, gone: 0 }, leaseMs)
      })
      ids = []
      seen = 0
    }
    const swept = await readWhole<Page>({
      object: sweep.object,
      from: at,
      to,
      memory: pageMemory(connection.pageSize),
      env,
      signal,
      read: (window, stop) => connector.changes(window, stop),
      visit: async (page) => {
        seen += page.readings.length + (page.bad?.length ?? 0)
        // A record that is voided there, or cannot be taken in, is there all the same.
        for (const { data_id } of [...page.readings, ...(page.bad ?? [])]) if (data_id !== null) ids.push(data_id)
        if (ids.length >= most) await store()
      },
      progress: async (until) => {
        at = until
        if (ids.length) await store()
      },
    })
    if (swept.kind === 'failed') return { fault: swept.why, ...(swept.at !== undefined && { at: swept.at }) }
    await store()
  }

  for (let after = sweep.phase === 'staged' ? (sweep.position ?? '') : ''; ; ) {
    if (signal.aborted) return { fault: { code: 'send.closed', stage: 'read' } }
    const { looked, missing, last } = await missingAfter(sql, sweep, after, most)
    if (last === null) return null
    const gone: string[] = []
    for (let i = 0; i < missing.length; i += abreast) {
      const group = missing.slice(i, i + abreast)
      const reads = await Promise.all(group.map((id) => findPatiently(connector, sweep.object, id, env, signal)))
      for (const [j, read] of reads.entries()) {
        if (read.kind === 'failed') return { fault: read.why, ...(read.at !== undefined && { at: read.at }) }
        if (read.value === null) gone.push(group[j] as string)
      }
    }
    const marks = sweep.on_gone === 'mark' && gone.length > 0
    await sql.retrying(async (tx) => {
      if (marks) await deps.hintIn(tx, hintsFor(sweep, gone, env.id()))
      const fresh = await keepGone(tx, sweep, gone, marks ? sweep.asked_by : null)
      await stepSweep(tx, sweep, { phase: 'staged', position: last, seen: 0, staged: looked, gone: fresh }, leaseMs)
    })
    if (marks) deps.hinted()
    after = last
  }
}

export const startSeeker = (deps: SeekerDeps): Loop => {
  const { sql, env } = deps
  return startTasks<DeletionSweep>(
    {
      name: 'seeker',
      claim: () => claimSweep(sql, leaseMs),
      next: () => nextSweep(sql),
      work: (sweep, signal) => workSweep(deps, sweep, signal),
      end: (sweep, end) => endSweep(sql, sweep, end, env.id()),
      beat: { everyMs: leaseMs / 3, of: (sweep) => beatSweep(sql, sweep, leaseMs) },
      shown: (sweep) => ({
        tenant: sweep.tenant_id,
        connection: sweep.connection_id,
        object: sweep.object,
        task: sweep.sweep_id,
      }),
      waits: 'a deletion sweep waits',
    },
    deps,
  )
}
