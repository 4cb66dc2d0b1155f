/** The callers: clients that push until each push is acknowledged, and keep the list of what was (the one truth about promise 1). */
import { Pool } from 'undici'
import type { Details, Fields } from '../../sandbox/client.ts'
import { pause } from './ground.ts'

export interface Push {
  object: string
  id: string
  master: Fields
  details?: Details
  void?: boolean
}

/** `acked` only by the guide's own success; everything else is no acknowledgement, whatever its status. */
export interface Answer {
  acked: boolean
  status: number
  errCode: string
  retryAfter: string | null
  ms: number
}

export interface Pusher extends AsyncDisposable {
  /** One try. A connection that breaks answers status 0. */
  push(push: Push): Promise<Answer>
  /** Until it is acknowledged. */
  insist(push: Push): Promise<Answer>
  /** Pushes that have begun and not ended. */
  open(): number
  tries(): number
  /** Answers that were not 200 and brought no Retry-After: a caller would not know when to come back (promise 16). */
  rude(): { status: number; errCode: string }[]
  /** No answer within the caller's own time. */
  silent(): number
}

const wire = (text: string): string => Buffer.from(text, 'utf8').toString('latin1')

export const openPusher = (
  base: string,
  tenant: { id: string; pushToken: string },
  { clients = 16, timeout = 15_000 } = {},
): Pusher => {
  const pool = new Pool(base, { connections: clients, pipelining: 1, keepAliveTimeout: 1_000 })
  let open = 0
  let tries = 0
  let silent = 0
  const rude: { status: number; errCode: string }[] = []

  const push = async (one: Push): Promise<Answer> => {
    open++
    tries++
    const began = performance.now()
    try {
      const answer = await pool.request({
        method: 'POST',
        path: '/erp/syncdata/open/objdata/syncpush',
        headers: {
          token: tenant.pushToken,
          tenantId: tenant.id,
          objectApiName: wire(one.object),
          version: 'v1',
          id: wire(one.id),
          ...(one.void && { operationType: '3' }),
        },
        body: JSON.stringify({
          objAPIName: one.object,
          masterFieldVal: one.master,
          ...(one.details && { detailFieldVals: one.details }),
        }),
        headersTimeout: timeout,
        bodyTimeout: timeout,
      })
      const text = await answer.body.text()
      const ms = performance.now() - began
      let errCode = ''
      try {
        errCode = (JSON.parse(text) as { errCode?: string }).errCode ?? ''
      } catch {
        errCode = text.slice(0, 80)
      }
      const retryAfter = answer.headers['retry-after']
      const acked = answer.statusCode === 200 && errCode === 's106240000'
      if (!acked && retryAfter === undefined) rude.push({ status: answer.statusCode, errCode })
      return {
        acked,
        status: answer.statusCode,
        errCode,
        retryAfter: retryAfter === undefined ? null : String(retryAfter),
        ms,
      }
    } catch (error) {
      const ms = performance.now() - began
      if (/Timeout/.test((error as Error).name)) silent++
      return { acked: false, status: 0, errCode: (error as Error).message, retryAfter: null, ms }
    } finally {
      open--
    }
  }

  return {
    push,
    insist: async (one) => {
      for (;;) {
        const answer = await push(one)
        if (answer.acked) return answer
        await pause(50)
      }
    },
    open: () => open,
    tries: () => tries,
    rude: () => rude,
    silent: () => silent,
    [Symbol.asyncDispose]: () => pool.destroy(),
  }
}

/** Works through a queue with so many clients at once; `next` answers null when there is nothing left. */
export const withClients = async (clients: number, next: () => (() => Promise<void>) | null): Promise<void> => {
  const client = async (): Promise<void> => {
    for (let task = next(); task; task = next()) await task()
  }
  await Promise.all(Array.from({ length: clients }, client))
}

/** Runs `work` over all with so many at once. */
export const inParallel = <T>(
  clients: number,
  all: readonly T[],
  work: (one: T, index: number) => Promise<void>,
): Promise<void> => {
  let at = 0
  return withClients(clients, () => {
    const index = at++
    return index < all.length ? () => work(all[index] as T, index) : null
  })
}
