/** Routes of what begins by itself: reconciliations and deletion sweeps by schedule, how each stands, and run now. */
import { z } from 'zod'
import { done, inTenant, moment, ok, refuse, type Route, route, toMoment, toMomentOrNull } from '../http/route.ts'
import { asTenant } from '../store/roles.ts'
import { beginNow, type Plan, type PlannedRow, planNext, readPlanned } from './planned.ts'
import type { PollRouteDeps } from './routes.ts'

export interface PlannedRouteDeps extends Pick<PollRouteDeps, 'sql' | 'writeDown' | 'woke'> {
  /** As declared. */
  plans(tenantId: string): readonly Plan[]
}

const kind = z.enum(['reconcile', 'sweep'])
const plannedShape = z.object({
  kind,
  name: z.string().describe('The flow ("material leftToRight"), or the object ("erp/BD_Material").'),
  schedule: z.record(z.string(), z.unknown()).describe('As declared.'),
  zone: z.string(),
  nextRuns: z.array(moment),
  began: moment.nullable(),
  task: z.string().nullable().describe('The comparison or deletion sweep that it began last …'),
  state: z.string().nullable().describe('… and how that stands.'),
})

const shown = (plan: Plan, row: PlannedRow): z.input<typeof plannedShape> => {
  const runs = [row.next_at]
  while (runs.length < 5) runs.push(planNext(plan, runs.at(-1) as number))
  return {
    kind: plan.kind,
    name: plan.name,
    schedule: { ...plan.def },
    zone: plan.zone,
    nextRuns: runs.map(toMoment),
    began: toMomentOrNull(row.began_at),
    task: row.task_id,
    state: row.state,
  }
}

export const plannedRoutes = ({ sql, plans, woke, writeDown }: PlannedRouteDeps): Route[] => [
  route({
    id: 'listPlanned',
    method: 'GET',
    path: '/tenants/:tenant/planned',
    group: 'polls',
    summary: 'Reconciliations of flows and deletion sweeps of objects that begin by themselves, and when',
    params: inTenant,
    answer: z.object({ items: z.array(plannedShape) }),
    handle: async ({ params: { tenant } }) => {
      const rows = await asTenant(sql, tenant, (tx) => readPlanned(tx, tenant))
      const declared = plans(tenant)
      return ok({
        items: rows.flatMap((row) => {
          const plan = declared.find((one) => one.kind === row.kind && one.name === row.name)
          return plan ? [shown(plan, row)] : []
        }),
      })
    },
  }),
  route({
    id: 'runPlanned',
    method: 'POST',
    path: '/tenants/:tenant/planned/run',
    group: 'polls',
    summary: 'Begin one now; its schedule goes on from there',
    params: inTenant,
    body: z.object({ kind, name: z.string().min(1).max(400) }),
    handle: async (asked) => {
      const { tenant } = asked.params
      const { kind: what, name } = asked.body
      const found = await asTenant(sql, tenant, async (tx) => {
        if (!(await beginNow(tx, tenant, what, name))) return false
        await writeDown(tx, asked, 'runPlanned', tenant, { kind: what, name, what: 'done', after: 'run' })
        return true
      })
      if (!found) return refuse('absent', { what: `${what} ${name}` })
      woke()
      return done()
    },
  }),
]
