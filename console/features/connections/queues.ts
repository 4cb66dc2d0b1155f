/** How a connection's queues stand, over all nodes that listen: the best state counts, lag is the broker's own, the rest adds up. Pure. */
import type { Item } from '../../api/client.ts'

export type Standing = Item<'listQueues'>
type Tree = Record<string, unknown>

export interface QueueView {
  queue: string
  kind: Standing['kind']
  experimental: boolean
  /** `nobody`: it is declared, and no node listens. */
  state: Standing['state'] | 'nobody'
  since: string | null
  /** At the broker; null: not known. */
  lag: number | null
  lastAt: string | null
  taken: number
  /** Lost and opened anew, of all nodes. */
  reconnects: number
  /** Could not be read and are kept. */
  kept: number
  /** Why it is not connected, or why one of the nodes is not. */
  faults: string[]
  nodes: Standing[]
}

const order = ['listening', 'connecting', 'reconnecting', 'paused'] as const

export const queueViews = (connection: Tree, standings: readonly Standing[]): QueueView[] =>
  ((connection.queues ?? []) as Tree[]).map((declared): QueueView => {
    const queue = String(declared.id)
    const nodes = standings.filter((one) => one.connection === String(connection.id) && one.queue === queue)
    const state = order.find((word) => nodes.some((one) => one.state === word))
    const best = nodes.filter((one) => one.state === state)
    const kind = String(declared.kind) as Standing['kind']
    const lags = nodes.flatMap(({ lag }) => (lag === null ? [] : [lag]))
    const times = (of: readonly Standing[], name: 'since' | 'lastAt') => of.flatMap((one) => one[name] ?? []).sort()
    return {
      queue,
      kind,
      experimental: nodes[0]?.experimental ?? kind === 'kafka',
      state: declared.state === 'paused' ? 'paused' : (state ?? 'nobody'),
      since: times(best, 'since')[0] ?? null,
      lag: lags.length > 0 ? Math.max(...lags) : null,
      lastAt: times(nodes, 'lastAt').at(-1) ?? null,
      taken: nodes.reduce((sum, one) => sum + one.taken, 0),
      reconnects: nodes.reduce((sum, one) => sum + Math.max(0, one.connects - 1), 0),
      kept: Math.max(0, ...nodes.map((one) => one.kept)),
      faults: [...new Set(nodes.flatMap(({ fault }) => (fault === null ? [] : [fault])))],
      nodes,
    }
  })

// ── the form of one ──────────────────────────────────────────────────────────────────────────────────────────────────────────────────
export interface QueueFilled {
  kind: Standing['kind']
  id: string
  /** Empty: what is stored stays. */
  url?: string
  /** The queue, the stream, or the topics. */
  what: string
  create?: boolean
  startFrom?: string
}

export const queueFilled = (queue: Tree | undefined): Partial<QueueFilled> => {
  if (!queue) return { kind: 'rabbitmq', create: false, startFrom: 'all' }
  const what = queue.queue ?? queue.stream ?? queue.topics ?? ''
  return {
    kind: String(queue.kind) as Standing['kind'],
    id: String(queue.id),
    what: Array.isArray(what) ? what.map(String).join(', ') : String(what),
    create: queue.create === true,
    startFrom: String(queue.startFrom ?? 'all'),
  }
}

const whatOf = (kind: Standing['kind'], what: string): Tree => {
  switch (kind) {
    case 'rabbitmq':
      return { queue: what.trim() }
    case 'nats':
      return { stream: what.trim() }
    case 'kafka':
      return {
        topics: what
          .split(',')
          .map((one) => one.trim())
          .filter((one) => one !== ''),
      }
  }
}

/** All queues of the connection with this one as it shall be; what the form does not show stays. */
export const queuesWith = (queues: readonly Tree[], queue: string | null, filled: QueueFilled): Tree[] => {
  const before = queues.find((one) => String(one.id) === queue)
  const { create: _create, startFrom: _startFrom, ...rest } = before ?? {}
  const next: Tree = {
    ...rest,
    id: filled.id,
    kind: filled.kind,
    ...(filled.url !== undefined && filled.url !== '' && { url: filled.url }),
    ...whatOf(filled.kind, filled.what),
    ...(filled.kind === 'rabbitmq' && filled.create === true && { create: true }),
    ...(filled.kind !== 'rabbitmq' && filled.startFrom === 'new' && { startFrom: 'new' }),
  }
  return before ? queues.map((one) => (one === before ? next : one)) : [...queues, next]
}
