/** One's own menu: language, looks, the page of one's account, signing out. */
import { GlobalOutlined, UserOutlined } from '@ant-design/icons'
import { useQuery } from '@tanstack/react-query'
import { useNavigate } from '@tanstack/react-router'
import { Button, Dropdown, Modal } from 'antd'
import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import { useGuide } from '../ui/guide.ts'
import { LanguageMenu } from '../ui/language.tsx'
import { LooksForm } from '../ui/looks.tsx'
import { sessionQuery, useSignOut, useTenant } from '../ui/session.tsx'

export const OwnMenu = () => {
  const { t } = useTranslation()
  const navigate = useNavigate()
  const tenant = useTenant()
  const signOut = useSignOut()
  const { data: session } = useQuery(sessionQuery)
  const { guide, hide } = useGuide()
  const [isOpen, setOpen] = useState(false)
  return (
    <>
      <LanguageMenu icon={<GlobalOutlined />} />
      <Dropdown
        trigger={['click']}
        menu={{
          items: [
            { key: 'who', label: session?.user, disabled: true },
            { type: 'divider' },
            { key: 'account', label: t('account.open') },
            { key: 'looks', label: t('own.looks') },
            ...(guide?.hidden ? [{ key: 'guide', label: t('guide.resume') }] : []),
            { type: 'divider' },
            { key: 'out', label: t('own.signOut') },
          ],
          onClick: ({ key }) => {
            if (key === 'out') void signOut()
            if (key === 'looks') setOpen(true)
            if (key === 'guide') hide(false)
            if (key === 'account') void navigate({ to: '/t/$tenant/account', params: { tenant } })
          },
        }}
      >
        <Button type="text" icon={<UserOutlined />} aria-label={t('own.label')} />
      </Dropdown>
      <Modal
        open={isOpen}
        destroyOnHidden
        title={t('own.looks')}
        onCancel={() => setOpen(false)}
        onOk={() => setOpen(false)}
        cancelButtonProps={{ hidden: true }}
        okText={t('act.done')}
      >
        <LooksForm />
      </Modal>
    </>
  )
}
