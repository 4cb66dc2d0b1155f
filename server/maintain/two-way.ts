/** Two-way pairs 双向: how they behave, the conflicts that wait for a choice with both values, and the choice of a person (D4, D8). */
import { z } from 'zod'
import type { Locale } from '../../protocol/codes.ts'
import type { Millis, Side } from '../doc/document.ts'
import { type Asked, inTenant, isRefused, moment, ok, refuse, type Route, route, toMoment } from '../http/route.ts'
import { asTenant } from '../store/roles.ts'
import type { Sql } from '../store/sql.ts'
import { mask } from './mask.ts'

export interface LinkName {
  tenant_id: string
  pair_id: string
  link_id: number
}

interface End {
  id: string
  version: number
  sourceTime: Millis | null
  voided: boolean
}

/** Both records side by side (converge/conflicts.ts). */
export interface ShownConflict {
  left: End
  right: End
  since: Millis | null
  fields: {
    left: string | null
    right: string | null
    leftValue: string | null
    rightValue: string | null
    changed: Side[]
    owner: Side | null
    takes: Side[]
  }[]
}

/** Everything of `take`, but for these fields, which are taken from the other side. */
export interface Mixing {
  take: Side
  but: readonly { left: string | null; right: string | null }[]
}

export interface TwoWay {
  pairId: string
  conflict: string
  left: string
  right: string
  leftToRight: string
  rightToLeft: string
  today: { echoes: number; flips: number }
  week: { echoes: number; flips: number }
  /** Records that wait for a choice, and those that were stopped as a loop. */
  conflicts: number
  loops: number
}

/** Pairs with a flow each way. */
export const readTwoWay = async (sql: Sql, tenantId: string): Promise<TwoWay[]> => {
  const rows = await sql<{
    pair_id: string
    conflict: string
    left_end: string
    right_end: string
    left_state: string
    right_state: string
    echoes: number
    flips: number
    week_echoes: number
    week_flips: number
    conflicts: number
    loops: number
  }>`
    select p.pair_id, p.definition ->> 'conflict' as conflict,
      p.left_connection || '/' || p.left_object as left_end, p.right_connection || '/' || p.right_object as right_end,
      l.state as left_state, r.state as right_state,
      coalesce(t.echoes, 0) as echoes, coalesce(t.flips, 0) as flips,
      coalesce(t.week_echoes, 0) as week_echoes, coalesce(t.week_flips, 0) as week_flips,
      coalesce(k.conflicts, 0) as conflicts, coalesce(k.loops, 0) as loops
    from pair p
    join flow l on l.tenant_id = p.tenant_id and l.pair_id = p.pair_id and l.from_side = 'left'
    join flow r on r.tenant_id = p.tenant_id and r.pair_id = p.pair_id and r.from_side = 'right'
    left join lateral (
      select sum(echoes) filter (where day = current_date)::int8 as echoes, sum(flips) filter (where day = current_date)::int8 as flips,
        sum(echoes)::int8 as week_echoes, sum(flips)::int8 as week_flips
      from turns
      where turns.tenant_id = p.tenant_id and turns.pair_id = p.pair_id and day > current_date - 7) t on true
    left join lateral (
      select count(*) filter (where reason = 'conflict' and fault like '{"code":"conflict.both"%') as conflicts,
        count(*) filter (where reason = 'loop') as loops
      from link
      where link.tenant_id = p.tenant_id and link.pair_id = p.pair_id and link.state = 'parked') k on true
    where p.tenant_id = ${tenantId}
    order by p.pair_id`
  return rows.map((row) => ({
    pairId: row.pair_id,
    conflict: row.conflict,
    left: row.left_end,
    right: row.right_end,
    leftToRight: row.left_state,
    rightToLeft: row.right_state,
    today: { echoes: row.echoes, flips: row.flips },
    week: { echoes: row.week_echoes, flips: row.week_flips },
    conflicts: row.conflicts,
    loops: row.loops,
  }))
}

export interface ConflictRow {
  link_id: number
  pair_id: string
  left_id: string
  right_id: string
  since: Millis | null
}

