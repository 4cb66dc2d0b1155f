/** Colours and measures of the console, light and dark. Each pair of text and ground has a contrast of 4.5 or more. */
import { theme as antd, type ThemeConfig } from 'antd'
import type { Locale } from '../ui/words.ts'

const latin = '-apple-system, BlinkMacSystemFont, "Segoe UI", "Noto Sans"'
/** One code, three ways of writing it: a character must look as its own language writes it. */
const han: Record<Locale, string> = {
  zh_CN: '"PingFang SC", "Microsoft YaHei", "Noto Sans CJK SC", "Source Han Sans SC"',
  zh_TW: '"PingFang TC", "Microsoft JhengHei", "Noto Sans CJK TC", "Source Han Sans TC"',
  en_US: '"PingFang SC", "Microsoft YaHei", "Noto Sans CJK SC", "Source Han Sans SC"',
  ja_JP: '"Hiragino Sans", "Yu Gothic UI", Meiryo, "Noto Sans CJK JP", "Source Han Sans"',
}

const both = { borderRadius: 8, fontSize: 14, controlHeight: 34, wireframe: false }

export const themeOf = (isDark: boolean, locale: Locale): ThemeConfig => ({
  algorithm: isDark ? antd.darkAlgorithm : antd.defaultAlgorithm,
  token: isDark
    ? {
        ...both,
        fontFamily: `${latin}, ${han[locale]}, sans-serif`,
        colorPrimary: '#0f8a80',
        colorSuccess: '#3fae6c',
        colorInfo: '#0f8a80',
        colorLink: '#5eead4',
        colorError: '#f4776e',
        colorBgBase: '#131518',
        colorBgContainer: '#1b1e22',
        colorBgElevated: '#22262b',
        colorTextSecondary: '#b4b9c0',
        colorTextTertiary: '#a2a8b0',
        colorTextDescription: '#a8aeb6',
        colorTextPlaceholder: '#9aa1aa',
      }
    : {
        ...both,
        fontFamily: `${latin}, ${han[locale]}, sans-serif`,
        colorPrimary: '#0f766e',
        colorSuccess: '#15803d',
        colorInfo: '#0f766e',
        colorLink: '#0f766e',
        colorError: '#c0322b',
        colorBgLayout: '#f6f5f2',
        colorTextSecondary: '#525a63',
        colorTextTertiary: '#626a73',
        colorTextDescription: '#5f6770',
        colorTextPlaceholder: '#6b727b',
      },
  components: {
    Form: { itemMarginBottom: 16 },
    Table: { headerBg: 'transparent', cellPaddingBlock: 10 },
    Menu: { itemHeight: 38, itemBorderRadius: 8, activeBarBorderWidth: 0 },
  },
})
