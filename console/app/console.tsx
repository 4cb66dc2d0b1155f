/** The whole page: looks and language around it, the cache of what was read, and the router within. */
import { QueryClient, QueryClientProvider, useQuery } from '@tanstack/react-query'
import { RouterProvider } from '@tanstack/react-router'
import { App, ConfigProvider } from 'antd'
import type { Locale as AntLocale } from 'antd/es/locale'
import { type ReactNode, useEffect, useRef, useState } from 'react'
import { useTranslation } from 'react-i18next'
import { type Answer, call, onSignedOut, Refusal } from '../api/client.ts'
import { sessionQuery, setSession } from '../ui/session.tsx'
import { type Looks, LooksContext, type Theme } from '../ui/settings.tsx'
import { type Locale, speak } from '../ui/words.ts'
import { router } from './router.tsx'
import { themeOf } from './theme.ts'

const client = new QueryClient({
  defaultOptions: {
    queries: {
      staleTime: 2_000,
      // a no is a no; only what could not be reached is asked again
      retry: (count, error) => count < 2 && (!(error instanceof Refusal) || error.status === 0 || error.status >= 500),
    },
  },
})
onSignedOut.add(() => setSession(client, null))

const nonce = document.querySelector<HTMLMetaElement>('meta[name=csp-nonce]')?.content ?? ''

const antLocales: Record<Locale, () => Promise<{ default: AntLocale }>> = {
  zh_CN: () => import('antd/es/locale/zh_CN'),
  zh_TW: () => import('antd/es/locale/zh_TW'),
  en_US: () => import('antd/es/locale/en_US'),
  ja_JP: () => import('antd/es/locale/ja_JP'),
}

const dark = window.matchMedia('(prefers-color-scheme: dark)')
const stored = <T extends string>(key: string): T | null => localStorage.getItem(key) as T | null
const store = (key: string, value: string | null): void =>
  value === null ? localStorage.removeItem(key) : localStorage.setItem(key, value)

const WithLooks = ({ children }: { children: ReactNode }) => {
  const { i18n } = useTranslation()
  const locale = i18n.language as Locale
  const [theme, setTheme] = useState(() => stored<Theme>('mortise.theme'))
  const [zone, setZone] = useState(() => stored<string>('mortise.zone'))
  const [isSystemDark, setSystemDark] = useState(dark.matches)
  const [antLocale, setAntLocale] = useState<AntLocale>()
  const { data: session } = useQuery(sessionQuery)
  const isDark = theme === null ? isSystemDark : theme === 'dark'
  const user = session?.user

  useEffect(() => {
    const heard = () => setSystemDark(dark.matches)
    dark.addEventListener('change', heard)
    return () => dark.removeEventListener('change', heard)
  }, [])
  useEffect(() => {
    document.documentElement.dataset.theme = isDark ? 'dark' : 'light'
  }, [isDark])
  useEffect(() => {
    let isWanted = true
    void antLocales[locale]().then((found) => isWanted && setAntLocale(found.default))
    return () => {
      isWanted = false
    }
  }, [locale])

  const touched = useRef(false)
  const wear = (own: { theme: Theme | null; zone: string | null }) => {
    setTheme(own.theme)
    setZone(own.zone)
    store('mortise.theme', own.theme)
    store('mortise.zone', own.zone)
  }
  const own: Omit<Answer<'showPreference'>, 'guide'> = { locale, zone, theme }
  useEffect(() => {
    if (user === undefined) return
    touched.current = false
    void call('showPreference', {}).then(
      (found) => {
        // What was chosen meanwhile counts; and an account that never chose wears what the browser remembers.
        if (touched.current || found.locale === null) return
        wear(found)
        void speak(found.locale)
      },
      () => {}, // what the browser remembers does as well
    )
  }, [user])

  const looks: Looks = {
    locale,
    zone,
    theme,
    isDark,
    change: (change) => {
      touched.current = true
      const next = { ...own, ...change }
      wear(next)
      if (change.locale !== undefined)
        void speak(change.locale).then(() => client.invalidateQueries({ queryKey: ['in'] }))
      if (user !== undefined) void call('putPreference', { body: next }).catch(() => {})
    },
  }
  return (
    <LooksContext value={looks}>
      <ConfigProvider
        theme={themeOf(isDark, locale)}
        csp={{ nonce }}
        button={{ autoInsertSpace: false }}
        {...(antLocale && { locale: antLocale })}
      >
        <App notification={{ placement: 'bottomRight' }}>{children}</App>
      </ConfigProvider>
    </LooksContext>
  )
}

export const Console = () => (
  <QueryClientProvider client={client}>
    <WithLooks>
      <RouterProvider router={router} />
    </WithLooks>
  </QueryClientProvider>
)
