/** The tenant itself: its name, its time zone, its configuration as a file. */
import { Button, Form, Input, Select, Skeleton } from 'antd'
import { useTranslation } from 'react-i18next'
import { useChange, useRead } from '../../ui/asking.ts'
import { useMay, useTenant } from '../../ui/session.tsx'
import { Problem } from '../../ui/told.tsx'

export const TenantSettings = () => {
  const { t } = useTranslation()
  const tenant = useTenant()
  const may = useMay()
  const { data, error } = useRead('showTenant')
  const change = useChange('changeTenant', { quiet: true })
  if (error) return <Problem error={error} />
  if (!data) return <Skeleton active />
  return (
    <>
      <section className="card">
        <Form
          layout="vertical"
          requiredMark={false}
          disabled={!may('changeTenant')}
          initialValues={{ name: data.name, zone: data.zone }}
          onFinish={(body: { name: string; zone: string }) => change.mutate({ body })}
          style={{ maxWidth: 460 }}
        >
          <Form.Item label={t('tenant.id')}>
            <code>{data.tenant}</code>
          </Form.Item>
          <Form.Item name="name" label={t('tenant.name')}>
            <Input />
          </Form.Item>
          <Form.Item name="zone" label={t('tenant.zone')} extra={t('tenant.zoneSay')}>
            <Select
              aria-label={t('tenant.zone')}
              showSearch
              options={[...new Set([data.zone, 'UTC', ...Intl.supportedValuesOf('timeZone')])].map((value) => ({
                value,
                label: value,
              }))}
            />
          </Form.Item>
          {change.error !== null && <Problem error={change.error} />}
          {may('changeTenant') && (
            <Button type="primary" htmlType="submit" loading={change.isPending}>
              {t('act.save')}
            </Button>
          )}
        </Form>
      </section>
      <section className="card stack">
        <h2>{t('tenant.file')}</h2>
        <p className="faint">{t('tenant.fileSay')}</p>
        <Button href={`/api/v1/tenants/${encodeURIComponent(tenant)}/configuration`} download={`${tenant}.yaml`}>
          {t('tenant.export')}
        </Button>
      </section>
      <section className="card stack">
        <h2>{t('tenant.retention')}</h2>
        <p className="faint">{t('tenant.retentionSay')}</p>
      </section>
    </>
  )
}
