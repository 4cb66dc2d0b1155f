/** A pool of connections to PostgreSQL with the session settings this house relies on, and the SQL tag over it. */
import pg from 'pg'
import { rowTypes } from './rows.ts'
import { type Answer, type Begin, type Runner, type Sql, type Statement, sqlOver } from './sql.ts'
import { isBroken, isStalePlan } from './trouble.ts'

export interface PoolOptions {
  url: string
  /** Shown in pg_stat_activity. */
  name: string
  max?: number
  /** Milliseconds, held by the server; the client gives up 5 s later, should the server be frozen. */
  statementTimeout?: number
  /** `set role` on connect (roles.ts). */
  role?: string
  /**
   * Commits are answered before they are on disk: only for what a crash of the database may undo without anybody noticing (a claim of work, C1).
   * A durable commit costs the server 0.1-0.3 ms of CPU and every waiting statement its flush.
   */
  mayForget?: boolean
  /** More session settings, set on connect. */
  settings?: Record<string, string>
  /** Milliseconds to wait for a free or new connection; default 10,000. */
  connectTimeout?: number
  /** Milliseconds after which an unused connection is closed; default 60,000. */
  idleTimeout?: number
  /** Unused connections do not keep the process alive. */
  allowExitOnIdle?: boolean
  /** Hears of connections that died while nobody used them. */
  onIdleError?: (error: Error) => void
}

export interface Pool extends Sql {
  /** Waits for running statements, then closes every connection. */
  end(): Promise<void>
  counts(): { total: number; idle: number; waiting: number }
}

const literal = (text: string) => pg.escapeLiteral(text)

/** Settings go out after connecting, not as start-up options, so that poolers in between accept us. */
const greeting = ({ role, settings, statementTimeout, mayForget }: PoolOptions): string => {
  const wanted: Record<string, string> = {
    jit: 'off', // a plan compiled for every claim costs more than the claim (architecture.md, Plans)
    timezone: 'UTC', // rows.ts reads moments in UTC only
    datestyle: 'ISO',
    bytea_output: 'hex',
    idle_in_transaction_session_timeout: '60000',
    statement_timeout: String(statementTimeout ?? 0),
    ...settings,
  }
  const set = Object.entries(wanted).map(([name, value]) => `(${literal(name)}, ${literal(value)})`)
  return `
    select set_config(name, value, false) from (values ${set.join(', ')}) as wanted (name, value);
    select set_config('synchronous_commit', ${mayForget ? "'off'" : "'on'"}, false)     -- remote_apply and remote_write are stronger: left alone
    where ${mayForget ? 'true' : "current_setting('synchronous_commit') in ('off', 'local')"};
    ${role ? `set role ${pg.escapeIdentifier(role)}` : ''}`
}

type Driver = pg.PoolClient & { query(statement: Statement, done: (error: Error | null, answer: Answer) => void): void }

const ask = (client: Driver, statement: Statement): Promise<Answer> =>
  new Promise((resolve, reject) => {
    client.query(statement, (error, answer) => (error ? reject(error) : resolve(answer)))
  })

/** The driver's errors are made where the socket is read; this gives them the caller's stack and the statement (text only, never values). */
const placed = (error: unknown, statement: Statement): unknown => {
  if (error instanceof Error) {
    Error.captureStackTrace(error, placed)
    Object.assign(error, { statement: statement.text.trim().slice(0, 1_000) })
  }
  return error
}

const opening = ({ isolation, readOnly }: Begin) =>
  `begin${isolation ? ` isolation level ${isolation}` : ''}${readOnly ? ' read only' : ''}`

