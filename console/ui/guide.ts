/** How far this person is on the guided first run: kept with the account, so that it goes on elsewhere and stays away once it was put away. */
import { useQuery, useQueryClient } from '@tanstack/react-query'
import { type Answer, call } from '../api/client.ts'
import { sessionQuery } from './session.tsx'

type Guide = NonNullable<Answer<'showPreference'>['guide']>

export const guideSteps = ['connect', 'declare', 'map', 'preview', 'enable'] as const
export type GuideStep = (typeof guideSteps)[number]

const begun: Guide = { hidden: false, seen: [] }

/** Null while it is not known. */
export const useGuide = (): {
  guide: Guide | null
  /** A step of which nothing that is declared tells: a test that was made, a preview that was looked at. */
  mark: (step: GuideStep) => void
  hide: (isHidden: boolean) => void
} => {
  const client = useQueryClient()
  const { data: session } = useQuery(sessionQuery)
  const { data } = useQuery({
    queryKey: ['guide'],
    queryFn: async () => (await call('showPreference', {})).guide ?? begun,
    staleTime: Number.POSITIVE_INFINITY,
    enabled: session != null,
  })
  const put = (change: Partial<Guide>) => {
    const next = { ...(client.getQueryData<Guide>(['guide']) ?? begun), ...change }
    client.setQueryData(['guide'], next)
    void call('putPreference', { body: { guide: next } }).catch(() => {}) // it is only a help
  }
  return {
    guide: data ?? null,
    mark: (step) => {
      const now = client.getQueryData<Guide>(['guide'])
      if (now && !now.hidden && !now.seen.includes(step)) put({ seen: [...now.seen, step] })
    },
    hide: (hidden) => put({ hidden }),
  }
}
