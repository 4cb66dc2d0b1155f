/** Gathers settles while the last bulk settle runs, and wakes whoever waits for what was settled, after the commit (C4, D6). */
import { opposite } from '../doc/document.ts'
import { isUnavailable } from '../store/trouble.ts'
import type { Engine } from './engine.ts'
import { waitKey } from './link.ts'
import type { Claimed, Settle, Settled } from './road.ts'

interface Queued {
  link: Claimed
  settle: Settle
  done: (settled: Settled) => void
  failed: (error: unknown) => void
}

const most = 256
const patience = 20_000

/** What the end of this claim may release: those who refer to the record, and those held back by its open create. */
const wakes = (link: Claimed, settle: Settle, settled: Settled): string[] => {
  const keys: string[] = []
  if (settle.id?.value && !settled.clash) {
    const from = opposite(settle.id.side)
    const sourceId = link[`${from}_id`]
    if (sourceId !== null)
      keys.push(waitKey.reference(link.tenant_id, { pairId: link.pair_id, side: from, id: sourceId }))
    keys.push(waitKey.reference(link.tenant_id, { pairId: link.pair_id, side: settle.id.side, id: settle.id.value }))
  }
  const open = link.first_mark !== null || settle.closes
  if (open && (settle.closes || settle.state === 'parked')) {
    keys.push(
      waitKey.create(link.tenant_id, link.pair_id, 'left'),
      waitKey.create(link.tenant_id, link.pair_id, 'right'),
    )
  }
  return keys
}

export const startSettler = ({ road, env }: Pick<Engine, 'road' | 'env'>) => {
  let queue: Queued[] = []
  let running = false

  /**
   * An answer that we hold is not given up because the database is away for a moment: a settle that did commit unheard is fenced the
   * second time. After the patience the lease has run out anyway, and the call is looked up as unknown.
   */
  const persist = async (settles: Settle[]): Promise<Settled[]> => {
    for (let pause = 50, waited = 0; ; waited += pause, pause = Math.min(1_000, pause * 2)) {
      try {
        return await road.settle(settles)
      } catch (error) {
        if (!isUnavailable(error) || waited >= patience) throw error
        await env.sleep(pause)
      }
    }
  }

  const run = async (): Promise<void> => {
    while (queue.length) {
      const batch = queue.splice(0, most)
      try {
        const settled = await persist(batch.map((q) => q.settle))
        await env.point('settled not woken')
        // A settle that was fenced still wakes: the one before it may have died between its commit and this (D6).
        const keys = new Set(batch.flatMap((q, i) => wakes(q.link, q.settle, settled[i] as Settled)))
        if (keys.size) await road.wake([...keys])
        for (const [i, q] of batch.entries()) q.done(settled[i] as Settled)
      } catch (error) {
        for (const q of batch) q.failed(error)
      }
    }
    running = false
  }

  return {
    settle: (link: Claimed, settle: Settle): Promise<Settled> =>
      new Promise((done, failed) => {
        queue.push({ link, settle, done, failed })
        if (running) return
        running = true
        // What finishes in the same turn of the event loop goes together.
        queueMicrotask(() => void run())
      }),
  }
}

export type Settler = ReturnType<typeof startSettler>
