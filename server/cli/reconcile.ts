/** Reconciliation 数据核对, put together: what the comparer is handed of the engine, how a repair sends again, and `mortise reconcile`. */
import { randomUUID } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import { setTimeout as wait } from 'node:timers/promises'
import { type Command as Program, Option } from 'commander'
import { hint } from '../converge/fetches.ts'
import { readLink, type StoredLink } from '../converge/link.ts'
import { references } from '../converge/read.ts'
import { touch } from '../converge/touch.ts'
import type { Log } from '../converge/engine.ts'
import type { Loop } from '../agent/loop.ts'
import type { Side } from '../doc/document.ts'
import type { Env } from '../doc/env.ts'
import { referenceKey, type Resolved } from '../doc/flow.ts'
import { isVoided } from '../doc/object.ts'
import { type ComparerDeps, startComparer } from '../poll/comparer.ts'
import {
  addComparison,
  type Comparison,
  countFound,
  type FoundRow,
  readComparisons,
  readFound,
  type Repairable,
  stopComparison,
  takeForRepair,
} from '../poll/comparisons.ts'
import { col, type Sql } from '../store/sql.ts'
import { writeRows } from './cells.ts'
import { type Command, type Common, count, Done, exitCodes, moment } from './command.ts'
import type { openDirectory } from './directory.ts'
import { table } from './table.ts'

/** What the links say of records of one side. */
export const knownOf =
  (sql: Sql): ComparerDeps['known'] =>
  async (pair, side, documents) => {
    const { tenantId, pairId } = pair.def
    const ids = documents.map((one) => one.data_id)
    const rows =
      side === 'left'
        ? await sql<StoredLink>`
            select l.* from link l
            where l.tenant_id = ${tenantId} and l.pair_id = ${pairId} and l.left_id = any(${col.text(ids)}::text[])`
        : await sql<StoredLink>`
            select l.* from link l
            where l.tenant_id = ${tenantId} and l.pair_id = ${pairId} and l.right_id = any(${col.text(ids)}::text[])`
    const links = new Map(rows.map(readLink).map((link) => [link[`${side}_id`] as string, link]))
    const wanted = documents.map((one) => pair.plans[side]?.references(one) ?? [])
    const resolved = await references(
      sql,
      wanted.flat().map((r) => ({ tenant_id: tenantId, pairId: r.pairId, side: r.side, id: r.id })),
    )
    let next = 0
    return documents.map((one, i) => {
      const link = links.get(one.data_id)
      return {
        otherId: link?.[side === 'left' ? 'right_id' : 'left_id'] ?? null,
        detailIds: link?.detail_ids[side] ?? {},
        refs: new Map<string, Resolved>(
          (wanted[i] ?? []).map((r) => [referenceKey(r), resolved[next++] as Resolved] as const),
        ),
      }
    })
  }

export const startComparing = (
  sql: Sql,
  env: Env,
  log: Log,
  directory: ReturnType<typeof openDirectory>['directory'],
  /** Records are to be read and sent again. */
  repaired: () => void,
): Loop =>
  startComparer({
    sql,
    env,
    log,
    pair: directory.pair,
    connector: directory.connector,
    known: knownOf(sql),
    isVoided: (tenantId, connectionId, object, master) =>
      isVoided(directory.object(tenantId, connectionId, object), master),
    repair: async (task, kind) => {
      if (await repair(sql, task, kind, null)) repaired()
    },
  })

/** Rows of one transaction (C5). */
const most = 500

/**
 * Sends the chosen again, as a person's retry does (C6): what is staged travels although it was agreed on, and every one is read by its id,
 * for what is staged may be older than what was compared. Answers how many.
 */
