/** 中间表 / ID 映射 at the terminal: search, bind, unbind, import, export. */
import { readFile, writeFile } from 'node:fs/promises'
import type { Command as Program } from 'commander'
import { type BoundByHand, bindByHand, unbind } from '../converge/ids.ts'
import { type IdRow, searchIds } from '../maintain/ids.ts'
import { linksNumbered } from '../maintain/records.ts'
import type { Sql } from '../store/sql.ts'
import { type CsvRow, readRows, writeRows } from './cells.ts'
import { type Command, type Common, count, Done, exitCodes } from './command.ts'
import { renderIds } from './render.ts'

interface Pair {
  tenant_id: string
  pair_id: string
}

/** The one pair of that name. */
const pairNamed = async (sql: Sql, name: string, tenantId: string | undefined): Promise<Pair> => {
  const [first, second] = await sql<Pair>`
    select tenant_id, pair_id
    from pair
    where pair_id = ${name} and (${tenantId ?? null}::text is null or tenant_id = ${tenantId ?? null})
    order by tenant_id
    limit 2`
  if (!first) throw new Done(exitCodes.notFound, `There is no pair ${name}; mortise status lists them.`)
  if (second) throw new Done(exitCodes.usage, `Several tenants have a pair ${name}: say whose with --tenant.`)
  return first
}

const refused = (bound: BoundByHand, left: string, right: string): string | null => {
  switch (bound.kind) {
    case 'bound':
    case 'already':
      return null
    case 'taken':
      return `${bound.side === 'left' ? left : right} is mapped to ${bound.to} already; unbind it first.`
    case 'busy':
      return `A call of link ${bound.linkId} is under way or unresolved: what became of it comes first (mortise show ${bound.linkId}).`
  }
}

interface Line {
  line: number
  pair: string
  left: string
  right: string
}

/** Complains of the first line that cannot be meant. */
const linesOf = (rows: readonly CsvRow[]): Line[] =>
  rows.map(({ line, cells }) => {
    const { pair, left, right } = cells
    if (!pair || !left || !right)
      throw new Done(exitCodes.refused, `Line ${line}: the columns pair, left and right must all be there and filled.`)
    for (const [name, id] of [
      ['left', left],
      ['right', right],
    ] as const)
      if (id.length > 128) throw new Done(exitCodes.refused, `Line ${line}: ${name} is longer than 128 characters.`)
    return { line, pair, left, right }
  })

const importFile = async (
  command: Command,
  sql: Sql,
  file: string,
  options: Common & { yes?: boolean },
): Promise<void> => {
  const text = await readFile(file, 'utf8').catch(() => {
    throw new Done(exitCodes.usage, `There is no file ${file}.`)
  })
  let rows: CsvRow[]
  try {
    rows = readRows(text)
  } catch (error) {
    throw new Done(exitCodes.refused, `${file} is not CSV: ${(error as Error).message}`)
  }
  const lines = linesOf(rows)
  const pairs = new Map<string, Pair>()
  for (const name of new Set(lines.map((one) => one.pair))) pairs.set(name, await pairNamed(sql, name, options.tenant))
  if (!command.asJson) command.say(`${lines.length} ${lines.length === 1 ? 'mapping' : 'mappings'} in ${file}.`)
  if (!options.yes && !(await command.sure(`Bind ${lines.length}?`))) {
    if (command.asJson) command.json({ read: lines.length, bound: 0, already: 0, refused: [] })
    else command.say('Nothing was done; add --yes to bind them.')
    return
  }
  const bar = command.bar(lines.length, 'Bound')
  let [bound, already] = [0, 0]
  const complaints: { line: number; say: string }[] = []
  for (const { line, pair, left, right } of lines) {
    const result = await bindByHand(sql, pairs.get(pair) as Pair, left, right)
    const say = refused(result, left, right)
    if (say !== null) complaints.push({ line, say })
    else if (result.kind === 'already') already++
    else bound++
    bar.step(1)
  }
  bar.end()
  if (command.asJson) command.json({ read: lines.length, bound, already, refused: complaints })
  else {
    for (const { line, say } of complaints) command.say(`Line ${line}: ${say}`)
    command.say(`${bound} bound, ${already} were so already, ${complaints.length} refused.`)
  }
  if (complaints.length) command.code = exitCodes.unfinished
}

/** Page by page, so that a million of them never stand in memory. */
const exportAll = async (
  command: Command,
  sql: Sql,
  options: Common & { flow?: string; out?: string },
): Promise<void> => {
  const pair = options.flow === undefined ? null : await pairNamed(sql, options.flow, options.tenant)
  const tenantId = pair?.tenant_id ?? options.tenant
  const parts: string[] = []
  const rows: IdRow[] = []
  const write = (text: string) => (options.out === undefined ? command.outside.out(text) : parts.push(text))
  if (!command.asJson) write(writeRows([['tenant', 'pair', 'left', 'right']]))
  let cursor: string | null = null
  do {
    const page = await searchIds(sql, {
      ...(tenantId !== undefined && { tenantId }),
      ...(pair && { pairId: pair.pair_id }),
      bound: true,
      limit: 5_000,
      ...(cursor !== null && { cursor }),
    })
    if (command.asJson) rows.push(...page.ids)
    else write(writeRows(page.ids.map((one) => [one.tenantId, one.pairId, one.left ?? '', one.right ?? ''])))
    cursor = page.next
  } while (cursor !== null)
  if (command.asJson) command.json({ ids: rows })
  else if (options.out !== undefined) {
    await writeFile(options.out, parts.join(''))
    command.say(`Written: ${options.out}`)
  }
}

