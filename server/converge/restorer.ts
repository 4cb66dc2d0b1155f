/**
 * The restorer (promise 29): after a backup was restored, reads what each target holds of the time since, makes it known to the links, and only then
 * lets anything be sent there. Any number of nodes may do it: everything it does may be done twice.
 */
import { type Loop, startLoop } from '../agent/loop.ts'
import { pageMemory, sweep } from '../connect/pager.ts'
import type { Reading } from '../doc/connector.ts'
import type { Arrival, RecordKey } from '../doc/document.ts'
import { sentence } from '../doc/fault.ts'
import type { Sql } from '../store/sql.ts'
import { settleMs } from './decide.ts'
import type { Engine } from './engine.ts'
import { bindLive, endRestore, type Live, noteScan, readRestoring, type Restoring, targetSides } from './restore.ts'
import type { Target } from './road.ts'

export interface RestorerDeps extends Pick<Engine, 'directory' | 'env' | 'log'> {
  sql: Sql
  /** Targets that wait: nothing of theirs is claimed. */
  gate(targets: readonly Target[]): void
  /** A target was released. */
  woke(): void
  toArrival(key: RecordKey, reading: Reading, version: number, traceId: string): Arrival
}

const lookEvery = 1_000
/** While nothing waits. Restoring asks that no node runs, so that every node looks when it starts. */
const atRest = 3_600_000
const slice = 500
const empty = Buffer.alloc(0)

/** Why this target can only be released by a person, or null. */
const obstacle = (deps: RestorerDeps, target: Restoring, objects: readonly string[]): string | null => {
  const connection = deps.directory.connection(target.tenant_id, target.connection_id)
  if (!connection) return 'the connection is not in the configuration'
  if (!connection.readable) return 'the connection offers no queries: what it holds cannot be looked up'
  const blind = objects.filter(
    (code) => !deps.directory.object(target.tenant_id, target.connection_id, code)?.externalIdField,
  )
  return blind.length
    ? `its records do not carry our ids (no externalIdField on ${blind.join(', ')}): those made since cannot be told from others`
    : null
}

/** Answers whether it is done; a fault waits for the next turn, or for a person. */
export const reconcileTarget = async (deps: RestorerDeps, target: Restoring, signal: AbortSignal): Promise<boolean> => {
  const { sql, directory, env } = deps
  const sides = await targetSides(sql, target)
  if (!sides.length) return true
  const stuck = obstacle(deps, target, [...new Set(sides.map((one) => one.object))])
  if (stuck) {
    await noteScan(sql, target, 0, 0, stuck)
    return false
  }
  const connection = directory.connection(target.tenant_id, target.connection_id)
  const connector = directory.connector(target.tenant_id, target.connection_id)
  if (!connection || !connector) return false
  // What the lost nodes had sent may still take effect, and be visible later still (R1, R2).
  if (target.now < target.restored_at + settleMs(connection) + connection.overlap) {
    await noteScan(sql, target, 0, 0, 'waiting until what was on its way must have taken effect')
    return false
  }
  let scanned = 0
  let bound = 0
  for (const { pair_id, side, object } of sides) {
    const pair = directory.pair(target.tenant_id, pair_id)
    if (!pair) return false // its configuration is still to be loaded, or does not compile
    // One small question tells the target's clock: without it nobody could say what was changed after the backup.
    if (!directory.skew(target.tenant_id, target.connection_id))
      await connector.changes({ object, from: target.now - 1_000, to: target.now, offset: 0, limit: 1 }, signal)
    const skew = directory.skew(target.tenant_id, target.connection_id)
    const ahead = skew?.ms ?? 0
    const unsure = skew?.uncertainty ?? connection.overlap
    const backup = target.backup_at + ahead
    const swept = await sweep({
      read: (window, stop) => connector.changes(window, stop),
      object,
      from: Math.floor(backup - unsure - connection.overlap),
      to: Math.ceil(target.now + ahead + unsure + connection.overlap),
      memory: pageMemory(connection.pageSize),
      env,
      signal,
      patience: 60_000,
      visit: async (page) => {
        const live = page.readings.flatMap((reading): Live[] => {
          const key = { ...target, object, data_id: reading.data_id }
          const { external_id: source, operation, source_time } = deps.toArrival(key, reading, 0, '')
          if (source === null) return []
          const since =
            source_time === null || Math.abs(source_time - backup) <= unsure
              ? 'unsure'
              : source_time > backup
                ? 'yes'
                : 'no'
          const document = { ...key, version: 0, operation, content_hash: empty, source_time, external_id: source }
          const shown = pair.print(side, { ...document, content: reading.document.content })
          return [{ source, target: reading.data_id, voided: operation === 'void', since, shown }]
        })
        // The newest reading of a record counts; a page may hold it twice.
        const newest = [...new Map(live.map((one) => [one.target, one])).values()]
        for (let i = 0; i < newest.length; i += slice)
          bound += await bindLive(
            sql,
            { tenant_id: target.tenant_id, pair_id },
            side,
            newest.slice(i, i + slice),
            target.version_at,
          )
        scanned += page.readings.length
        await noteScan(sql, target, scanned, bound, null)
      },
    })
    if (swept.kind === 'failed') {
      await noteScan(sql, target, scanned, bound, sentence(swept.why))
      return false
    }
  }
  await noteScan(sql, target, scanned, bound, null)
  deps.log.info(
    { tenant: target.tenant_id, connection: target.connection_id, scanned, bound },
    'the target was reconciled after a restore; sends go on',
  )
  return true
}

/** One turn over all targets that wait; the gate is what the database says. */
export const restoreTurn = async (deps: RestorerDeps, signal: AbortSignal): Promise<number> => {
  const waiting = await readRestoring(deps.sql)
  deps.gate(waiting)
  let rest = waiting.length
  for (const target of waiting) {
    if (signal.aborted) break
    try {
      if (!(await reconcileTarget(deps, target, signal))) continue
      await endRestore(deps.sql, target, 'reconciled')
      rest--
    } catch (err) {
      // One target that cannot be read must not keep the others waiting.
      deps.log.error(
        { err, tenant: target.tenant_id, connection: target.connection_id },
        'a target could not be reconciled yet',
      )
    }
  }
  if (rest < waiting.length) {
    deps.gate(await readRestoring(deps.sql))
    deps.woke()
  }
  return rest
}

export const startRestorer = (deps: RestorerDeps): Loop =>
  startLoop({
    name: 'restorer',
    every: atRest,
    run: async (signal) => ((await restoreTurn(deps, signal)) ? lookEvery : atRest),
    env: deps.env,
    log: deps.log,
  })
