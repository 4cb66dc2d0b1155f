/** How batches that went out are told of: words for states, and the steps that one has taken. Pure. */
import type { Answer, Item } from '../../api/client.ts'

export type OutBatch = Item<'listOutBatches'>
export type OutRow = Answer<'showOutBatch'>['items'][number]

export const outStates = ['ready', 'accepted', 'done', 'split', 'lost'] as const

/** In the look of what states of long work have (ui/watch.tsx). */
type Look = 'queued' | 'running' | 'waiting' | 'done' | 'error' | 'failed' | 'stopped' | 'due' | 'delivered'

export const stateLook = ({ state, refused }: Pick<OutBatch, 'state' | 'refused'>): Look => {
  switch (state) {
    case 'ready':
      return 'queued'
    case 'accepted':
      return 'running'
    case 'done':
      return (refused ?? 0) > 0 ? 'waiting' : 'done'
    case 'split':
      return 'error'
    case 'lost':
      return 'failed'
  }
}

export const callbackLook: Record<OutBatch['callback'], Look> = {
  none: 'stopped',
  awaited: 'due',
  taken: 'delivered',
  unneeded: 'stopped',
  missing: 'waiting',
}

/** Rows of which nobody has told yet, or that nobody can tell of. */
export const openRows = ({ rows, applied, refused }: Pick<OutBatch, 'rows' | 'applied' | 'refused'>): number =>
  rows - (applied ?? 0) - (refused ?? 0)

export interface Step {
  what: 'made' | 'posted' | 'accepted' | 'asked' | 'callback' | 'ended' | 'next' | 'deadline'
  at: string
  mood: 'good' | 'bad' | 'busy' | 'unsure' | ''
}

/** What happened to it in the order of time, and what comes. */
export const stepsOf = (batch: OutBatch): Step[] => {
  const { state } = batch
  const step = (what: Step['what'], at: string | null, mood: Step['mood'] = ''): Step[] =>
    at === null ? [] : [{ what, at, mood }]
  const past = [
    ...step('made', batch.madeAt),
    ...step('posted', batch.postedAt),
    ...step('accepted', batch.acceptedAt, 'good'),
    ...step('asked', batch.askedAt),
    ...step('callback', batch.callbackAt, 'good'),
  ].sort((a, b) => Date.parse(a.at) - Date.parse(b.at))
  const end = step('ended', batch.endedAt, state === 'lost' ? 'unsure' : state === 'split' ? 'bad' : 'good')
  const coming =
    batch.endedAt === null ? [...step('next', batch.nextAt, 'busy'), ...step('deadline', batch.answerBy, 'busy')] : []
  return [...past, ...end, ...coming]
}

export const isTrouble = ({ outcome, warnings }: OutRow): boolean =>
  (outcome !== null && outcome !== 'applied') || warnings.length > 0