/** Oldest first; `after` is the last link already seen. */
export const listConflicts = (sql: Sql, tenantId: string, after: number, limit: number): Promise<ConflictRow[]> =>
  sql<ConflictRow>`
    select link_id, pair_id, left_id, right_id, since
    from link
    where tenant_id = ${tenantId} and state = 'parked' and reason = 'conflict' and fault like '{"code":"conflict.both"%'
      and link_id > ${after}
    order by link_id
    limit ${limit}`

export const nameOf = async (sql: Sql, tenantId: string, linkId: number): Promise<LinkName | null> => {
  const [row] = await sql<{ pair_id: string }>`
    select p.pair_id
    from pair p
    join link l on l.tenant_id = p.tenant_id and l.pair_id = p.pair_id and l.link_id = ${linkId}
    where p.tenant_id = ${tenantId}`
  return row ? { tenant_id: tenantId, pair_id: row.pair_id, link_id: linkId } : null
}

export interface TwoWayDeps {
  /** Wears `mortise_app`. */
  sql: Sql
  conflict(sql: Sql, link: LinkName): Promise<ShownConflict | null>
  /** C6: this side's content travels. */
  rerun(sql: Sql, links: readonly LinkName[], side: Side): Promise<number>
  /** Both records are made what the mixing says, and travel. A sentence where that is not possible; null: done. */
  mix(link: LinkName, mixing: Mixing, who: string, locale: Locale): Promise<string | null>
  woke(): void
  writeDown(
    tx: Sql,
    asked: Asked<unknown, unknown, unknown>,
    routeId: string,
    tenantId: string,
    deed: { kind: string; name: string; what: 'done'; before: Record<string, unknown>; after: Record<string, unknown> },
  ): Promise<void>
}

const side = z.enum(['left', 'right'])
const endShape = z.object({
  id: z.string(),
  version: z.number().int(),
  sourceTime: moment.nullable(),
  voided: z.boolean(),
})
const conflictShape = z.object({
  link: z.number().int(),
  pair: z.string(),
  since: moment.nullable(),
  left: endShape,
  right: endShape,
  fields: z.array(
    z.object({
      left: z.string().nullable(),
      right: z.string().nullable(),
      leftValue: z.string().nullable(),
      rightValue: z.string().nullable(),
      changed: z.array(side).describe('Sides whose value is no longer what both agreed on.'),
      owner: side.nullable(),
      takes: z.array(side).describe('Sides whose value a flow brings to the other: only these can be taken.'),
    }),
  ),
})
const turnsShape = z.object({ echoes: z.number(), flips: z.number() })
const aConflict = inTenant.extend({ link: z.coerce.number().int().min(1).max(Number.MAX_SAFE_INTEGER) })

const shownEnd = ({ sourceTime, ...rest }: End) => ({
  ...rest,
  sourceTime: sourceTime === null ? null : toMoment(sourceTime),
})

/** Values behind telling names are hidden, as everywhere. */
const masked = (name: string | null, value: string | null): string | null =>
  name === null || value === null
    ? value
    : (JSON.parse(`{${mask(`${JSON.stringify(name)}:${JSON.stringify(value)}`)}}`)[name] as string)

export const shownConflict = (name: LinkName, conflict: ShownConflict) => ({
  link: name.link_id,
  pair: name.pair_id,
  since: conflict.since === null ? null : toMoment(conflict.since),
  left: shownEnd(conflict.left),
  right: shownEnd(conflict.right),
  fields: conflict.fields.map((field) => ({
    ...field,
    leftValue: masked(field.left, field.leftValue),
    rightValue: masked(field.right, field.rightValue),
  })),
})

