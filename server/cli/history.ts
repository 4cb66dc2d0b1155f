/** Polling and history at the terminal: mortise poll, mortise backfill. */
import { randomUUID } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { setTimeout as wait } from 'node:timers/promises'
import { type Command as Program, InvalidArgumentError } from 'commander'
import {
  addBackfill,
  type Asked,
  askedShape,
  type Backfill,
  type Deed,
  readBackfills,
  steerBackfill,
  totalOf,
} from '../poll/history.ts'
import { askAgain, knownStretch, readGaps, readPolls, readWindows, runNow, setPaused } from '../poll/ledger.ts'
import type { ObjectKey } from '../poll/store.ts'
import type { Sql } from '../store/sql.ts'
import { type Command, type Common, count, Done, exitCodes, moment } from './command.ts'
import { table } from './table.ts'

export const at = (ms: number | null): string =>
  ms === null ? '' : new Date(ms).toISOString().replace('T', ' ').slice(0, 19)

/** The one object of that name that a tenant declares on a connection. */
export const objectNamed = async (
  sql: Sql,
  connection: string,
  object: string,
  tenant: string | undefined,
): Promise<ObjectKey> => {
  const [first, second] = await sql<ObjectKey>`
    select tenant_id, connection_id, code as object
    from object
    where connection_id = ${connection} and (code = ${object} or api_name = ${object}) and (${tenant ?? null}::text is null or tenant_id = ${tenant ?? null})
    order by tenant_id
    limit 2`
  if (!first) throw new Done(exitCodes.notFound, `No connection ${connection} declares an object ${object}.`)
  if (second)
    throw new Done(exitCodes.usage, `Several tenants declare ${connection}/${object}: say whose with --tenant.`)
  return first
}

/** A server that runs hears of it at once. */
export const tell = (sql: Sql): Promise<unknown> => sql`select pg_notify('mortise_work', 'terminal')`

// ── mortise poll ─────────────────────────────────────────────────────────────────────────────────────────────────────────────────────

const listPolls = async (command: Command, sql: Sql, { tenant }: Common): Promise<void> => {
  const tenants = await sql<{
    tenant_id: string
  }>`select distinct tenant_id from poll where ${tenant ?? null}::text is null or tenant_id = ${tenant ?? null} order by 1`
  const polls = (await Promise.all(tenants.map(({ tenant_id }) => readPolls(sql, tenant_id)))).flat()
  if (command.asJson) return command.json(polls)
  if (!polls.length)
    return command.say('Nothing is polled. Give an object a `poll` in the configuration (docs/polling.md).')
  command.say(
    table(
      ['tenant', 'object', 'state', 'read until (its clock)', 'last run', 'next run', 'trouble'],
      polls.map((p) => [
        p.tenant_id,
        `${p.connection_id}/${p.object}`,
        p.paused_by ? `paused by ${p.paused_by}` : p.reading ? 'reading' : p.fault ? 'trouble' : 'waiting',
        at(p.done_until),
        at(p.ran_at),
        p.paused_by ? '' : at(p.next_at),
        p.fault ?? '',
      ]),
      command.outside.width,
    ),
  )
}

const listWindows = async (command: Command, sql: Sql, key: ObjectKey, limit: number): Promise<void> => {
  const windows = await readWindows(sql, key, null, limit)
  if (command.asJson) return command.json(windows)
  command.say(
    table(
      ['window', 'from', 'to', 'state', 'ended', 'requests', 'seen', 'new', 'changed', 'failed', 'trouble'],
      windows.map((w) => [
        w.window_id,
        at(w.from_at),
        at(w.to_at),
        w.state === 'done' ? (w.cause === 'again' ? 'read again' : 'read') : w.state,
        at(w.ended_at),
        w.requests,
        w.seen,
        w.created,
        w.changed,
        w.failed,
        w.fault ?? '',
      ]),
      command.outside.width,
    ),
  )
}

