/** 生成 api: the interface of this very object as a page, Markdown and OpenAPI, and a link that a stranger can open. */
import { Button } from 'antd'
import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import { callAt } from '../../api/client.ts'
import { useMay, useTenant } from '../../ui/session.tsx'
import { useLooks } from '../../ui/settings.tsx'
import { CopyButton } from '../../ui/text.tsx'
import { Problem } from '../../ui/told.tsx'

export const InterfaceCard = ({ connection, object }: { connection: string; object: string }) => {
  const { t } = useTranslation()
  const tenant = useTenant()
  const may = useMay()
  const { locale } = useLooks()
  const [share, setShare] = useState<string | null>(null)
  const [error, setError] = useState<unknown>(null)
  const [tenantPart, connectionPart, objectPart] = [tenant, connection, object].map(encodeURIComponent)
  const at = `/tenants/${tenantPart}/connections/${connectionPart}/objects/${objectPart}/interface`
  const make = () => {
    setError(null)
    void callAt<{ url: string }>('POST', `${at}/shares`, {}).then(
      // as this person knows the server, where it answers a path only
      (made) => setShare(new URL(made.url, window.location.origin).href),
      setError,
    )
  }
  return (
    <section className="card stack">
      <h2>{t('interface.title')}</h2>
      <p className="faint">{t('interface.say')}</p>
      <div className="row">
        <Button href={`/api/v1${at}.html?locale=${locale}`} target="_blank" rel="noreferrer">
          {t('interface.page')}
        </Button>
        <Button href={`/api/v1${at}.md?locale=${locale}`} download={`${object}.md`}>
          Markdown
        </Button>
        <Button href={`/api/v1${at}.openapi.json?locale=${locale}`} download={`${object}.openapi.json`}>
          OpenAPI
        </Button>
        {may('addShare') && <Button onClick={make}>{t('interface.share')}</Button>}
      </div>
      {share !== null && (
        <div role="status">
          <p className="faint">{t('interface.shareSay')}</p>
          <code className="secret-once">{share}</code>
          <CopyButton text={share} />
        </div>
      )}
      {error !== null && <Problem error={error} />}
    </section>
  )
}