export const idCommands = (program: Program, command: Command): void => {
  const ids = program.command('ids').description('ID mapping (中间表): which record of one side is which of the other')
  const make = (name: string, about: string) =>
    ids
      .command(name)
      .description(about)
      .option('--json', 'machine-readable')
      .option('--tenant <id>', 'only this tenant')

  make('search [text]', 'mappings, all or those one of whose ids begins so')
    .option('--flow <pair>', 'only of this pair')
    .option('--unbound', 'only records that have no other side yet')
    .option('--limit <n>', 'at most so many', count, 50)
    .option('--cursor <cursor>', 'the next page: as the page before ended')
    .action(
      (
        text: string | undefined,
        options: Common & { flow?: string; unbound?: boolean; limit: number; cursor?: string },
      ) =>
        command.withDatabase(false, async ({ sql }) => {
          const page = await searchIds(sql, {
            ...(text !== undefined && { text }),
            ...(options.tenant !== undefined && { tenantId: options.tenant }),
            ...(options.flow !== undefined && { pairId: options.flow }),
            ...(options.unbound && { bound: false }),
            ...(options.cursor !== undefined && { cursor: options.cursor }),
            limit: options.limit,
          })
          if (command.asJson) command.json(page)
          else command.say(renderIds(page, command.outside.width))
          if (!page.ids.length) command.code = exitCodes.notFound
        }),
    )

  make('bind <pair> <left> <right>', 'these two are one record').action(
    (name: string, left: string, right: string, options: Common) =>
      command.withDatabase(false, async ({ sql }) => {
        const bound = await bindByHand(sql, await pairNamed(sql, name, options.tenant), left, right)
        const say = refused(bound, left, right)
        if (say !== null) throw new Done(exitCodes.refused, say)
        if (command.asJson) command.json(bound)
        else command.say(bound.kind === 'already' ? 'They are bound already.' : `Bound: ${left} is ${right}.`)
      }),
  )

  make(
    'unbind <pair> <id>',
    'these two are not one record: both rest until they come in again; the id is of either side',
  )
    .option('--yes', 'do not ask')
    .action((name: string, id: string, options: Common & { yes?: boolean }) =>
      command.withDatabase(false, async ({ sql }) => {
        const pair = await pairNamed(sql, name, options.tenant)
        const rows = await sql<{ link_id: number; left_id: string | null; right_id: string | null }>`
          select link_id, left_id, right_id
          from link
          where tenant_id = ${pair.tenant_id} and pair_id = ${pair.pair_id} and left_id = ${id}
          union
          select link_id, left_id, right_id
          from link
          where tenant_id = ${pair.tenant_id} and pair_id = ${pair.pair_id} and right_id = ${id}`
        const [row, ...more] = rows.filter((one) => one.left_id !== null && one.right_id !== null)
        if (!row || more.length)
          throw new Done(
            row ? exitCodes.usage : exitCodes.notFound,
            row
              ? `${id} is an id on both sides, of two records: say the other record’s id.`
              : `${id} is not bound in pair ${name}.`,
          )
        if (!options.yes && command.outside.interactive && !command.asJson) {
          if (
            !(await command.sure(`Unbind ${row.left_id} and ${row.right_id}? Its next change creates or matches anew.`))
          )
            throw new Done(exitCodes.done, 'Nothing was done.')
        }
        const done = await unbind(sql, { ...pair, link_id: row.link_id })
        if (done.kind === 'busy')
          throw new Done(
            exitCodes.refused,
            `A call of this record is under way or unresolved: what became of it comes first (mortise show ${row.link_id}).`,
          )
        if (command.asJson) command.json({ ...done, links: await linksNumbered(sql, [row.link_id]) })
        else
          command.say(
            `Unbound: ${row.left_id} and ${row.right_id}. Nothing is sent until one of them comes in again or is retried.`,
          )
      }),
    )

  make('import <file>', 'bind all rows of a CSV file with the columns pair, left, right')
    .option('--yes', 'really do it; without it, they are only counted')
    .action((file: string, options: Common & { yes?: boolean }) =>
      command.withDatabase(false, ({ sql }) => importFile(command, sql, file, options)),
    )

  make('export', 'all mappings as CSV, as import reads it')
    .option('--flow <pair>', 'only of this pair')
    .option('--out <file>', 'into this file; default: standard output')
    .action((options: Common & { flow?: string; out?: string }) =>
      command.withDatabase(false, ({ sql }) => exportAll(command, sql, options)),
    )
}
