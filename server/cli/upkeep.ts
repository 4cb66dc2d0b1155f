/** 数据维护 at the terminal: status, records, show, retry, ignore. */
import { randomUUID } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { type Command as Program, InvalidArgumentError } from 'commander'
import { hint } from '../converge/fetches.ts'
import { rerunDecodes } from '../decode/claim.ts'
import { declare, ignore, rerun } from '../converge/ids.ts'
import { ignoreAll, refetchAll, rerunAll, sourceOf, standOf } from '../maintain/deeds.ts'
import { type ErrorGroup, readGroups } from '../maintain/groups.ts'
import { findJourney, isEmpty } from '../maintain/journey.ts'
import { askReads } from '../maintain/reads.ts'
import {
  linksAt,
  linksNumbered,
  linksOf,
  listRecords,
  matchingKeys,
  type LinkKey,
  type RecordFilter,
  type RecordRow,
} from '../maintain/records.ts'
import { readStatus } from '../maintain/status.ts'
import { shownStates } from '../maintain/words.ts'
import type { Sql } from '../store/sql.ts'
import { type Command, type Common, count, Done, exitCodes, moment } from './command.ts'
import { admitEdited, editInEditor } from './edit.ts'
import { askOutgoing, resendCallback, showBatches, showOutBatches } from './batches.ts'
import { renderJourney, renderRecords, renderStatus } from './render.ts'

/** Engine states beside the shown ones, for those who know the tables. */
const states: readonly string[] = [
  ...new Set([...shownStates, 'due', 'working', 'idle', 'waiting', 'unknown', 'parked']),
]

const stateList = (text: string): string[] => {
  const given = text.split(',').map((one) => one.trim())
  const wrong = given.filter((one) => !states.includes(one))
  if (wrong.length) throw new InvalidArgumentError(`${wrong.join(', ')}: choose among ${states.join(', ')}.`)
  return given
}

const sideOf = (text: string): 'left' | 'right' => {
  if (text !== 'left' && text !== 'right') throw new InvalidArgumentError('left or right.')
  return text
}

interface Selection extends Common {
  id?: string[]
  state?: string[]
  flow?: string
  object?: string
  fault?: string
  group?: string
  since?: number
  until?: number
  keyword?: string
  cursor?: string
  limit: number
}

interface Retrying extends Selection {
  side?: 'left' | 'right'
  yes?: boolean
  bind?: string
  absent?: boolean
  refetch?: boolean
  body?: string
  edit?: boolean
  wait?: true | number
}

/** `customer` or `customer:leftToRight`. */
const flowFilter = async (
  sql: Sql,
  flow: string | undefined,
  tenantId: string | undefined,
): Promise<Pick<RecordFilter, 'pairId' | 'target'>> => {
  if (flow === undefined) return {}
  const [pairId = '', direction] = flow.split(':')
  const rows = await sql<{ left_connection: string; right_connection: string }>`
    select left_connection, right_connection
    from pair
    where pair_id = ${pairId} and (${tenantId ?? null}::text is null or tenant_id = ${tenantId ?? null})`
  const [pair] = rows
  if (!pair) throw new Done(exitCodes.notFound, `There is no pair ${pairId}; mortise status lists them.`)
  if (direction === undefined) return { pairId }
  if (direction !== 'leftToRight' && direction !== 'rightToLeft')
    throw new Done(exitCodes.usage, `${flow}: after the colon write leftToRight or rightToLeft.`)
  return { pairId, target: direction === 'leftToRight' ? pair.right_connection : pair.left_connection }
}

const filterOf = async (sql: Sql, options: Selection): Promise<RecordFilter> => ({
  ...(options.tenant !== undefined && { tenantId: options.tenant }),
  ...(options.state && { states: options.state }),
  ...(options.id && { ids: options.id }),
  ...(options.object !== undefined && { object: options.object }),
  ...(options.fault !== undefined && { fault: options.fault }),
  ...(options.group !== undefined && { group: options.group }),
  ...(options.since !== undefined && { from: options.since }),
  ...(options.until !== undefined && { until: options.until }),
  ...(options.keyword !== undefined && { keyword: options.keyword }),
  ...(options.cursor !== undefined && { cursor: options.cursor }),
  ...(await flowFilter(sql, options.flow, options.tenant)),
  limit: options.limit,
})

