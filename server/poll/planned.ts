/** What begins by itself, reconciliations and deletion sweeps: one row each, and every statement about them. */
import { randomUUID } from 'node:crypto'
import type { Millis, Side } from '../doc/document.ts'
import type { ReconcileDef } from '../doc/flow.ts'
import type { SweepDef, WhenDef } from '../doc/object.ts'
import { utc, type Zone, zoneOf } from '../map/zone.ts'
import { at, col, type Sql } from '../store/sql.ts'
import { addComparison } from './comparisons.ts'
import { nextRun } from './schedule.ts'
import { addSweep } from './sweeps.ts'

interface Named {
  tenant_id: string
  /** As people name it: `material leftToRight`, `erp/BD_Material`. */
  name: string
  /** Whose wall clock. */
  zone: string
}
export type Plan = Named &
  (
    | { kind: 'reconcile'; pairId: string; side: Side; def: ReconcileDef }
    | { kind: 'sweep'; connectionId: string; object: string; def: SweepDef }
  )
export type PlanKind = Plan['kind']

export interface PlannedRow {
  tenant_id: string
  kind: PlanKind
  name: string
  next_at: Millis
  began_at: Millis | null
  task_id: string | null
  /** Of the task that began last; null: none did, or it is dropped by now. */
  state: string | null
}

const never: Millis = 365 * 86_400_000
const zoneIn = (plan: Plan): Zone => zoneOf(plan.zone) ?? utc
/** The schedule alone: what a run then does may change without moving it. */
const whenOf = ({ every, cron, hours, days, monthDays, jitter }: WhenDef): object => ({
  every,
  cron,
  hours,
  days,
  monthDays,
  jitter,
})
const saidOf = (plan: Plan): string => JSON.stringify([whenOf(plan.def), plan.zone])
export const planNext = (plan: Plan, after: Millis): Millis => nextRun(plan.def, zoneIn(plan), after) ?? after + never

const names = (plans: readonly Plan[]) => ({
  tenants: col.text(plans.map((one) => one.tenant_id)),
  kinds: col.text(plans.map((one) => one.kind)),
  names: col.text(plans.map((one) => one.name)),
})

/** The rows of these plans and no others. A schedule that is new or another one counts from now. */
export const ensurePlanned = (sql: Sql, plans: readonly Plan[]): Promise<void> =>
  sql.retrying(async (tx) => {
    const [{ now } = { now: 0 }] = await tx<{ now: Millis }>`select clock_timestamp() as now`
    const key = names(plans)
    await tx`
      delete from planned p
      where not exists (
        select from unnest(${key.tenants}::text[], ${key.kinds}::text[], ${key.names}::text[]) as k (tenant_id, kind, name)
        where p.tenant_id = k.tenant_id and p.kind = k.kind and p.name = k.name)`
    await tx`
      insert into planned as p (tenant_id, kind, name, said, next_at)
      select k.tenant_id, k.kind, k.name, k.said, to_timestamp(k.next_ms / 1000)
      from unnest(
        ${key.tenants}::text[], ${key.kinds}::text[], ${key.names}::text[], ${col.text(plans.map(saidOf))}::text[],
        ${col.float8(plans.map((one) => planNext(one, now)))}::float8[]) as k (tenant_id, kind, name, said, next_ms)
      join tenant t on t.tenant_id = k.tenant_id
      order by 1, 2, 3
      on conflict (tenant_id, kind, name) do update set said = excluded.said, next_at = excluded.next_at
      where p.said <> excluded.said`
  })

/** Whether the one before is still at work. */
const isOpen = async (tx: Sql, plan: Plan): Promise<boolean> =>
  plan.kind === 'reconcile'
    ? (
        await tx`
          select from comparison
          where tenant_id = ${plan.tenant_id} and pair_id = ${plan.pairId} and from_side = ${plan.side} and scheduled
            and state in ('queued', 'running')
          limit 1`
      ).length > 0
    : (
        await tx`
          select from deletion_sweep
          where tenant_id = ${plan.tenant_id} and connection_id = ${plan.connectionId} and object = ${plan.object} and scheduled
            and state in ('queued', 'running')
          limit 1`
      ).length > 0