export const twoWayRoutes = ({ sql, conflict, rerun, mix, woke, writeDown }: TwoWayDeps): Route[] => [
  route({
    id: 'listTwoWay',
    method: 'GET',
    path: '/tenants/:tenant/two-way',
    group: 'records',
    summary: 'Pairs with a flow each way: who wins, echoes and flips, what waits for a choice',
    params: inTenant,
    answer: z.object({
      pairs: z.array(
        z.object({
          pair: z.string(),
          conflict: z.string().describe('Who wins where both changed.'),
          left: z.string(),
          right: z.string(),
          leftToRight: z.string(),
          rightToLeft: z.string(),
          today: turnsShape,
          week: turnsShape,
          conflicts: z.number(),
          loops: z.number(),
        }),
      ),
    }),
    handle: async ({ params: { tenant } }) => {
      const pairs = await asTenant(sql, tenant, (tx) => readTwoWay(tx, tenant))
      return ok({ pairs: pairs.map(({ pairId, ...rest }) => ({ pair: pairId, ...rest })) })
    },
  }),
  route({
    id: 'listConflicts',
    method: 'GET',
    path: '/tenants/:tenant/conflicts',
    group: 'records',
    summary: 'Records that were changed on both sides and wait for a choice',
    params: inTenant,
    query: z.object({
      after: z.coerce.number().int().min(0).optional().describe('The last link that was seen.'),
      limit: z.coerce.number().int().min(1).max(500).optional().describe('Default 100.'),
    }),
    answer: z.object({
      conflicts: z.array(
        z.object({ link: z.number(), pair: z.string(), left: z.string(), right: z.string(), since: moment.nullable() }),
      ),
    }),
    handle: async ({ params: { tenant }, query: { after = 0, limit = 100 } }) => {
      const rows = await asTenant(sql, tenant, (tx) => listConflicts(tx, tenant, after, limit))
      return ok({
        conflicts: rows.map((row) => ({
          link: row.link_id,
          pair: row.pair_id,
          left: row.left_id,
          right: row.right_id,
          since: row.since === null ? null : toMoment(row.since),
        })),
      })
    },
  }),
  route({
    id: 'showConflict',
    method: 'GET',
    path: '/tenants/:tenant/conflicts/:link',
    group: 'records',
    summary: 'Both records side by side, field by field, and who changed what',
    params: aConflict,
    answer: conflictShape,
    handle: async ({ params: { tenant, link } }) => {
      const shown = await asTenant(sql, tenant, async (tx) => {
        const name = await nameOf(tx, tenant, link)
        const found = name && (await conflict(tx, name))
        return found ? shownConflict(name, found) : null
      })
      return shown ? ok(shown) : refuse('absent', { what: `conflict ${link}` })
    },
  }),
  route({
    id: 'resolveConflict',
    method: 'POST',
    path: '/tenants/:tenant/conflicts/:link/resolve',
    group: 'records',
    summary: 'Choose: the content of this side goes to the other; field by field where some of each is wanted',
    describe:
      'With `expected`, refused where a record has changed since it was shown. With `but`, these fields are taken from the other side and both records are written; what was mixed counts until its source sends another.',
    params: aConflict,
    body: z.object({
      take: side,
      expected: z.object({ left: z.number().int(), right: z.number().int() }).optional().describe('Versions as shown.'),
      but: z
        .array(z.object({ left: z.string().nullable(), right: z.string().nullable() }))
        .max(1_000)
        .optional()
        .describe('Fields, named as shown, that are taken from the other side.'),
    }),
    answer: z.object({ resolved: side }),
    handle: async (asked) => {
      const { tenant, link } = asked.params
      const { take, expected, but = [] } = asked.body
      const said = await asTenant(sql, tenant, async (tx) => {
        const name = await nameOf(tx, tenant, link)
        const found = name && (await conflict(tx, name))
        if (!found) return refuse('absent', { what: `conflict ${link}` })
        if (expected && (expected.left !== found.left.version || expected.right !== found.right.version))
          return refuse('record.refused', { said: 'a record has changed since it was shown' })
        return { name, found }
      })
      if (isRefused(said)) return said
      const { name, found } = said
      // Staged by the road with a commit of its own, which keeps beside it who mixed them; the trail follows.
      const no = but.length ? await mix(name, { take, but }, asked.who.actor, asked.locale) : null
      if (no !== null) return refuse('record.refused', { said: no }, { path: 'body.but' })
      const done = await asTenant(sql, tenant, async (tx) => {
        if (!but.length) await rerun(tx, [name], take)
        await writeDown(tx, asked, 'resolveConflict', tenant, {
          kind: 'record',
          name: `${name.pair_id} ${name.link_id}`,
          what: 'done',
          before: { left: found.left.version, right: found.right.version },
          after: { resolved: take, ...(but.length && { but }) },
        })
        return null
      })
      if (isRefused(done)) return done
      woke()
      return ok({ resolved: take })
    },
  }),
]