/** Ids are a record's (either side) or a link's. */
const byIds = async (sql: Sql, ids: readonly string[], tenantId: string | undefined): Promise<RecordRow[]> => {
  const numbers = ids.filter((id) => /^\d{1,15}$/.test(id)).map(Number)
  const found = [...(await linksOf(sql, ids, tenantId ?? null)), ...(await linksNumbered(sql, numbers))]
  return [
    ...new Map(found.map((row) => [JSON.stringify([row.tenantId, row.pairId, row.linkId]), row])).values(),
  ].filter((row) => tenantId === undefined || row.tenantId === tenantId)
}

const keyOf = ({ tenantId, pairId, linkId }: RecordRow): LinkKey => ({ tenantId, pairId, linkId })
const records = (n: number): string => `${n} ${n === 1 ? 'record' : 'records'}`

/** What is selected, counted; null where nothing is (which was said). */
const selected = async (
  command: Command,
  sql: Sql,
  ids: readonly string[],
  options: Selection,
  example: string,
): Promise<{ keys: LinkKey[]; exact: boolean } | null> => {
  if (ids.length) {
    const rows = await byIds(sql, ids, options.tenant)
    if (rows.length) return { keys: rows.map(keyOf), exact: rows.length === ids.length }
  } else {
    const { state, flow, object, fault, group, since, until, keyword } = options
    if ([state, flow, object, fault, group, since, until, keyword].every((one) => one === undefined))
      throw new Done(
        exitCodes.usage,
        `Say which records: ids, or --state, --flow, --object, --group, --fault, --since, --keyword. For example: ${example}`,
      )
    const keys = await matchingKeys(sql, await filterOf(sql, options))
    if (keys.length) return { keys, exact: false }
  }
  if (command.asJson) command.json({ matched: 0, done: 0, rerun: 0 })
  else command.say('No records match.')
  command.code = exitCodes.notFound
  return null
}

/** A selection is told first: how many, and what they look like. True: go on. */
const agreed = async (
  command: Command,
  sql: Sql,
  { keys, exact }: { keys: LinkKey[]; exact: boolean },
  yes: boolean | undefined,
  verb: string,
): Promise<boolean> => {
  if (yes || exact) {
    if (!exact && !command.asJson) command.say(`${records(keys.length)} ${keys.length === 1 ? 'matches' : 'match'}.`)
    return true
  }
  const match = `${records(keys.length)} ${keys.length === 1 ? 'matches' : 'match'}.`
  if (!command.asJson) {
    const sample = await linksAt(sql, keys.slice(0, 10))
    command.say(`${renderRecords({ records: sample, next: null }, Date.now(), command.outside.width)}\n`)
  }
  if (await command.sure(`${match} ${verb} ${keys.length === 1 ? 'it' : 'them'}?`)) return true
  if (command.asJson) command.json({ matched: keys.length, done: 0, rerun: 0 })
  else
    command.say(`${match} Nothing was done; add --yes to ${verb.toLowerCase()} ${keys.length === 1 ? 'it' : 'them'}.`)
  return false
}

/** Until none of them is under way, or the time is over. */
const watched = async (command: Command, sql: Sql, keys: readonly LinkKey[], seconds: number) => {
  const bar = command.bar(keys.length, 'Through')
  const until = performance.now() + seconds * 1000
  for (let before = 0; ; ) {
    const stand = await standOf(sql, keys)
    bar.step(Math.max(0, stand.settled - before))
    before = Math.max(before, stand.settled)
    if (!stand.pending || performance.now() > until) {
      bar.end()
      return stand
    }
    await new Promise((done) => setTimeout(done, 200))
  }
}

const tellStand = (stand: Awaited<ReturnType<typeof watched>>): string =>
  (['succeeded', 'skipped', 'waiting', 'unknown', 'failed', 'pending'] as const)
    .filter((word) => stand[word] > 0 || word === 'succeeded' || word === 'failed')
    .map((word) => `${stand[word]} ${word === 'pending' ? 'still under way' : word}`)
    .join(', ')

