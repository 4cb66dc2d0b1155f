/** Edit and re-run: a body that a person has edited becomes what is staged of a record, by the door's own rules. */
import { spawnSync } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { isRefusal, type Locale, sentenceOf } from '../../protocol/codes.ts'
import { type Admitted, type Arrival, type Side, sides } from '../doc/document.ts'
import { editing } from '../maintain/deeds.ts'
import type { RecordRow } from '../maintain/records.ts'
import { readObjects } from '../objects/catalog.ts'
import { standardPush } from '../receive/standard.ts'
import { admitIn } from '../stage/admit.ts'
import type { Sql } from '../store/sql.ts'

/** What is staged of that side, in the standard format, as it is: nothing hidden, or the edit would send what hides it. */
export const stagedText = async (sql: Sql, row: RecordRow, side: Side): Promise<string> => {
  const { connectionId, object, id } = row[side]
  const [staged] = await sql<{ master: string; details: string | null }>`
    select master, details
    from document
    where tenant_id = ${row.tenantId} and connection_id = ${connectionId} and object = ${object} and data_id = ${id}`
  const indented = (text: string) => text.replace(/^\{/, '{\n  ')
  return `{
  "objAPIName": ${JSON.stringify(object)},
  "masterFieldVal": ${indented(staged?.master || '{}')}${staged?.details ? `,\n  "detailFieldVals": ${staged.details}` : ''}
}
`
}

/** Null where nothing was changed. Numbers stay as they are written: the text is edited, never parsed and written anew. */
export const editInEditor = async (
  sql: Sql,
  row: RecordRow,
  side: Side,
  env: NodeJS.ProcessEnv,
): Promise<string | null> => {
  const folder = await mkdtemp(join(tmpdir(), 'mortise-edit-'))
  try {
    const file = join(folder, 'record.json')
    const before = await stagedText(sql, row, side)
    await writeFile(file, before, { mode: 0o600 })
    const { status } = spawnSync(`${env.VISUAL || env.EDITOR || 'vi'} "${file}"`, { shell: true, stdio: 'inherit' })
    const after = await readFile(file, 'utf8')
    return status === 0 && after !== before ? after : null
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

/** Whose record it is: the part of a RecordRow that an edit needs. */
type Edited = Pick<RecordRow, 'tenantId' | Side>

/** The edited body as it would arrive, or the sentence with which the door refuses it. */
const arriving = async (
  sql: Sql,
  row: Edited,
  side: Side,
  body: Buffer,
  who: string,
  locale: Locale,
): Promise<Arrival | string> => {
  const { connectionId, object, id } = row[side]
  if (id === null) return `Nothing of this record is known on the ${side} side.`
  const objects = (await readObjects(sql, new Map())).filter(
    (one) => one.tenantId === row.tenantId && one.connectionId === connectionId,
  )
  const [connection] = await sql<{ definition: string }>`
    select definition
    from connection
    where tenant_id = ${row.tenantId} and connection_id = ${connectionId}`
  const { zone } = JSON.parse(connection?.definition ?? '{"zone":"UTC"}') as { zone: string }
  // A person has the whole record before him, whatever its source usually sends.
  const find = (name: string) => {
    const found = objects.find((one) => one.object.code === name || one.object.apiName === name)?.object
    return found && { ...found, bodies: { ...found.bodies, push: 'whole' as const } }
  }
  const made = standardPush(
    {
      token: { tokenId: '', tenantId: row.tenantId, connections: null, objects: null },
      connection: { connectionId, zone, object: find },
      named: find(object),
      namedAs: object,
      id,
      operation: 'upsert',
      traceId: randomUUID(),
      meta: editing(who),
      key: undefined,
      keyAnswer: '',
    },
    body,
  )
  return isRefusal(made) ? sentenceOf(made, locale) : made
}

const outOfDate = 'What is staged is newer by its own modified time: keep that field as it is, or raise it.'

/** What became of it at the door, or the sentence with which the door refuses it. */
export const admitEdited = async (
  sql: Sql,
  row: RecordRow,
  side: Side,
  body: Buffer,
  who: string,
  locale: Locale = 'en_US',
): Promise<Admitted | string> => {
  const made = await arriving(sql, row, side, body, who, locale)
  if (typeof made === 'string') return made
  const [admitted] = await sql.retrying((tx) => admitIn(tx, [made]))
  if (!admitted) throw new Error('an edited body was neither taken nor refused')
  return admitted.kind === 'superseded' ? outOfDate : admitted
}

/** Both sides of one record at once, with what is to follow in the same transaction: nobody sees one of them without the other. */
export const admitBoth = async (
  sql: Sql,
  row: Edited,
  bodies: Record<Side, Buffer>,
  who: string,
  locale: Locale,
  then: (tx: Sql) => Promise<unknown>,
): Promise<string | null> => {
  const made = await Promise.all(sides.map((side) => arriving(sql, row, side, bodies[side], who, locale)))
  const [left, right] = made
  if (typeof left === 'string') return left
  if (typeof right === 'string') return right
  if (!left || !right) throw new Error('a record has two sides')
  const refused = new Error(outOfDate)
  try {
    await sql.retrying(async (tx) => {
      // one after the other: both touch the same link
      const admitted = [...(await admitIn(tx, [left])), ...(await admitIn(tx, [right]))]
      if (admitted.some((one) => one.kind === 'superseded')) throw refused
      await then(tx)
    })
    return null
  } catch (error) {
    if (error === refused) return outOfDate
    throw error
  }
}
