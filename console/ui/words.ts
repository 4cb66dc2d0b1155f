/** The four languages: one catalogue each, of which only the chosen one is loaded. */
import { createInstance } from 'i18next'
import { initReactI18next } from 'react-i18next'
import { carried } from '../api/client.ts'
import type en from '../words/en_US.json'

export const locales = ['zh_CN', 'zh_TW', 'en_US', 'ja_JP'] as const
export type Locale = (typeof locales)[number]
export const localeNames: Record<Locale, string> = {
  zh_CN: '简体中文',
  zh_TW: '繁體中文',
  en_US: 'English',
  ja_JP: '日本語',
}

declare module 'i18next' {
  interface CustomTypeOptions {
    defaultNS: 'words'
    resources: { words: typeof en }
  }
}

const catalogues = {
  zh_CN: () => import('../words/zh_CN.json'),
  zh_TW: () => import('../words/zh_TW.json'),
  en_US: () => import('../words/en_US.json'),
  ja_JP: () => import('../words/ja_JP.json'),
}

export const words = createInstance()

/** `zh-Hant-TW` and its like, as browsers say them. */
const localeOfTag = (tag: string): Locale | null => {
  const low = tag.toLowerCase()
  if (/^zh-(tw|hk|mo|hant)/.test(low)) return 'zh_TW'
  if (low.startsWith('zh')) return 'zh_CN'
  if (low.startsWith('en')) return 'en_US'
  return low.startsWith('ja') ? 'ja_JP' : null
}

const remembered = 'mortise.locale'

/** What was chosen in this browser before, else the first of ours that the browser names. */
export const firstLocale = (): Locale => {
  const chosen = localStorage.getItem(remembered)
  if (locales.includes(chosen as Locale)) return chosen as Locale
  return navigator.languages.map(localeOfTag).find((one) => one !== null) ?? 'en_US'
}

/** As the `lang` of the page, and for the formats of numbers and times. */
export const tagOf = (locale: string): string => locale.replace('_', '-')

export const speak = async (locale: Locale): Promise<void> => {
  const catalogue = await catalogues[locale]()
  if (!words.isInitialized)
    await words.use(initReactI18next).init({
      lng: locale,
      fallbackLng: false,
      defaultNS: 'words',
      ns: ['words'],
      resources: { [locale]: { words: catalogue.default } },
      interpolation: { escapeValue: false }, // React escapes
      keySeparator: false,
      nsSeparator: false,
      react: { useSuspense: false },
    })
  else {
    words.addResourceBundle(locale, 'words', catalogue.default)
    await words.changeLanguage(locale)
  }
  carried.locale = locale
  localStorage.setItem(remembered, locale)
  document.documentElement.lang = tagOf(locale)
}