const retry = async (command: Command, sql: Sql, ids: readonly string[], options: Retrying): Promise<void> => {
  const ways = [options.bind !== undefined, options.absent, options.refetch, options.body !== undefined || options.edit]
  if (ways.filter(Boolean).length > 1)
    throw new Done(exitCodes.usage, 'Choose one of --bind, --absent, --refetch, and --body or --edit.')
  if (options.group !== undefined && !ids.length && (await retryReads(command, sql, options))) return
  const chosen = await selected(command, sql, ids, options, 'mortise retry --state failed --flow customer')
  if (!chosen) return
  const { keys } = chosen
  if (options.bind !== undefined || options.absent) return say(command, sql, keys, options)
  if (options.body !== undefined || options.edit) return edited(command, sql, keys, options)
  if (!(await agreed(command, sql, chosen, options.yes, 'Re-run'))) return
  const bar = command.bar(keys.length, 'Asked')
  const rows = options.refetch ? await linksAt(sql, keys) : []
  const done = options.refetch
    ? await refetchAll(sql, hands, rows, randomUUID, command.who(), options.side ?? null, (n) => bar.step(n))
    : await rerunAll(sql, hands, keys, options.side ?? null, (n) => bar.step(n))
  bar.end()
  const gone = keys.length - done
  const sentence = options.refetch
    ? `${records(done)} ${done === 1 ? 'is' : 'are'} read again from ${done === 1 ? 'its' : 'their'} source${gone ? `, ${gone} had nothing to be read by` : ''}.`
    : `${records(done)} ${done === 1 ? 'is' : 'are'} gone through again${gone ? `, ${gone} were gone meanwhile` : ''}.`
  if (!command.asJson) command.say(sentence)
  await ended(command, sql, keys, options, { matched: keys.length, done, rerun: done })
}

/** The last word of a retry: with `--wait`, what became of them. */
const ended = async (
  command: Command,
  sql: Sql,
  keys: readonly LinkKey[],
  options: Retrying,
  answer: Record<string, unknown>,
): Promise<void> => {
  if (options.wait === undefined) {
    if (command.asJson) command.json(answer)
    return
  }
  const stand = await watched(command, sql, keys, options.wait === true ? 60 : options.wait)
  if (command.asJson) command.json({ ...answer, ...stand })
  else command.say(`${tellStand(stand)}.`)
  if (stand.failed || stand.unknown || stand.waiting || stand.pending) command.code = exitCodes.unfinished
}

/** A group of pushes that could not be decoded goes through its function or reader again. */
const retryDecodes = async (command: Command, sql: Sql, group: ErrorGroup, options: Retrying): Promise<true> => {
  const pushes = `${group.count} ${group.count === 1 ? 'push' : 'pushes'}`
  const sure = options.yes === true || (await command.sure(`Decode ${pushes} again?`))
  const done = sure ? await rerunDecodes(sql, { tenantId: group.tenantId, group: group.group, limit: 1_000_000 }) : 0
  if (command.asJson) command.json({ matched: group.count, done })
  else
    command.say(
      `${pushes} of ${group.connectionId}/${group.object ?? ''} could not be decoded. ${sure ? `${done} are decoded again.` : 'Nothing was done; add --yes to decode them again.'}`,
    )
  return true
}

/** A group of reads that failed is asked for once more. */
const retryReads = async (command: Command, sql: Sql, options: Retrying): Promise<boolean> => {
  const found = await readGroups(sql, {
    group: options.group ?? '',
    ...(options.tenant !== undefined && { tenantId: options.tenant }),
  })
  const decodes = found.find((one) => one.what === 'decode')
  if (decodes) return retryDecodes(command, sql, decodes, options)
  const reads = found.find((one) => one.what === 'read')
  if (!reads) return false
  const sure = options.yes === true || (await command.sure(`Read ${records(reads.count)} again?`))
  const done = sure
    ? await askReads(
        sql,
        { hint: (tx, hints) => hint(tx, hints, null) },
        reads.tenantId,
        reads.group,
        randomUUID,
        command.who(),
      )
    : 0
  if (command.asJson) command.json({ matched: reads.count, done })
  else
    command.say(
      `${records(reads.count)} could not be read from ${reads.connectionId}. ${sure ? `${done} are read again.` : 'Nothing was done; add --yes to read them again.'}`,
    )
  return true
}

const hands = {
  rerun: (sql: Sql, links: Parameters<typeof rerun>[1], side: 'left' | 'right' | null) => rerun(sql, links, side, null),
  hint: (sql: Sql, hints: Parameters<typeof hint>[1]) => hint(sql, hints, null),
  ignore,
}

