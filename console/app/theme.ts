/** Colours and measures of the console, light and dark. Each pair of text and ground has a contrast of 4.5 or more. */
import { theme as antd, type ThemeConfig } from 'antd'

const font = `-apple-system, BlinkMacSystemFont, "Segoe UI", "Noto Sans", "PingFang SC", "PingFang TC", "Hiragino Sans", "Microsoft YaHei", "Noto Sans CJK SC", sans-serif`

const both = { borderRadius: 8, fontFamily: font, fontSize: 14, controlHeight: 34, wireframe: false }

export const themeOf = (isDark: boolean): ThemeConfig => ({
  algorithm: isDark ? antd.darkAlgorithm : antd.defaultAlgorithm,
  token: isDark
    ? {
        ...both,
        colorPrimary: '#0f8a80',
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
        colorPrimary: '#0f766e',
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
    Table: { headerBg: 'transparent', cellPaddingBlock: 10 },
    Menu: { itemHeight: 38, itemBorderRadius: 8, activeBarBorderWidth: 0 },
  },
})
