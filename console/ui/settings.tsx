/** How this person wants the page: language, time zone, looks. Kept with the account, and in the browser for the next sign-in. */
import { createContext, useContext } from 'react'
import type { Locale } from './words.ts'

export type Theme = 'light' | 'dark'

export interface Looks {
  locale: Locale
  /** Null: as the browser has it. */
  zone: string | null
  theme: Theme | null
  isDark: boolean
  change(change: { locale?: Locale; zone?: string | null; theme?: Theme | null }): void
}

export const LooksContext = createContext<Looks | null>(null)

export const useLooks = (): Looks => {
  const looks = useContext(LooksContext)
  if (!looks) throw new Error('no looks around this')
  return looks
}
