/** The courier: carries callbacks to those who wait for them, until they are taken or the ladder has ended (promise 23). Any number of nodes may run it. */
import { signWebhook } from '../../protocol/callback.ts'
import { type Loop, startLoop } from '../agent/loop.ts'
import { within } from '../agent/within.ts'
import type { Millis } from '../doc/document.ts'
import type { Env } from '../doc/env.ts'
import type { Policy, Resolver } from '../egress/guard.ts'
import { post } from '../egress/post.ts'
import type { Sql } from '../store/sql.ts'
import {
  claimDeliveries,
  forgetDeliveries,
  nextDue,
  originFails,
  originTakes,
  type Owed,
  putBack,
  settleTry,
  type Try,
} from './deliveries.ts'
import { disabledAfter, nextTry } from './ladder.ts'
import { targetOf } from './target.ts'

export interface CourierDeps {
  sql: Sql
  env: Pick<Env, 'now' | 'sleep' | 'random' | 'monotonic'>
  log: { error(fields: object, message: string): void; warn(fields: object, message: string): void }
  /** As declared now: its origins, and the salts that are valid, the one in use first. Undefined: it was removed. */
  client(tenantId: string, clientId: string): { origins: readonly string[]; salts: readonly string[] } | undefined
  policy(tenantId: string, url: string): Policy
  resolve?: Resolver
  /** For metrics. */
  tried?(end: 'delivered' | 'again' | 'gone' | 'given up'): void
  timeout?: Millis
  everyMs?: Millis
  /** Pauses of the ladder are so many times shorter: for tests. */
  hurry?: number
}

const atATime = 16
const each = 4
const hour = 3_600_000

export const startCourier = (deps: CourierDeps): Loop => {
  const { sql, env, log, timeout = 15_000, everyMs = 5_000, hurry = 1 } = deps
  const underWay = new Set<Promise<void>>()
  const byOrigin = new Map<string, number>()
  const stopping = new AbortController()
  let forgotAt = -hour

  const carry = async (owed: Owed): Promise<void> => {
    const client = deps.client(owed.tenant_id, owed.client_id)
    const target = client && targetOf(owed.url, client.origins, deps.policy(owed.tenant_id, owed.url))
    const began = env.now()
    const posted =
      client && target && 'url' in target
        ? await post({
            url: target.url,
            headers: {
              'content-type': 'application/json; charset=utf-8',
              'user-agent': 'Mortise',
              ...signWebhook(owed.delivery_id, began, owed.body, client.salts),
            },
            body: owed.body,
            policy: deps.policy(owed.tenant_id, owed.url),
            timeout,
            now: began,
            signal: stopping.signal,
            ...(deps.resolve && { resolve: deps.resolve }),
          })
        : {
            status: null,
            said: client ? 'not allowed: the origin is not registered any more' : 'the client was removed',
            ms: 0,
          }
    // a try that our own stop cut short is not counted
    if (stopping.signal.aborted && posted.status === null) return void (await putBack(sql, owed))
    const now = env.now()
    const end = endOf(owed, posted, now)
    if (!(await settleTry(sql, owed, { end, status: posted.status, said: posted.said, ms: posted.ms, now }))) return
    deps.tried?.(typeof end === 'object' ? 'again' : end)
    if (end === 'delivered') return void (await originTakes(sql, owed))
    const outcome = typeof end === 'object' ? 'again' : end
    log.warn(
      {
        tenant: owed.tenant_id,
        client: owed.client_id,
        origin: owed.origin,
        delivery: owed.delivery_id,
        outcome,
        code: posted.status,
      },
      'a callback was not taken',
    )
    if (end !== 'gone' && (await originFails(sql, owed, now, disabledAfter / hurry)))
      log.error(
        { tenant: owed.tenant_id, client: owed.client_id, origin: owed.origin },
        'this address has taken no callback for five days and is left alone until a person sends one again',
      )
  }

  const endOf = (
    owed: Owed,
    { status, retryAt }: { status: number | null; retryAt?: number },
    now: Millis,
  ): Try['end'] => {
    if (status !== null && status >= 200 && status < 300) return 'delivered'
    if (status === 410) return 'gone'
    const next = nextTry({
      attempts: owed.attempts + 1,
      now,
      ...(retryAt !== undefined && { retryAt }),
      random: env.random(),
    })
    return next === null ? 'given up' : { next: now + (next - now) / hurry }
  }

  const take = (owed: Owed): void => {
    byOrigin.set(owed.origin, (byOrigin.get(owed.origin) ?? 0) + 1)
    const one = carry(owed)
      .catch((err: unknown) => log.error({ err, delivery: owed.delivery_id }, 'a callback could not be settled'))
      .finally(() => {
        underWay.delete(one)
        const left = (byOrigin.get(owed.origin) ?? 1) - 1
        if (left > 0) byOrigin.set(owed.origin, left)
        else byOrigin.delete(owed.origin)
        loop.wake()
      })
    underWay.add(one)
  }

  const loop = startLoop({
    name: 'courier',
    every: everyMs,
    env,
    log,
    run: async () => {
      if (env.monotonic() - forgotAt >= hour) {
        forgotAt = env.monotonic()
        await forgetDeliveries(sql)
      }
      const free = atATime - underWay.size
      if (free <= 0) return
      const busy = [...byOrigin].flatMap(([origin, count]) => (count >= each ? [origin] : []))
      for (const owed of await claimDeliveries(sql, free, each, busy, null)) take(owed)
      const due = await nextDue(sql)
      return due === null ? everyMs : Math.min(everyMs, Math.max(50, due - env.now()))
    },
  })

  return {
    wake: loop.wake,
    stop: async () => {
      await loop.stop() // nothing more is claimed
      const ended = Promise.all(underWay)
      await within(env, 5_000, ended)
      stopping.abort()
      await ended
    },
  }
}
