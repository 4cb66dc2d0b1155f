/** A definition edited as text, in a card of its own: what no form has a widget for is changed here. */
import { Button, Skeleton } from 'antd'
import { lazy, Suspense, useState } from 'react'
import { useTranslation } from 'react-i18next'

const Editor = lazy(async () => ({ default: (await import('./editor.tsx')).Editor }))

/** `onSave` gets what was written, as JSON says it; text that is no JSON is told and kept. */
export const AsText = ({
  value,
  isBusy = false,
  onSave,
  onCancel,
}: {
  value: unknown
  isBusy?: boolean
  onSave: (value: Record<string, unknown>) => void
  onCancel: () => void
}) => {
  const { t } = useTranslation()
  // as it was when the card was opened: what comes in meanwhile does not wipe out what is being written
  const [before] = useState(() => JSON.stringify(value, null, 2))
  const [text, setText] = useState(before)
  const [broken, setBroken] = useState<string | null>(null)
  const save = () => {
    try {
      const said = JSON.parse(text) as Record<string, unknown>
      setBroken(null)
      onSave(said)
    } catch (no) {
      setBroken((no as Error).message)
    }
  }
  return (
    <section className="card stack">
      <Suspense fallback={<Skeleton active />}>
        <Editor text={before} onChange={setText} label={t('act.editText')} />
      </Suspense>
      {broken !== null && <p className="state state-failed">{broken}</p>}
      <div className="row">
        <Button type="primary" onClick={save} loading={isBusy}>
          {t('act.save')}
        </Button>
        <Button onClick={onCancel}>{t('act.cancel')}</Button>
      </div>
    </section>
  )
}