export const repair = async (
  sql: Sql,
  task: Pick<Comparison, 'tenant_id' | 'comparison_id' | 'pair_id' | 'from_side'>,
  kind: Repairable,
  ids: readonly string[] | null,
): Promise<number> => {
  const { tenant_id, pair_id, from_side: side } = task
  for (let count = 0; ; ) {
    const taken = await sql.retrying(async (tx) => {
      const records = await takeForRepair(tx, tenant_id, task.comparison_id, kind, ids, most)
      const [place] = await tx<{ connection_id: string; object: string }>`
        select case ${side} when 'left' then left_connection else right_connection end as connection_id,
          case ${side} when 'left' then left_object else right_object end as object
        from pair where tenant_id = ${tenant_id} and pair_id = ${pair_id}`
      if (!records.length || !place) return 0
      await touch(tx, { tenant_id, pair_id }, side, records, true, null)
      const trace = randomUUID().replaceAll('-', '')
      await hint(
        tx,
        records.map((data_id) => ({
          tenant_id,
          ...place,
          data_id,
          channel: 'event' as const,
          operation: 'upsert' as const,
          trace_id: trace,
          raw: Buffer.alloc(0),
          cause: 'reconcile',
        })),
        null,
      )
      return records.length
    })
    count += taken
    if (taken < most) return count
  }
}

// ── mortise reconcile ────────────────────────────────────────────────────────────────────────────────────────────────────────────────

interface Options extends Common {
  side: Side
  from?: number
  to?: number
  show?: string
  stop?: string
  csv?: string
  repair?: Repairable[]
  repairMost: number
  ids?: string
  task?: string
  yes?: boolean
  detach?: boolean
}

const taskNamed = async (sql: Sql, id: string): Promise<Comparison> => {
  const [owner] = await sql<{ tenant_id: string }>`select tenant_id from comparison where comparison_id = ${id}`
  const [task] = owner ? await readComparisons(sql, owner.tenant_id, id, 1) : []
  if (!task) throw new Done(exitCodes.notFound, `There is no comparison ${id}.`)
  return task
}

async function* every(sql: Sql, task: Comparison): AsyncGenerator<FoundRow[]> {
  for (let after: Parameters<typeof readFound>[4] = null; ; ) {
    const rows = await readFound(sql, task.tenant_id, task.comparison_id, null, after, 1_000)
    const last = rows.at(-1)
    if (!last) return
    yield rows
    after = { phase: last.phase, record: last.record_id }
  }
}

/** One line a field; the cells are escaped for spreadsheets. */
export const csvLines = (row: FoundRow): string[][] => {
  const [source, target] = row.phase === 'source' ? [row.record_id, row.other_id] : [row.other_id, row.record_id]
  const open = [row.kind, source ?? '', target ?? '']
  const fields = row.fields ?? [{ field: '', expected: null, held: null }]
  return fields.map((one) => [...open, one.field, one.expected ?? '', one.held ?? '', row.fault ?? ''])
}

const show = async (command: Command, sql: Sql, task: Comparison, file: string | undefined): Promise<void> => {
  const found = await countFound(sql, task.tenant_id, task.comparison_id)
  if (file !== undefined) {
    const lines = [['kind', 'source', 'target', 'field', 'expected', 'held', 'fault']]
    for await (const rows of every(sql, task)) lines.push(...rows.flatMap(csvLines))
    await writeFile(file, writeRows(lines))
  }
  const rows = await readFound(sql, task.tenant_id, task.comparison_id, null, null, 30)
  if (command.asJson) return command.json({ ...task, found, rows })
  command.say(
    `${task.comparison_id}: ${task.state}; ${task.looked} looked at, ${task.same} the same, ${found.different} different, ` +
      `${found.onlySource} only in the source, ${found.onlyTarget} only in the target, ${found.unclear} unclear${task.fault ? `\n${task.fault}` : ''}`,
  )
  if (rows.length)
    command.say(
      table(
        ['kind', 'source', 'target', 'field', 'expected', 'held', 'trouble'],
        rows.flatMap(csvLines),
        command.outside.width,
      ),
    )
  if (file !== undefined) command.say(`Written: ${file}`)
}

