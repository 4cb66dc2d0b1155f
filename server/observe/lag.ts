/**
 * How long a record takes from our door until its target has it and that is recorded: measured in memory on records that this node both
 * received and delivered, by sampling, so that it costs nothing per record under load. What is older than a sample is seen in the figures.
 */
import type { Millis } from '../doc/document.ts'

export interface Received {
  tenant_id: string
  data_id: string
}

export interface Taken {
  tenant_id: string
  pair_id: string
  link_id: number
  left_id: string | null
  right_id: string | null
}

export interface Ended {
  tenant_id: string
  pair_id: string
  link_id: number
  state: string
}

/** Samples at the same time; a record that comes while there is no room is not measured. */
const most = 256
/** A sample that nothing came of (no flow, waiting, failed) makes room for another. */
const forgetAfter: Millis = 60_000

export const openLag = (now: () => Millis, observe: (seconds: number) => void) => {
  /** By the record's own id, so that no key is built for records that are not sampled. */
  const received = new Map<string, { tenant: string; at: Millis }>()
  const taken = new Map<string, { at: Millis; seen: Millis }>()

  const makeRoom = <T extends { at: Millis }>(map: Map<string, T>, at: Millis): boolean => {
    if (map.size < most) return true
    const [first] = map
    if (!first || at - first[1].at < forgetAfter) return false
    map.delete(first[0])
    return true
  }
  const nameOf = (link: { tenant_id: string; pair_id: string; link_id: number }): string =>
    `${link.tenant_id}\n${link.pair_id}\n${link.link_id}`

  return {
    /** After the commit; a burst of one record counts from its first. */
    received: ({ tenant_id, data_id }: Received): void => {
      if (received.has(data_id)) return
      const at = now()
      if (makeRoom(received, at)) received.set(data_id, { tenant: tenant_id, at })
    },
    claimed: (links: readonly Taken[]): void => {
      if (!received.size) return
      for (const link of links) {
        const id = link.left_id !== null && received.has(link.left_id) ? link.left_id : link.right_id
        const sample = id === null ? undefined : received.get(id)
        if (id === null || !sample || sample.tenant !== link.tenant_id) continue
        received.delete(id)
        if (makeRoom(taken, now())) taken.set(nameOf(link), { at: sample.at, seen: now() })
      }
    },
    settled: (ends: readonly Ended[]): void => {
      if (!taken.size) return
      for (const end of ends) {
        const name = nameOf(end)
        const sample = taken.get(name)
        if (!sample) continue
        if (end.state === 'idle') observe((now() - sample.at) / 1_000)
        // What is tried again is measured to its end; what is given up is not a lag but a failure, and has figures of its own.
        if (end.state === 'idle' || end.state === 'parked') taken.delete(name)
      }
    },
  }
}

export type Lag = ReturnType<typeof openLag>