const listGaps = async (command: Command, sql: Sql, key: ObjectKey): Promise<void> => {
  const known = await knownStretch(sql, key)
  const gaps = known ? await readGaps(sql, key, known) : []
  if (command.asJson) return command.json({ within: known, gaps })
  if (!known) return command.say('No window has been read yet.')
  if (!gaps.length) return command.say(`Every minute from ${at(known.from)} to ${at(known.to)} was read.`)
  command.say(
    table(
      ['not read from', 'to'],
      gaps.map((gap) => [at(gap.from), at(gap.to)]),
    ),
  )
  command.say(`\nRead them: mortise poll again ${key.connection_id} ${key.object} --gaps`)
}

// ── mortise backfill ─────────────────────────────────────────────────────────────────────────────────────────────────────────────────

interface Filling extends Common {
  from?: number
  to?: number
  ids?: string
  idsFile?: string
  mapped?: string
  where?: Record<string, string>
  compare: boolean
  start?: number
  detach?: boolean
  yes?: boolean
  list?: boolean
  pause?: string
  stop?: string
  continue?: string
}

const unitOf = (task: Pick<Backfill, 'asked'>): string => (task.asked.what.by === 'ranges' ? 'of the time' : 'records')

const stateOf = (task: Backfill): string =>
  task.state === 'queued' && task.start_at > task.now ? 'not reached' : task.state

const shareOf = (task: Backfill): string =>
  task.state === 'success' ? '100 %' : `${Math.floor((100 * task.done) / Math.max(1, task.total))} %`

const countsOf = (task: Backfill): string =>
  `${task.seen} seen: ${task.created} new, ${task.changed} changed, ${task.unchanged} unchanged, ${task.failed} failed`

const listTasks = async (command: Command, sql: Sql, { tenant }: Common): Promise<void> => {
  const tenants = await sql<{
    tenant_id: string
  }>`select distinct tenant_id from backfill where ${tenant ?? null}::text is null or tenant_id = ${tenant ?? null} order by 1`
  const tasks = (
    await Promise.all(tenants.map(({ tenant_id }) => readBackfills(sql, tenant_id, null, null, 100)))
  ).flat()
  if (command.asJson) return command.json(tasks)
  command.say(
    table(
      ['task', 'tenant', 'object', 'state', 'done', 'asked by', 'counts', 'trouble'],
      tasks.map((task) => [
        task.backfill_id,
        task.tenant_id,
        `${task.connection_id}/${task.object}`,
        stateOf(task),
        shareOf(task),
        task.asked_by,
        countsOf(task),
        task.fault ?? '',
      ]),
      command.outside.width,
    ),
  )
}

const idsOf = async ({ ids, idsFile }: Filling): Promise<string[] | null> => {
  if (ids === undefined && idsFile === undefined) return null
  const text = idsFile === undefined ? (ids as string) : await readFile(idsFile, 'utf8').catch(() => null)
  if (text === null) throw new Done(exitCodes.usage, `There is no file ${idsFile}.`)
  return [...new Set(text.split(/[\s,;]+/).filter(Boolean))]
}

