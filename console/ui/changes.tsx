/** What a change of the configuration did or would do: thing by thing, field by field, before and after; and secrets that were made, told this once. */
import { Alert } from 'antd'
import { useTranslation } from 'react-i18next'
import type { Answer } from '../api/client.ts'
import { CopyButton } from './text.tsx'

type Changes = Answer<'putConnection'>['changes']

const said = (value: unknown): string =>
  value === undefined || value === null ? '–' : typeof value === 'string' ? value : JSON.stringify(value)

export const Fields = ({ fields }: { fields: Changes[number]['fields'] }) => (
  <div className="diff">
    {fields.map((field) => (
      <div key={field.path} style={{ display: 'contents' }}>
        <code>{field.path}</code>
        <code>
          <del className="diff-del">{said(field.before)}</del> <ins className="diff-add">{said(field.after)}</ins>
        </code>
      </div>
    ))}
  </div>
)

export const ChangeList = ({ changes }: { changes: Changes }) => {
  const { t } = useTranslation()
  if (changes.length === 0) return <p className="faint">{t('changes.none')}</p>
  return (
    <ul className="plain stack">
      {changes.map((one) => (
        <li key={`${one.kind} ${one.name} ${one.what}`}>
          <b>
            {t(`changes.${one.what}`)} {t(`kind.${one.kind}` as 'kind.connection', { defaultValue: one.kind })}
          </b>{' '}
          <code>{one.name}</code>
          <Fields fields={one.fields} />
        </li>
      ))}
    </ul>
  )
}

/** What was saved just now. */
export const SavedCard = ({ changes }: { changes: Changes }) => {
  const { t } = useTranslation()
  return (
    <section className="card" role="status">
      <h2>{t('changes.saved')}</h2>
      <ChangeList changes={changes} />
    </section>
  )
}

export const Secret = ({ name, secret }: { name: string; secret: string }) => {
  const { t } = useTranslation()
  return (
    <Alert
      type="warning"
      showIcon
      title={t('secret.once', { name })}
      description={
        <>
          <code className="secret-once">{secret}</code>
          <CopyButton text={secret} />
        </>
      }
    />
  )
}
