/** The menu of languages, each in its own name. */
import { Button, Dropdown } from 'antd'
import type { ReactNode } from 'react'
import { useTranslation } from 'react-i18next'
import { useLooks } from './settings.tsx'
import { type Locale, localeNames, locales } from './words.ts'

export const LanguageMenu = ({ icon }: { icon: ReactNode }) => {
  const { t } = useTranslation()
  const looks = useLooks()
  return (
    <Dropdown
      trigger={['click']}
      menu={{
        selectable: true,
        selectedKeys: [looks.locale],
        items: locales.map((key) => ({ key, label: <span lang={key.replace('_', '-')}>{localeNames[key]}</span> })),
        onClick: ({ key }) => looks.change({ locale: key as Locale }),
      }}
    >
      <Button type="text" icon={icon} aria-label={t('own.language')} />
    </Dropdown>
  )
}
