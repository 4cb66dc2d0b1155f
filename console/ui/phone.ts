/** Whether the page is as narrow as a phone's. */
import { useSyncExternalStore } from 'react'

const narrow = window.matchMedia('(max-width: 760px)')

export const useIsPhone = (): boolean =>
  useSyncExternalStore(
    (told) => {
      narrow.addEventListener('change', told)
      return () => narrow.removeEventListener('change', told)
    },
    () => narrow.matches,
  )
