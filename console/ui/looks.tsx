/** Choosing one's language, looks and time zone: in the menu of one's own, and on the page of the account. */
import { Form, Select } from 'antd'
import { useTranslation } from 'react-i18next'
import { type Theme, useLooks } from './settings.tsx'
import { localeNames, locales } from './words.ts'

export const LooksForm = ({ withLanguage = false }: { withLanguage?: boolean }) => {
  const { t } = useTranslation()
  const looks = useLooks()
  const own = Intl.DateTimeFormat().resolvedOptions().timeZone
  const zones = ['UTC', ...Intl.supportedValuesOf('timeZone').filter((zone) => zone !== 'UTC')]
  return (
    <Form layout="vertical">
      {withLanguage && (
        <Form.Item label={t('own.language')} htmlFor="own-language">
          <Select
            id="own-language"
            aria-label={t('own.language')}
            value={looks.locale}
            options={locales.map((value) => ({
              value,
              label: <span lang={value.replace('_', '-')}>{localeNames[value]}</span>,
            }))}
            onChange={(locale) => looks.change({ locale })}
          />
        </Form.Item>
      )}
      <Form.Item label={t('own.theme')} htmlFor="own-theme">
        <Select
          id="own-theme"
          aria-label={t('own.theme')}
          value={looks.theme ?? 'system'}
          options={(['system', 'light', 'dark'] as const).map((value) => ({ value, label: t(`own.theme.${value}`) }))}
          onChange={(value: Theme | 'system') => looks.change({ theme: value === 'system' ? null : value })}
        />
      </Form.Item>
      <Form.Item label={t('own.zone')} htmlFor="own-zone">
        <Select
          id="own-zone"
          aria-label={t('own.zone')}
          showSearch
          value={looks.zone ?? ''}
          options={[
            { value: '', label: t('own.zone.browser', { zone: own }) },
            ...zones.map((value) => ({ value, label: value })),
          ]}
          onChange={(value) => looks.change({ zone: value === '' ? null : value })}
        />
      </Form.Item>
    </Form>
  )
}
