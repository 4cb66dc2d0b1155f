/**
 * Tells the log of records whose turn ended badly: one line each, with the trace id by which `mortise show` finds the whole story. At level
 * `debug` of all. What a record says is not in it: the fault's code and field, not its values.
 */
import type { Fault } from '../doc/fault.ts'
import { col, type Sql } from '../store/sql.ts'
import type { Settle } from './road.ts'

export interface TellLog {
  warn(fields: object, message: string): void
  debug(fields: object, message: string): void
  isLevelEnabled(level: string): boolean
}

interface Story {
  ord: number
  left_id: string | null
  right_id: string | null
  trace_id: string | null
}

/** The last thing that came in of the record, on whichever side it came last. */
const stories = (sql: Sql, ends: readonly Settle[]): Promise<Story[]> => sql<Story>`
  select w.ord::int4 as ord, l.left_id, l.right_id, a.trace_id
  from unnest(
    ${col.text(ends.map((one) => one.tenant_id))}::text[], ${col.text(ends.map((one) => one.pair_id))}::text[],
    ${col.int8(ends.map((one) => one.link_id))}::int8[]) with ordinality as w (tenant_id, pair_id, link_id, ord)
  cross join lateral (
    select k.left_id, k.right_id from link k
    where k.tenant_id = w.tenant_id and k.pair_id = w.pair_id and k.link_id = w.link_id
    limit 1) l
  cross join lateral (
    select p.left_connection, p.left_object, p.right_connection, p.right_object from pair p
    where p.tenant_id = w.tenant_id and p.pair_id = w.pair_id
    limit 1) p
  left join lateral (
    select s.trace_id from (
      (select a.seq, a.trace_id from arrival a
       where a.tenant_id = w.tenant_id and a.connection_id = p.left_connection and a.object = p.left_object and a.data_id = l.left_id
       order by a.seq desc limit 1)
      union all
      (select a.seq, a.trace_id from arrival a
       where a.tenant_id = w.tenant_id and a.connection_id = p.right_connection and a.object = p.right_object and a.data_id = l.right_id
       order by a.seq desc limit 1)) s
    order by s.seq desc
    limit 1) a on true`

const faultOf = (text: string | null): Partial<Fault> => (text === null ? {} : (JSON.parse(text) as Fault))

const said = (end: Settle): string => {
  switch (end.state) {
    case 'parked':
      return 'a record failed: it waits for a person'
    case 'unknown':
      return 'a call was not answered: it is looked up before anything else is done'
    case 'waiting':
      return 'a record waits for another'
    case 'due':
      return end.attempt ? 'a call is made again later' : 'a record is gone through again'
    case 'idle':
      return end.attempt ? 'a record was applied' : 'a record needed nothing'
  }
}

const bad = (end: Settle): boolean => end.state === 'parked' || end.state === 'unknown'

/** After the commit of the settle; nobody waits for it. */
export const tellEnds = async (sql: Sql, log: TellLog, settles: readonly Settle[]): Promise<void> => {
  const all = log.isLevelEnabled('debug')
  const ends = all ? settles : settles.filter(bad)
  if (!ends.length || !log.isLevelEnabled('warn')) return
  const found = new Map((await stories(sql, ends)).map((story) => [story.ord, story]))
  for (const [i, end] of ends.entries()) {
    const story = found.get(i + 1)
    const { code, stage, field } = faultOf(end.fault)
    log[bad(end) ? 'warn' : 'debug'](
      {
        trace: story?.trace_id ?? null,
        tenant: end.tenant_id,
        flow: end.pair_id,
        link: end.link_id,
        left: story?.left_id ?? null,
        right: story?.right_id ?? null,
        state: end.state,
        ...(end.attempt && {
          attempt: end.attempt.attempt_id,
          outcome: end.attempt.outcome,
          ms: Math.round(end.attempt.ms),
        }),
        ...(code && { code, stage }),
        ...(field && { field }),
      },
      said(end),
    )
  }
}