/** R2: what became of one unanswered create. */
const say = async (command: Command, sql: Sql, keys: readonly LinkKey[], options: Retrying): Promise<void> => {
  const [key, ...more] = keys
  if (!key || more.length)
    throw new Done(exitCodes.usage, `${keys.length} records match; --bind and --absent are said of one.`)
  const name = { tenant_id: key.tenantId, pair_id: key.pairId, link_id: key.linkId }
  const heard = await declare(sql, name, options.bind !== undefined ? { found: options.bind } : 'absent')
  if (!heard) throw new Done(exitCodes.refused, 'This record has no unanswered create that waits for a person.')
  if (command.asJson) return command.json({ matched: 1, declared: options.bind ?? null })
  command.say(
    options.bind !== undefined ? `Noted: it is record ${options.bind}.` : 'Noted: it made none; it is created again.',
  )
}

/** Edit and re-run: the edited body becomes what is staged of its source, until that sends another. */
const edited = async (command: Command, sql: Sql, keys: readonly LinkKey[], options: Retrying): Promise<void> => {
  const [row, ...more] = await linksAt(sql, keys)
  if (!row || more.length) throw new Done(exitCodes.usage, `${keys.length} records match; one body is for one record.`)
  const side = options.side ?? sourceOf(row)
  const { outside } = command
  if (options.edit && !outside.interactive)
    throw new Done(exitCodes.usage, '--edit opens an editor, which needs a terminal; elsewhere give --body FILE.')
  const text = options.edit
    ? await editInEditor(sql, row, side, outside.env)
    : options.body === '-'
      ? await (outside.input?.() ?? Promise.reject(new Done(exitCodes.usage, 'There is no standard input here.')))
      : await readFile(options.body ?? '', 'utf8').catch(() => {
          throw new Done(exitCodes.usage, `There is no file ${options.body}.`)
        })
  if (text === null) return command.say('Nothing was edited; nothing was done.')
  const admitted = await admitEdited(sql, row, side, Buffer.from(text), command.who())
  if (typeof admitted === 'string') throw new Done(exitCodes.refused, admitted)
  await rerun(sql, [{ tenant_id: row.tenantId, pair_id: row.pairId, link_id: row.linkId }], side, null)
  if (!command.asJson) command.say(`The edited body is staged (${admitted.kind}) and goes out.`)
  await ended(command, sql, keys, options, { matched: 1, done: 1, rerun: 1, staged: admitted.kind })
}

