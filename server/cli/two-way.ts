/** `mortise two-way` and `mortise conflicts`: how pairs with a flow each way behave, and the choice of a person where both sides changed. */
import type { Command as Program } from 'commander'
import { secretKey } from '../access/key.ts'
import { createEnv } from '../agent/env.ts'
import { readConflict } from '../converge/conflicts.ts'
import { rerun } from '../converge/ids.ts'
import { listConflicts, nameOf, readTwoWay, shownConflict } from '../maintain/two-way.ts'
import type { Sql } from '../store/sql.ts'
import { tenantOf } from './alerts.ts'
import { type Command, type Common, count, Done, exitCodes } from './command.ts'
import { load } from './configuration.ts'
import { openDirectory } from './directory.ts'
import { readSettings } from './settings.ts'
import { table } from './table.ts'

interface Options extends Common {
  take?: string
  limit: number
}

const showOne = async (
  command: Command,
  sql: Sql,
  tenantId: string,
  link: number,
  take: string | undefined,
): Promise<void> => {
  const { env, cwd } = command.outside
  const configuration = await load(sql, await secretKey(readSettings(env, cwd).data, env))
  const directory = openDirectory({
    env: createEnv(),
    log: { error: () => {}, info: () => {}, warn: () => {} },
    allowLoopback: false,
    denied: [],
  })
  directory.refresh(configuration)
  try {
    const name = await nameOf(sql, tenantId, link)
    const found = name && (await readConflict(sql, directory.directory, name))
    if (!found) throw new Done(exitCodes.notFound, `Record ${link} is no conflict that waits for a choice.`)
    if (take !== undefined) {
      if (take !== 'left' && take !== 'right') throw new Done(exitCodes.usage, '--take is left or right.')
      await rerun(sql, [name], take, null)
      if (command.asJson) return command.json({ resolved: take })
      return command.say(`The ${take} record goes to the other side.`)
    }
    const shown = shownConflict(name, found)
    if (command.asJson) return command.json(shown)
    command.say(`${shown.pair}: left ${shown.left.id}, right ${shown.right.id}, since ${shown.since ?? '?'}`)
    command.say(
      table(
        ['left field', 'left', 'right', 'right field', 'changed', 'owner'],
        shown.fields.map((one) => [
          one.left ?? '-',
          one.leftValue ?? '',
          one.rightValue ?? '',
          one.right ?? '-',
          one.changed.join(', '),
          one.owner ?? '-',
        ]),
        command.outside.width,
      ),
    )
    command.say(`\nTo choose: mortise conflicts ${link} --take left (or right)`)
  } finally {
    await directory.close()
  }
}

export const twoWayCommands = (program: Program, command: Command): void => {
  program
    .command('two-way')
    .description('pairs with a flow each way: who wins, echoes and flips of today, what waits for a choice')
    .option('--tenant <id>', 'whose; needed where there are several')
    .option('--json', 'machine-readable')
    .action((options: Common) =>
      command.withDatabase(false, async ({ sql }) => {
        const pairs = await readTwoWay(sql, await tenantOf(sql, options.tenant))
        if (command.asJson) return command.json({ pairs })
        if (!pairs.length) return command.say('No pair has a flow each way.')
        command.say(
          table(
            ['pair', 'left', 'right', 'wins', 'echoes', 'flips', 'conflicts', 'loops'],
            pairs.map((one) => [
              one.pairId,
              one.left,
              one.right,
              one.conflict,
              one.today.echoes,
              one.today.flips,
              one.conflicts,
              one.loops,
            ]),
            command.outside.width,
          ),
        )
      }),
    )
  program
    .command('conflicts [link]')
    .description('records changed on both sides that wait for a choice; with a link, both values field by field')
    .option('--take <side>', 'left or right: its content goes to the other side')
    .option('--limit <n>', 'at most so many', count, 50)
    .option('--tenant <id>', 'whose; needed where there are several')
    .option('--json', 'machine-readable')
    .action((link: string | undefined, options: Options) =>
      command.withDatabase(false, async ({ sql }) => {
        const tenantId = await tenantOf(sql, options.tenant)
        if (link !== undefined) return showOne(command, sql, tenantId, count(link), options.take)
        const rows = await listConflicts(sql, tenantId, 0, options.limit)
        if (command.asJson) return command.json({ conflicts: rows })
        if (!rows.length) return command.say('No record waits for a choice.')
        command.say(
          table(
            ['link', 'pair', 'left', 'right', 'since'],
            rows.map((row) => [
              row.link_id,
              row.pair_id,
              row.left_id,
              row.right_id,
              row.since === null ? '' : new Date(row.since).toISOString().slice(0, 19),
            ]),
            command.outside.width,
          ),
        )
      }),
    )
}