const begin = async (tx: Sql, plan: Plan, id: string, now: Millis): Promise<void> => {
  if (plan.kind === 'sweep') {
    const { tenant_id, connectionId, object, def } = plan
    const wish = {
      tenant_id,
      connection_id: connectionId,
      object,
      on_gone: def.onGone === 'ask' ? ('ask' as const) : ('mark' as const),
      every_ms: null,
      asked_by: 'schedule',
      scheduled: true,
    }
    return addSweep(tx, id, wish, null)
  }
  const { last, lag, repair, repairMost } = plan.def
  const to = now - lag
  await addComparison(tx, {
    tenantId: plan.tenant_id,
    id,
    pairId: plan.pairId,
    from: plan.side,
    range: { from: last === undefined ? 0 : to - last, to },
    by: 'schedule',
    scheduled: true,
    repair: { kinds: repair, most: repairMost },
  })
}

export type Begun = { plan: Plan; task: string | null }

/**
 * Begins the one that is longest due, and says when it is due again, in one transaction: the row's lock is what keeps two nodes apart. `task`
 * null: the one before is still at work, so this time is left out. Null: nothing is due.
 */
export const beginDue = (sql: Sql, plans: readonly Plan[], random: number): Promise<Begun | null> =>
  sql.retrying(async (tx) => {
    const key = names(plans)
    const [due] = await tx<{ tenant_id: string; kind: PlanKind; name: string; now: Millis }>`
      select p.tenant_id, p.kind, p.name, clock_timestamp() as now
      from unnest(${key.tenants}::text[], ${key.kinds}::text[], ${key.names}::text[]) as k (tenant_id, kind, name)
      join planned p on p.tenant_id = k.tenant_id and p.kind = k.kind and p.name = k.name
      where p.next_at <= clock_timestamp()
      order by p.next_at
      limit 1
      for update of p skip locked`
    const plan =
      due && plans.find((one) => one.tenant_id === due.tenant_id && one.kind === due.kind && one.name === due.name)
    if (!due || !plan) return null
    const task = (await isOpen(tx, plan)) ? null : randomUUID()
    if (task !== null) await begin(tx, plan, task, due.now)
    const next = planNext(plan, due.now) + Math.floor(random * plan.def.jitter)
    await tx`
      update planned set next_at = ${at(next)}, task_id = coalesce(${task}, task_id),
        began_at = case when ${task}::text is null then began_at else ${at(due.now)}::timestamptz end
      where tenant_id = ${due.tenant_id} and kind = ${due.kind} and name = ${due.name}`
    return { plan, task }
  })

/** ms until the next one is due; null where there is none. */
export const nextPlanned = async (sql: Sql): Promise<Millis | null> => {
  const [row] = await sql<{ ms: number | null }>`
    select (extract(epoch from min(next_at) - clock_timestamp()) * 1000)::float8 as ms
    from planned`
  return row?.ms ?? null
}

export const readPlanned = (tx: Sql, tenantId: string): Promise<PlannedRow[]> => tx<PlannedRow>`
  select p.tenant_id, p.kind, p.name, p.next_at, p.began_at, p.task_id, coalesce(c.state, s.state) as state
  from planned p
  left join comparison c on p.kind = 'reconcile' and c.tenant_id = p.tenant_id and c.comparison_id = p.task_id
  left join deletion_sweep s on p.kind = 'sweep' and s.tenant_id = p.tenant_id and s.sweep_id = p.task_id
  where p.tenant_id = ${tenantId}
  order by p.kind, p.name`

/** False where nothing of that name is planned. */
export const beginNow = async (tx: Sql, tenantId: string, kind: PlanKind, name: string): Promise<boolean> =>
  (await tx.affected`
    update planned set next_at = clock_timestamp()
    where tenant_id = ${tenantId} and kind = ${kind} and name = ${name}`) === 1