const askedOf = async (options: Filling): Promise<Asked> => {
  const ids = await idsOf(options)
  const ways = [ids, options.mapped, options.from].filter((one) => one !== null && one !== undefined)
  if (ways.length !== 1)
    throw new Done(exitCodes.usage, 'Say which history: --from (and --to), --ids, --ids-file, or --mapped.')
  const what = ids
    ? { by: 'ids', ids }
    : options.mapped !== undefined
      ? { by: 'mapped', pair: options.mapped }
      : { by: 'ranges', ranges: [{ from: options.from as number, to: options.to ?? Date.now() }] }
  const asked = askedShape.safeParse({ what, compare: options.compare, ...(options.where && { where: options.where }) })
  if (!asked.success)
    throw new Done(
      exitCodes.usage,
      asked.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`).join('\n'),
    )
  if (asked.data.what.by === 'ranges' && asked.data.what.ranges.some(({ from, to }) => from >= to))
    throw new Done(exitCodes.usage, '--to must be later than --from.')
  return asked.data
}

/** Shows how far it is until it has ended; Ctrl-C leaves it running. */
const follow = async (command: Command, sql: Sql, key: ObjectKey, id: string): Promise<Backfill> => {
  const read = async (): Promise<Backfill> => (await readBackfills(sql, key.tenant_id, id, null, 1))[0] as Backfill
  let task = await read()
  // Milliseconds of the source's time are nothing to read: ranges are shown in percent.
  const unit = task.asked.what.by === 'ranges' ? Math.max(1, task.total) / 100 : 1
  const name = `${key.connection_id}/${key.object}${unit === 1 ? '' : ', %'}`
  const bar = command.bar(Math.max(1, Math.round(task.total / unit)), name)
  for (let shown = 0; ; task = await read()) {
    const done = Math.floor(task.done / unit)
    if (done > shown) bar.step(done - shown)
    shown = done
    if (task.ended_at || task.state === 'paused') break
    await wait(300)
  }
  bar.end()
  return task
}

const steer = async (command: Command, sql: Sql, id: string, deed: Deed): Promise<void> => {
  const [found] = await sql<{ tenant_id: string }>`select tenant_id from backfill where backfill_id = ${id}`
  if (!found) throw new Done(exitCodes.notFound, `There is no history task ${id}; mortise backfill --list shows them.`)
  const done = await steerBackfill(sql, found.tenant_id, id, deed)
  const [task] = await readBackfills(sql, found.tenant_id, id, null, 1)
  if (!done) throw new Done(exitCodes.refused, `It is ${task?.state}: that cannot be done to it now.`)
  await tell(sql)
  if (command.asJson) command.json(task)
  else command.say(`The history task is ${task?.state}.`)
}

const backfill = async (command: Command, connection: string, object: string, options: Filling): Promise<void> => {
  const asked = await askedOf(options)
  await command.withDatabase(false, async ({ sql }) => {
    const key = await objectNamed(sql, connection, object, options.tenant)
    const [mapped] =
      asked.what.by === 'mapped'
        ? await sql<{ n: number }>`
            select count(*)::int8 as n from link
            where tenant_id = ${key.tenant_id} and pair_id = ${asked.what.pair} and left_id is not null and right_id is not null`
        : []
    const total = totalOf(asked.what, mapped?.n ?? 0)
    const size =
      asked.what.by === 'ranges'
        ? `${(total / 86_400_000).toFixed(1)} days of ${connection}/${object}`
        : `${total} records of ${connection}/${object}`
    if (!command.asJson)
      command.say(`${size}, ${asked.compare ? 'unchanged ones are passed over' : 'all are sent again'}.`)
    if (command.outside.interactive && !options.yes && !command.asJson && !(await command.sure('Fetch it?')))
      throw new Done(exitCodes.done, 'Nothing was begun.')
    const id = randomUUID()
    await addBackfill(sql, key, { id, asked, askedBy: command.who(), startAt: options.start ?? null, total })
    await tell(sql)
    if (options.detach) {
      if (command.asJson) command.json({ id })
      else command.say(`Begun: ${id}. See it with mortise backfill --list.`)
      return
    }
    const task = await follow(command, sql, key, id)
    if (command.asJson) command.json(task)
    else
      command.say(
        `${task.state}, ${shareOf(task)} ${unitOf(task)}; ${countsOf(task)}${task.fault ? `\n${task.fault}` : ''}`,
      )
    if (task.state !== 'success') command.code = exitCodes.unfinished
  })
}

const condition = (text: string, before: Record<string, string> = {}): Record<string, string> => {
  const [, field, value] = /^([^=]+)=(.*)$/s.exec(text) ?? []
  if (field === undefined || value === undefined) throw new InvalidArgumentError('write field=value.')
  return { ...before, [field]: value }
}

export const historyCommands = (program: Program, command: Command): void => {
  const common = (one: Program): Program =>
    one.option('--tenant <id>', 'which tenant').option('--json', 'machine-readable')
  const poll = common(program.command('poll').description('what is polled, and how far it is read')).action(
    (options: Common) => command.withDatabase(false, ({ sql }) => listPolls(command, sql, options)),
  )
  const onObject = (
    name: string,
    description: string,
    work: (sql: Sql, key: ObjectKey, options: never) => Promise<void>,
  ): Program =>
    common(poll.command(`${name} <connection> <object>`).description(description)).action(
      (connection: string, object: string, options: Common, self: Program) =>
        command.withDatabase(false, async ({ sql }) => {
          command.asJson = (self.optsWithGlobals() as Common).json === true
          await work(sql, await objectNamed(sql, connection, object, options.tenant), options as never)
        }),
    )
  const deed = (
    name: string,
    description: string,
    said: string,
    work: (sql: Sql, key: ObjectKey) => Promise<boolean>,
  ): void =>
    void onObject(name, description, async (sql, key) => {
      if (!(await work(sql, key)))
        throw new Done(exitCodes.notFound, `${key.connection_id}/${key.object} is not polled.`)
      await tell(sql)
      if (command.asJson) command.json({ ok: true })
      else command.say(said)
    })
  deed('run', 'run now', 'It runs.', runNow)
  deed('pause', 'pause; what is missed is read once it goes on', 'Paused.', (sql, key) =>
    setPaused(sql, key, command.who()),
  )
  deed('resume', 'go on', 'It goes on.', (sql, key) => setPaused(sql, key, null))
  onObject('windows', 'which stretches were read, newest first', (sql, key, { limit }: { limit: number }) =>
    listWindows(command, sql, key, limit),
  ).option('--limit <n>', 'at most so many', count, 30)
  onObject('gaps', 'stretches that were never read', (sql, key) => listGaps(command, sql, key))
  onObject(
    'again',
    'read a stretch again, or every gap',
    async (sql, key, { from, to, gaps }: { from?: number; to?: number; gaps?: boolean }) => {
      const known = await knownStretch(sql, key)
      const stretches = gaps
        ? known
          ? await readGaps(sql, key, known)
          : []
        : from !== undefined
          ? [{ from, to: to ?? Date.now() }]
          : null
      if (!stretches) throw new Done(exitCodes.usage, 'Say which: --from (and --to), or --gaps.')
      if (stretches.some((one) => one.from >= one.to))
        throw new Done(exitCodes.usage, '--to must be later than --from.')
      const windows = await askAgain(sql, key, stretches, 86_400_000, command.who())
      await tell(sql)
      if (command.asJson) command.json({ windows })
      else command.say(windows ? `${windows} window${windows === 1 ? ' is' : 's are'} read again.` : 'There is no gap.')
    },
  )
    .option('--from <moment>', 'on the system’s clock', moment)
    .option('--to <moment>', 'default now', moment)
    .option('--gaps', 'every gap')

  common(
    program
      .command('backfill [connection] [object]')
      .description('fetch history 同步历史数据: by time, by ids, or all that is mapped; or steer what is under way'),
  )
    .option('--from <moment>', 'records changed since, on the system’s clock', moment)
    .option('--to <moment>', 'default now', moment)
    .option('--ids <list>', 'these records, separated by commas')
    .option('--ids-file <file>', 'the same from a file')
    .option('--mapped <pair>', 'every record that is mapped over this pair')
    .option('--where <field=value>', 'only records with this value (repeatable)', condition)
    .option('--no-compare', 'send again what is unchanged, too')
    .option('--start <moment>', 'not before', moment)
    .option('--detach', 'do not wait for it')
    .option('--yes', 'do not ask')
    .option('--list', 'tasks, newest first')
    .option('--pause <task>', 'pause a task')
    .option('--stop <task>', 'stop a task; what it stored stays')
    .option('--continue <task>', 'go on with a task, where it was')
    .action(async (connection: string | undefined, object: string | undefined, options: Filling) => {
      if (options.list) return command.withDatabase(false, ({ sql }) => listTasks(command, sql, options))
      for (const deedName of ['pause', 'stop', 'continue'] as const) {
        const id = options[deedName]
        if (id !== undefined) return command.withDatabase(false, ({ sql }) => steer(command, sql, id, deedName))
      }
      if (connection === undefined || object === undefined)
        throw new Done(exitCodes.usage, 'Say of what: mortise backfill <connection> <object> --from 30d')
      return backfill(command, connection, object, options)
    })
}