/** One connection inside a transaction. `depth` counts savepoints. */
const inTransaction = (client: Driver, depth: number) => {
  let last: Promise<unknown> = Promise.resolve()
  let busy = 0
  let open = true
  const inTurn = <T>(task: () => Promise<T>): Promise<T> => {
    if (!open) return Promise.reject(new Error('the transaction of this statement is over: something was not awaited'))
    const mine = busy++ === 0 ? task() : last.then(task, task)
    const done = mine.finally(() => busy--)
    last = done.catch(() => {})
    return done
  }
  const runner: Runner = {
    run: (statement) =>
      inTurn(async () => {
        try {
          return await ask(client, statement)
        } catch (error) {
          throw placed(error, statement)
        }
      }),
    begin: (work) =>
      inTurn(async () => {
        const name = `s${depth + 1}`
        await ask(client, { text: `savepoint ${name}` })
        const inner = inTransaction(client, depth + 1)
        try {
          const result = await work(inner.sql)
          await inner.close()
          await ask(client, { text: `release savepoint ${name}` })
          return result
        } catch (error) {
          await inner.close()
          if (!isBroken(error)) await ask(client, { text: `rollback to savepoint ${name}; release savepoint ${name}` })
          throw error
        }
      }),
  }
  const close = () => {
    open = false
    return last
  }
  return { sql: sqlOver(runner), close }
}

export const openPool = (options: PoolOptions): Pool => {
  const hello = greeting(options)
  const pool = new pg.Pool({
    connectionString: options.url,
    application_name: options.name,
    max: options.max ?? 10,
    connectionTimeoutMillis: options.connectTimeout ?? 10_000,
    idleTimeoutMillis: options.idleTimeout ?? 60_000,
    allowExitOnIdle: options.allowExitOnIdle ?? false,
    keepAlive: true,
    types: rowTypes as unknown as pg.CustomTypesConfig,
    ...(options.statementTimeout ? { query_timeout: options.statementTimeout + 5_000 } : {}),
    onConnect: async (client) => void (await client.query(hello)),
  })
  // A connection may die while somebody holds it between two statements: its next statement says so, the process must not.
  pool.on('connect', (client) => client.on('error', () => {}))
  pool.on('error', (error) => options.onIdleError?.(error))

  const once = (statement: Statement): Promise<Answer> =>
    new Promise((resolve, reject) => {
      pool.connect((error, client, release) => {
        if (error || !client) return reject(error)
        ;(client as Driver).query(statement, (failed, answer) => {
          // the driver's own pool.query closes the connection after any error, a broken CHECK included; this one keeps it
          release(failed && isBroken(failed) ? failed : undefined)
          if (failed) reject(failed)
          else resolve(answer)
        })
      })
    })

  const runner: Runner = {
    run: async (statement) => {
      try {
        return await once(statement)
      } catch (error) {
        if (!isStalePlan(error)) throw placed(error, statement)
      }
      try {
        return await once(statement)
      } catch (error) {
        throw placed(error, statement)
      }
    },
    begin: async (work, how) => {
      const client = (await pool.connect()) as Driver
      let spoiled: Error | undefined
      try {
        await ask(client, { text: opening(how) })
        const tx = inTransaction(client, 0)
        let result: Awaited<ReturnType<typeof work>>
        try {
          result = await work(tx.sql)
        } finally {
          await tx.close()
        }
        const { command } = await ask(client, { text: 'commit' })
        // PostgreSQL answers the commit of a failed transaction with ROLLBACK and no error: never take that for stored
        if (command !== 'COMMIT') throw new Error('the transaction was rolled back: a statement in it had failed')
        return result
      } catch (error) {
        if (isBroken(error)) spoiled = error as Error
        else await ask(client, { text: 'rollback' }).catch((worse: Error) => (spoiled = worse))
        throw error
      } finally {
        client.release(spoiled)
      }
    },
  }
  return Object.assign(sqlOver(runner), {
    end: async () => {
      const hold = setInterval(() => {}, 1_000) // idle connections may not keep the process alive, but closing them must
      await pool.end().finally(() => clearInterval(hold))
    },
    counts: () => ({ total: pool.totalCount, idle: pool.idleCount, waiting: pool.waitingCount }),
  })
}