export const recordCommands = (program: Program, command: Command): void => {
  const { outside } = command
  const reading = (name: string, about: string) =>
    program
      .command(name)
      .description(about)
      .option('--json', 'machine-readable')
      .option('--tenant <id>', 'only this tenant')
  const selecting = (made: Program, limit: number) =>
    made
      .option('--state <states>', `one or several of ${states.join(', ')}`, stateList)
      .option('--flow <pair>', 'customer, or customer:leftToRight')
      .option('--object <code>', 'only records of this object, on either side')
      .option('--group <group>', 'only records of this error group (mortise status names them)')
      .option('--fault <code>', 'only records with this fault, such as map.option')
      .option('--since <time>', 'in trouble since then or later: 30m, 2h, 3d (ago), or a moment', moment)
      .option('--until <time>', 'in trouble since before then', moment)
      .option('--keyword <text>', 'part of an id or of the reason; of records without trouble, how an id begins')
      .option('--limit <n>', 'at most so many', count, limit)

  reading('status', 'how many records stand where, per flow, and what is in trouble, by error group')
    .option('--groups <n>', 'at most so many error groups', count, 20)
    .action((options: Common & { groups: number }) =>
      command.withDatabase(false, async ({ sql }) => {
        const status = await readStatus(sql, options.tenant)
        const groups = await readGroups(sql, {
          ...(options.tenant !== undefined && { tenantId: options.tenant }),
          limit: options.groups,
        })
        if (command.asJson) command.json({ ...status, groups })
        else command.say(renderStatus(status, groups.slice(0, options.groups), outside.width))
      }),
    )

  selecting(reading('records', 'list records with their state and the reason (数据维护)'), 50)
    .option('--id <id...>', 'only records with these ids, on either side')
    .option('--cursor <cursor>', 'the next page: as the page before ended')
    .option('--batches', 'instead: the master-data batches that came in, and how their callbacks fare')
    .option('--outgoing', 'with --batches: those that were sent to other systems')
    .action((options: Selection & { batches?: boolean; outgoing?: boolean }) =>
      command.withDatabase(false, async ({ sql }) => {
        if (options.batches && options.outgoing) return showOutBatches(command, sql, options.tenant, options.limit)
        if (options.batches) return showBatches(command, sql, options.tenant, options.limit)
        const page = await listRecords(sql, await filterOf(sql, options))
        if (command.asJson) command.json(page)
        else command.say(renderRecords(page, Date.now(), outside.width))
      }),
    )

  reading('show <id>', 'one record’s whole story; the id is a record’s (either side), a link’s, or a trace id')
    .option('--limit <n>', 'at most so many arrivals and calls', count, 20)
    .option('--full', 'bodies, requests and answers whole, not only how they begin')
    .action((id: string, options: Common & { limit: number; full?: boolean }) =>
      command.withDatabase(false, async ({ sql }) => {
        const journey = await findJourney(sql, id, {
          ...(options.tenant !== undefined && { tenantId: options.tenant }),
          limit: options.limit,
        })
        if (command.asJson) command.json(journey)
        else
          command.say(
            isEmpty(journey)
              ? `Nothing is known by the id ${id}.`
              : renderJourney(journey, Date.now(), outside.width, options.full === true),
          )
        if (isEmpty(journey)) command.code = exitCodes.notFound
      }),
    )

  selecting(reading('retry [id...]', 're-run records: by id (a record’s or a link’s), or all that match'), 100_000)
    .option('--side <side>', 'whose content travels; default: the side that travelled last', sideOf)
    .option('--refetch', 'read the records from their source first, then send what it holds now')
    .option('--body <file>', 'one record: send this body in the standard format instead (- reads standard input)')
    .option('--edit', 'one record: edit what is staged in $EDITOR, then send that')
    .option('--bind <id>', 'one record whose create was never answered: this is the record it made at the target')
    .option('--absent', 'one record whose create was never answered: it made none; create it again')
    .option('--wait [seconds]', 'wait until all are through (60 s), and say what became of them', count)
    .option('--callback <batch>', 'instead: send the callback of this master-data batch again', count)
    .option('--outgoing <batch>', 'instead: ask the target what became of this batch that was sent to it', count)
    .option('--yes', 'really do it; without it, a selection is only counted')
    .action((ids: string[], options: Retrying & { callback?: number; outgoing?: number }) =>
      command.withDatabase(false, ({ sql }) => {
        if (options.callback !== undefined) return resendCallback(command, sql, options.tenant, options.callback)
        if (options.outgoing !== undefined) return askOutgoing(command, sql, options.tenant, options.outgoing)
        return retry(command, sql, ids, options)
      }),
    )

  selecting(
    reading('ignore [id...]', 'let failures be until the record comes in again: by id, or all that match'),
    100_000,
  )
    .requiredOption('--reason <text>', 'why; shown with the record')
    .option('--yes', 'really do it; without it, a selection is only counted')
    .action((ids: string[], options: Selection & { reason: string; yes?: boolean }) =>
      command.withDatabase(false, async ({ sql }) => {
        const chosen = await selected(
          command,
          sql,
          ids,
          options,
          "mortise ignore --group 3f9a1c02de --reason 'test data'",
        )
        if (!chosen || !(await agreed(command, sql, chosen, options.yes, 'Ignore'))) return
        const bar = command.bar(chosen.keys.length, 'Ignored')
        const done = await ignoreAll(sql, hands, chosen.keys, command.who(), options.reason, (n) => bar.step(n))
        bar.end()
        const left = chosen.keys.length - done
        if (command.asJson) command.json({ matched: chosen.keys.length, done })
        else
          command.say(
            `${records(done)} ${done === 1 ? 'is' : 'are'} ignored until ${done === 1 ? 'it comes' : 'they come'} in again${left ? `; ${left} ${left === 1 ? 'is' : 'are'} not failed, or must be told what became of a call first` : ''}.`,
          )
        if (!done) command.code = exitCodes.refused
      }),
    )
}