const compare = async (command: Command, sql: Sql, pairId: string, options: Options): Promise<void> => {
  const [flow, second] = await sql<{ tenant_id: string }>`
    select tenant_id from flow
    where pair_id = ${pairId} and from_side = ${options.side} and (${options.tenant ?? null}::text is null or tenant_id = ${options.tenant ?? null})
    limit 2`
  if (!flow) throw new Done(exitCodes.notFound, `No pair ${pairId} has a flow from its ${options.side}.`)
  if (second) throw new Done(exitCodes.usage, `Several tenants have a pair ${pairId}: say whose with --tenant.`)
  const range = { from: options.from ?? 0, to: options.to ?? Date.now() }
  if (range.from >= range.to) throw new Done(exitCodes.usage, '--to must be later than --from.')
  const id = randomUUID()
  const asked = { tenantId: flow.tenant_id, id, pairId, from: options.side, range, by: command.who() }
  const repairs = { kinds: options.repair ?? [], most: options.repairMost }
  if (repairs.kinds.length && command.outside.interactive && !options.yes && !command.asJson) {
    const question = `Send ${repairs.kinds.join(' and ')} again, where no more than ${repairs.most} are found?`
    if (!(await command.sure(question))) throw new Done(exitCodes.done, 'Nothing was begun.')
  }
  await addComparison(sql, { ...asked, repair: repairs })
  await sql`select pg_notify('mortise_work', 'terminal')`
  let task = await taskNamed(sql, id)
  for (; !options.detach && !task.ended_at; task = await taskNamed(sql, id)) await wait(300)
  await show(command, sql, task, options.csv)
  if (!options.detach && task.state !== 'success') command.code = exitCodes.unfinished
}

const mend = async (
  command: Command,
  sql: Sql,
  options: Options & { repair: Repairable[]; task: string },
): Promise<void> => {
  const task = await taskNamed(sql, options.task)
  const ids = options.ids?.split(',').filter(Boolean) ?? null
  const found = await countFound(sql, task.tenant_id, task.comparison_id)
  const estimate = ids?.length ?? options.repair.reduce((sum, kind) => sum + found[kind], 0)
  const isAsked = command.outside.interactive && !options.yes && !command.asJson
  if (isAsked && !(await command.sure(`Send up to ${estimate} records again?`)))
    throw new Done(exitCodes.done, 'Nothing was sent.')
  let sent = 0
  for (const kind of options.repair) sent += await repair(sql, task, kind, ids)
  await sql`select pg_notify('mortise_work', 'terminal')`
  if (command.asJson) command.json({ estimate, sent })
  else command.say(`${sent} records are read and sent again.`)
}

export const reconcileCommands = (program: Program, command: Command): void => {
  program
    .command('reconcile [pair]')
    .description('compare what both systems of a flow hold 数据核对, and send again what is missing or different')
    .addOption(new Option('--side <side>', 'the source of the flow').choices(['left', 'right']).default('left'))
    .option('--from <moment>', 'records changed since; default: all', moment)
    .option('--to <moment>', 'default now', moment)
    .option('--detach', 'do not wait for it')
    .option('--show <task>', 'what a comparison found')
    .option('--csv <file>', 'write everything that was found')
    .option('--stop <task>', 'stop it; what it found stays')
    .addOption(
      new Option(
        '--repair <kinds...>',
        'send these again: of --task, or once the comparison has come to its end',
      ).choices(['onlySource', 'different']),
    )
    .option('--repair-most <n>', 'with a new comparison: none where more are found', count, 1_000)
    .option('--task <id>', 'of which comparison')
    .option('--ids <list>', 'only these source ids, separated by commas')
    .option('--yes', 'do not ask')
    .option('--tenant <id>', 'which tenant')
    .option('--json', 'machine-readable')
    .action((pairId: string | undefined, options: Options) =>
      command.withDatabase(false, async ({ sql }) => {
        const { repair: kinds, task } = options
        if (options.show !== undefined) return show(command, sql, await taskNamed(sql, options.show), options.csv)
        if (options.stop !== undefined) {
          const task = await taskNamed(sql, options.stop)
          if (!(await stopComparison(sql, task.tenant_id, task.comparison_id)))
            throw new Done(exitCodes.refused, `It is ${task.state}: that cannot be stopped.`)
          return command.asJson ? command.json({ stopped: true }) : command.say('Stopped.')
        }
        if (kinds && task !== undefined) return mend(command, sql, { ...options, repair: kinds, task })
        if (kinds && pairId === undefined) throw new Done(exitCodes.usage, 'Say of which comparison: --task <id>.')
        if (pairId === undefined) throw new Done(exitCodes.usage, 'Say of what: mortise reconcile <pair>')
        return compare(command, sql, pairId, options)
      }),
    )
}
