/**
 * Long work that a person asked for, and the tasker that does it: slice by slice, each with its progress in one transaction, by whichever
 * node holds the lease. A node that dies in between leaves whole slices; another goes on after the lease.
 */
import { type Loop, startLoop } from '../agent/loop.ts'
import type { Env } from '../doc/env.ts'
import type { Side } from '../doc/document.ts'
import { asTenant } from '../store/roles.ts'
import type { Sql } from '../store/sql.ts'
import { isCollision, isUnavailable } from '../store/trouble.ts'
import { matching, type PageFilter } from './pages.ts'

export interface Task {
  taskId: string
  kind: string
  askedBy: string
  state: 'running' | 'done' | 'failed' | 'stopped'
  total: number
  done: number
  fault: string | null
  /** What it found, where it is more than how far it came. */
  result: unknown
  createdAt: number
  endedAt: number | null
}

/** What a retry works through: fixed when it was asked for. */
export interface RetryAsked {
  filter: PageFilter
  side: Side | null
}

/** One slice of a kind of work of another room; `after` and `result` are what the slice before answered. */
export type Work = (
  sql: Sql,
  tenantId: string,
  asked: unknown,
  before: { after: string | null; result: unknown },
  slice: number,
) => Promise<{ count: number; next: string | null; result: unknown }>

interface Row {
  task_id: string
  kind: string
  asked: string
  result: string | null
  asked_by: string
  state: Task['state']
  total: number
  done: number
  after: string | null
  fault: string | null
  created_at: number
  ended_at: number | null
}

const taskOf = (row: Row): Task => ({
  taskId: row.task_id,
  kind: row.kind,
  askedBy: row.asked_by,
  state: row.state,
  total: row.total,
  done: row.done,
  fault: row.fault,
  result: row.result === null ? null : JSON.parse(row.result),
  createdAt: row.created_at,
  endedAt: row.ended_at,
})

export const addTask = async (
  tx: Sql,
  tenantId: string,
  task: { taskId: string; kind?: string; asked: unknown; askedBy: string; total: number },
): Promise<Task> => {
  const [row] = await tx<Row>`
    insert into task (tenant_id, task_id, kind, asked, asked_by, total)
    values (${tenantId}, ${task.taskId}, ${task.kind ?? 'retry'}, ${JSON.stringify(task.asked)}::json, ${task.askedBy}, ${task.total})
    returning *`
  return taskOf(row as Row)
}

/** Newest first. */
export const readTasks = async (tx: Sql, tenantId: string, taskId: string | null = null): Promise<Task[]> => {
  const rows = await tx<Row>`
    select *
    from task
    where tenant_id = ${tenantId} and (${taskId}::text is null or task_id = ${taskId})
    order by created_at desc
    limit 1000`
  return rows.map(taskOf)
}

/** What is under way ends with its slice. False where it had ended. */
export const stopTask = async (tx: Sql, tenantId: string, taskId: string): Promise<boolean> =>
  (await tx.affected`
    update task set state = 'stopped', ended_at = clock_timestamp()
    where tenant_id = ${tenantId} and task_id = ${taskId} and state = 'running'`) === 1

export interface TaskerDeps {
  /** Wears `mortise_app`. */
  sql: Sql
  env: Pick<Env, 'sleep' | 'random'>
  log: { error(fields: object, message: string): void }
  /** Goes through these links again (converge/ids.ts). */
  rerun(
    sql: Sql,
    links: readonly { tenant_id: string; pair_id: string; link_id: number }[],
    side: Side | null,
  ): Promise<number>
  /** Other kinds of work, by the task's kind. */
  works?: Readonly<Record<string, Work>>
  /** There is work for the engine. */
  woke(): void
  slice?: number
  everyMs?: number
}

const LEASE = 30 // seconds: a slice takes a fraction of one

/** Takes the lease, does one slice and writes down how far it came. Null: somebody else is at it, or it has ended. */
const oneSlice = async (deps: TaskerDeps, tenantId: string, taskId: string): Promise<'more' | 'done' | null> => {
  const { sql, slice = 500 } = deps
  const [task] = await asTenant(
    sql,
    tenantId,
    (tx) => tx<Row>`
      update task set lease_until = clock_timestamp() + ${LEASE} * interval '1 second'
      where tenant_id = ${tenantId} and task_id = ${taskId} and state = 'running' and lease_until < clock_timestamp()
      returning *`,
  )
  if (!task) return null
  if (task.kind !== 'retry') return otherSlice(deps, tenantId, task, slice)
  const { filter, side } = JSON.parse(task.asked) as RetryAsked
  return asTenant(sql, tenantId, async (tx) => {
    const { links, next } = await matching(tx, filter, task.after === null ? null : Number(task.after), slice)
    const count = await deps.rerun(tx, links, side)
    await tx`
      update task set
        done = done + ${count},
        after = coalesce(${next === null ? null : String(next)}, after),
        state = case when state = 'running' and ${next === null} then 'done' else state end,
        ended_at = case when state = 'running' and ${next === null} then clock_timestamp() else ended_at end,
        lease_until = '-infinity'
      where tenant_id = ${tenantId} and task_id = ${taskId}`
    return next === null ? 'done' : 'more'
  })
}

const otherSlice = async (deps: TaskerDeps, tenantId: string, task: Row, slice: number): Promise<'more' | 'done'> => {
  const work = deps.works?.[task.kind]
  if (!work) throw new Error(`nobody knows how to do ${task.kind}`)
  const before = { after: task.after, result: task.result === null ? null : (JSON.parse(task.result) as unknown) }
  return asTenant(deps.sql, tenantId, async (tx) => {
    const { count, next, result } = await work(tx, tenantId, JSON.parse(task.asked), before, slice)
    await tx`
      update task set
        done = done + ${count},
        after = coalesce(${next}, after),
        result = ${JSON.stringify(result)}::json,
        state = case when state = 'running' and ${next === null} then 'done' else state end,
        ended_at = case when state = 'running' and ${next === null} then clock_timestamp() else ended_at end,
        lease_until = '-infinity'
      where tenant_id = ${tenantId} and task_id = ${task.task_id}`
    return next === null ? 'done' : 'more'
  })
}

/** One that cannot go on says so, and is not tried for ever. */
const fail = (sql: Sql, tenantId: string, taskId: string, error: Error): Promise<unknown> =>
  asTenant(
    sql,
    tenantId,
    (tx) => tx`
      update task set state = 'failed', fault = ${error.message}, ended_at = clock_timestamp()
      where tenant_id = ${tenantId} and task_id = ${taskId} and state = 'running'`,
  )

export const startTasker = (deps: TaskerDeps): Loop =>
  startLoop({
    name: 'tasker',
    every: deps.everyMs ?? 1_000,
    run: async (signal) => {
      const open = await deps.sql<{ tenant_id: string; task_id: string }>`
        select tenant_id, task_id
        from who_has_work()`
      let more = false
      for (const { tenant_id, task_id } of open) {
        if (signal.aborted) return undefined
        try {
          more = (await oneSlice(deps, tenant_id, task_id)) === 'more' || more
        } catch (error) {
          // database trouble passes; anything else would come again for ever, and keep the other tasks waiting behind it
          if (isUnavailable(error) || isCollision(error)) throw error
          deps.log.error({ err: error, task: task_id }, 'a task failed')
          await fail(deps.sql, tenant_id, task_id, error as Error)
        }
        deps.woke()
      }
      return more ? 0 : undefined
    },
    env: deps.env,
    log: deps.log,
  })
