/** Bodies that speak of a part of a record: merged with what is staged, field by field and detail by detail, under the record's lock (A2). */
import { createHash } from 'node:crypto'
import type { Admitted, Arrival, Millis } from '../doc/document.ts'
import type { Sql } from '../store/sql.ts'
import { recordKey } from './fold.ts'
import { mergeMembers, members, type Member } from './members.ts'
import { admitWhole } from './whole.ts'

/** True when the row cannot be staged without knowing what is stored. */
export const needsMerge = (row: Arrival): boolean =>
  row.partial === true ||
  (row.details !== null && row.detailsHash === null) ||
  (row.details !== null && !row.detailsComplete)

interface Stored {
  version: number
  master: string
  details: string | null
  source_time: Millis | null
  field_versions: string | null
}

const digest = (text: string): Buffer => createHash('sha256').update(text).digest().subarray(0, 16)

/** When each member was last told: by source time where both have one, else by order of arrival. */
type Told = { [member: string]: Millis | null }

/**
 * Takes the record's lock, merges, and admits. A row of version 0 holds the lock for a record that is not staged yet: two first
 * partial bodies at once would else each miss the other's fields.
 */
export const admitMerging = async (tx: Sql, rows: readonly Arrival[], now: Millis | null): Promise<Admitted[]> => {
  const admitted: Admitted[] = []
  const order = rows
    .map((_, i) => i)
    .sort((x, y) => {
      const a = recordKey(rows[x] as Arrival)
      const b = recordKey(rows[y] as Arrival)
      return a < b ? -1 : a > b ? 1 : x - y
    })
  for (const i of order) {
    const row = rows[i] as Arrival
    const merged = needsMerge(row) ? await mergeRow(tx, row) : { row, versions: null }
    const [answer] = await admitWhole(tx, [merged.row], now)
    admitted[i] = answer as Admitted
    if (merged.versions) {
      await tx`
        update document set field_versions = ${merged.versions}::json
        where tenant_id = ${row.tenant_id} and connection_id = ${row.connection_id} and object = ${row.object} and data_id = ${row.data_id}`
    }
  }
  return admitted
}

const mergeRow = async (tx: Sql, row: Arrival): Promise<{ row: Arrival; versions: string | null }> => {
  await tx`
    insert into document (tenant_id, connection_id, object, data_id, version, operation, master_hash, master)
    values (${row.tenant_id}, ${row.connection_id}, ${row.object}, ${row.data_id}, 0, 'upsert', '', '')
    on conflict do nothing`
  const [stored] = await tx<Stored>`
    select version, master, details, source_time, field_versions from document
    where tenant_id = ${row.tenant_id} and connection_id = ${row.connection_id} and object = ${row.object} and data_id = ${row.data_id}
    for update`
  if (!stored) throw new Error('a locked document vanished')
  const told: Told = stored.field_versions ? (JSON.parse(stored.field_versions) as Told) : {}
  const known = new Set([
    ...members(stored.master || '{}').map((m) => `m:${m.key}`),
    ...members(stored.details ?? '{}').map((m) => `d:${m.key}`),
  ])
  const newer = (member: string): boolean => {
    const before = member in told ? told[member] : known.has(member) ? stored.source_time : null
    return before === null || before === undefined || row.source_time === null || row.source_time >= before
  }
  const note =
    (kind: 'm' | 'd') =>
    (m: Member): boolean => {
      if (!newer(`${kind}:${m.key}`)) return false
      told[`${kind}:${m.key}`] = row.source_time
      return true
    }
  const master =
    row.partial && row.master
      ? mergeMembers(members(stored.master || '{}'), members(row.master.toString()).filter(note('m')))
      : row.master?.toString()
  const details = row.details
    ? mergeMembers(
        members(stored.details ?? '{}'),
        members(row.details.toString()).filter(row.partial ? note('d') : () => true),
      )
    : null
  // The merged whole is as new as the newest thing it contains.
  const source_time =
    row.partial && row.source_time !== null && stored.source_time !== null
      ? Math.max(row.source_time, stored.source_time)
      : row.source_time
  return {
    row: {
      ...row,
      ...(master !== undefined && {
        master: Buffer.from(master),
        masterHash: row.partial ? digest(master) : row.masterHash,
      }),
      ...(details !== null && { details: Buffer.from(details), detailsHash: digest(details) }),
      external_id: row.external_id,
      source_time,
      detailsComplete: true,
      partial: false,
    },
    versions: row.partial ? JSON.stringify(told) : null,
  }
}
