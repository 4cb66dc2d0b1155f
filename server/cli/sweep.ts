/** Deletion sweeps at the terminal: mortise sweep. */
import { randomUUID } from 'node:crypto'
import { setTimeout as wait } from 'node:timers/promises'
import type { Command as Program } from 'commander'
import { hint } from '../converge/fetches.ts'
import { hintsFor } from '../poll/seeker.ts'
import { addSweep, type DeletionSweep, noteMarked, readGone, readSweeps, stopSweep } from '../poll/sweeps.ts'
import type { Sql } from '../store/sql.ts'
import { type Command, type Common, Done, exitCodes } from './command.ts'
import { objectNamed, tell } from './history.ts'
import { table } from './table.ts'

interface Options extends Common {
  mark?: boolean
  detach?: boolean
  list?: boolean
  show?: string
  stop?: string
  markGone?: string
}

const countsOf = (sweep: DeletionSweep): string =>
  `${sweep.seen} seen at the source, ${sweep.staged} here, ${sweep.gone} gone`

const sweepNamed = async (sql: Sql, id: string): Promise<DeletionSweep> => {
  const [found] = await sql<{ tenant_id: string }>`select tenant_id from deletion_sweep where sweep_id = ${id}`
  const [sweep] = found ? await readSweeps(sql, found.tenant_id, id, null, 1) : []
  if (!sweep) throw new Done(exitCodes.notFound, `There is no deletion sweep ${id}; mortise sweep --list shows them.`)
  return sweep
}

const listSweeps = async (command: Command, sql: Sql, { tenant }: Common): Promise<void> => {
  const tenants = await sql<{
    tenant_id: string
  }>`select distinct tenant_id from deletion_sweep where ${tenant ?? null}::text is null or tenant_id = ${tenant ?? null} order by 1`
  const sweeps = (await Promise.all(tenants.map(({ tenant_id }) => readSweeps(sql, tenant_id, null, null, 100)))).flat()
  if (command.asJson) return command.json(sweeps)
  command.say(
    table(
      ['sweep', 'tenant', 'object', 'state', 'counts', 'trouble'],
      sweeps.map((sweep) => [
        sweep.sweep_id,
        sweep.tenant_id,
        `${sweep.connection_id}/${sweep.object}`,
        sweep.state,
        countsOf(sweep),
        sweep.fault ?? '',
      ]),
      command.outside.width,
    ),
  )
}

const show = async (command: Command, sql: Sql, sweep: DeletionSweep): Promise<void> => {
  const gone = await readGone(sql, sweep.tenant_id, sweep.sweep_id, { after: '', limit: 500, open: false, ids: null })
  if (command.asJson) return command.json({ sweep, gone })
  command.say(`${sweep.state}; ${countsOf(sweep)}${sweep.fault ? `\n${sweep.fault}` : ''}`)
  if (!gone.length) return
  command.say(
    table(
      ['gone at the source', 'marked by'],
      gone.slice(0, 50).map((row) => [row.data_id, row.marked_by ?? '']),
      command.outside.width,
    ),
  )
  if (gone.some((row) => row.marked_at === null))
    command.say(`\nHave them marked: mortise sweep --mark-gone ${sweep.sweep_id}`)
}

/** All that are not marked yet, 500 at a time. */
const markAll = async (command: Command, sql: Sql, sweep: DeletionSweep): Promise<void> => {
  let marked = 0
  for (;;) {
    const open = await readGone(sql, sweep.tenant_id, sweep.sweep_id, { after: '', limit: 500, open: true, ids: null })
    if (!open.length) break
    const ids = open.map((row) => row.data_id)
    await hint(sql, hintsFor(sweep, ids, randomUUID().replaceAll('-', '')), null)
    marked += await noteMarked(sql, sweep.tenant_id, sweep.sweep_id, ids, command.who())
  }
  await tell(sql)
  if (command.asJson) command.json({ marked })
  else
    command.say(`${marked} records are looked for over the overlap, and then marked, or voided where the flow says so.`)
}

const begin = async (command: Command, connection: string, object: string, options: Options): Promise<void> =>
  command.withDatabase(false, async ({ sql }) => {
    const key = await objectNamed(sql, connection, object, options.tenant)
    const id = randomUUID()
    await addSweep(
      sql,
      id,
      { ...key, on_gone: options.mark ? 'mark' : 'ask', every_ms: null, asked_by: command.who() },
      null,
    )
    await tell(sql)
    if (options.detach) {
      if (command.asJson) command.json({ id })
      else command.say(`Begun: ${id}. See it with mortise sweep --list.`)
      return
    }
    let sweep = await sweepNamed(sql, id)
    for (; !sweep.ended_at; sweep = await sweepNamed(sql, id)) await wait(300)
    await show(command, sql, sweep)
    if (sweep.state !== 'success') command.code = exitCodes.unfinished
  })

export const sweepCommand = (program: Program, command: Command): void => {
  program
    .command('sweep [connection] [object]')
    .description('look for records that are here and gone at their source')
    .option('--tenant <id>', 'which tenant')
    .option('--json', 'machine-readable')
    .option('--mark', 'have them marked at once; the flow says whether they are voided (goneAtSource)')
    .option('--detach', 'do not wait for it')
    .option('--list', 'sweeps, newest first')
    .option('--show <sweep>', 'what a sweep has found')
    .option('--mark-gone <sweep>', 'have marked what a sweep has found')
    .option('--stop <sweep>', 'stop a sweep; what it found stays')
    .action(async (connection: string | undefined, object: string | undefined, options: Options) => {
      const { list, show: shown, markGone, stop } = options
      if (list) return command.withDatabase(false, ({ sql }) => listSweeps(command, sql, options))
      if (shown !== undefined)
        return command.withDatabase(false, async ({ sql }) => show(command, sql, await sweepNamed(sql, shown)))
      if (markGone !== undefined)
        return command.withDatabase(false, async ({ sql }) => markAll(command, sql, await sweepNamed(sql, markGone)))
      if (stop !== undefined)
        return command.withDatabase(false, async ({ sql }) => {
          const sweep = await sweepNamed(sql, stop)
          if (!(await stopSweep(sql, sweep.tenant_id, stop)))
            throw new Done(exitCodes.refused, `It is ${sweep.state}: that cannot be done to it now.`)
          if (command.asJson) command.json({ ok: true })
          else command.say('Stopped.')
        })
      if (connection === undefined || object === undefined)
        throw new Done(exitCodes.usage, 'Say of what: mortise sweep <connection> <object>')
      return begin(command, connection, object, options)
    })
}
