/** What begins by itself at the terminal: mortise planned. */
import { type Command as Program, Option } from 'commander'
import { beginNow, type PlanKind, type PlannedRow, readPlanned } from '../poll/planned.ts'
import type { Sql } from '../store/sql.ts'
import { type Command, type Common, Done, exitCodes } from './command.ts'
import { at, tell } from './history.ts'
import { table } from './table.ts'

const allOf = async (sql: Sql, tenant: string | undefined): Promise<PlannedRow[]> => {
  const tenants = await sql<{
    tenant_id: string
  }>`select distinct tenant_id from planned where ${tenant ?? null}::text is null or tenant_id = ${tenant ?? null} order by 1`
  return (await Promise.all(tenants.map(({ tenant_id }) => readPlanned(sql, tenant_id)))).flat()
}

export const plannedCommand = (program: Program, command: Command): void => {
  const planned = program
    .command('planned')
    .description('reconciliations and deletion sweeps that begin by themselves, and when')
    .option('--tenant <id>', 'which tenant')
    .option('--json', 'machine-readable')
    .action((options: Common) =>
      command.withDatabase(false, async ({ sql }) => {
        const rows = await allOf(sql, options.tenant)
        if (command.asJson) return command.json(rows)
        if (!rows.length)
          return command.say(
            'Nothing is planned. Give a flow a `reconcile`, or a `poll` a `sweep`, in the configuration (docs/polling.md).',
          )
        command.say(
          table(
            ['tenant', 'kind', 'name', 'next', 'began last', 'task', 'state'],
            rows.map((row) => [
              row.tenant_id,
              row.kind,
              row.name,
              at(row.next_at),
              at(row.began_at),
              row.task_id ?? '',
              row.state ?? '',
            ]),
            command.outside.width,
          ),
        )
      }),
    )
  planned
    .command('run <name>')
    .description('begin one now: a flow ("material leftToRight"), or an object ("erp/BD_Material")')
    .addOption(new Option('--kind <kind>', 'where both are of that name').choices(['reconcile', 'sweep']))
    .option('--tenant <id>', 'which tenant')
    .option('--json', 'machine-readable')
    .action((name: string, _: Common, used: Program) =>
      command.withDatabase(false, async ({ sql }) => {
        const options = used.optsWithGlobals<Common & { kind?: PlanKind }>()
        command.asJson = options.json === true
        const found = (await allOf(sql, options.tenant)).filter(
          (row) => row.name === name && (options.kind === undefined || row.kind === options.kind),
        )
        const [one, second] = found
        if (!one)
          throw new Done(exitCodes.notFound, `Nothing of the name ${name} is planned; mortise planned shows what is.`)
        if (second)
          throw new Done(exitCodes.usage, `Several are planned as ${name}: say which with --tenant or --kind.`)
        await beginNow(sql, one.tenant_id, one.kind, one.name)
        await tell(sql)
        if (command.asJson) command.json({ ok: true })
        else command.say('It begins. See it with mortise planned.')
      }),
    )
}
