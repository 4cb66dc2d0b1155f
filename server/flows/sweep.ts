/** What a changed flow asks of the agents of converge ("Flows that stop"), kept on its row until they have carried it out. Pure. */
import type { FlowDef } from '../doc/flow.ts'
import type { Publishing } from './config.ts'

export type State = FlowDef['state']
export type OnPublish = Publishing['onPublish']

/**
 * `option`: startFrom of an enabling, onPublish of a publishing; of a pause or a resume the onPublish of a publishing that came with
 * it or before it and is not carried out yet (null: none).
 */
export interface Sweep {
  sweep: 'enable' | 'disable' | 'pause' | 'resume' | 'publish'
  option: string | null
}

const strength: Record<OnPublish, number> = { nextChange: 0, differing: 1, all: 2 }

const stronger = (a: OnPublish | null, b: OnPublish | null): OnPublish | null => {
  if (a === null || b === null) return a ?? b
  return strength[a] >= strength[b] ? a : b
}

/** The publishing that a pending sweep still owes. */
const owedPublish = (pending: Sweep | null): OnPublish | null =>
  pending && pending.sweep !== 'enable' && pending.sweep !== 'disable' ? (pending.option as OnPublish | null) : null

/**
 * One sweep that covers what is pending and what is asked now, or null when nothing is asked.
 * Every sweep that is answered here starts again from its first key: rows it passed before may need it again.
 */
export const askFor = (
  pending: Sweep | null,
  before: State | null,
  after: State,
  published: OnPublish | null,
  startFrom: Publishing['startFrom'],
): Sweep | null => {
  if (after === 'disabled') {
    // never enabled: there is nothing to bring to rest
    return before === null || before === 'disabled' ? null : { sweep: 'disable', option: null }
  }
  if (before === null || before === 'disabled') return { sweep: 'enable', option: startFrom }
  const enabling = pending?.sweep === 'enable'
  if (enabling && (published !== null || before !== after)) {
    // an enabling that is not done walks again, with the new mapping and the new state; "all" must not be lost on the way
    return { sweep: 'enable', option: pending.option === 'all' || published === 'all' ? 'all' : startFrom }
  }
  const owed = stronger(owedPublish(pending), published)
  if (before !== after) return { sweep: after === 'paused' ? 'pause' : 'resume', option: owed }
  if (published === null) return null
  if (pending && (pending.sweep === 'pause' || pending.sweep === 'resume'))
    return { sweep: pending.sweep, option: owed }
  return { sweep: 'publish', option: owed }
}
