/** Bodies as people read them: laid out where they are JSON, copied with a click, never run. */
import { CheckOutlined, CopyOutlined } from '@ant-design/icons'
import { Button } from 'antd'
import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import { laidOut } from './laid-out.ts'

export const CopyButton = ({ text, label }: { text: string; label?: string }) => {
  const { t } = useTranslation()
  const [isDone, setDone] = useState(false)
  const name = label ?? t('act.copy')
  return (
    <Button
      size="small"
      type="text"
      aria-label={name}
      icon={isDone ? <CheckOutlined /> : <CopyOutlined />}
      onClick={() => {
        void navigator.clipboard?.writeText(text).then(() => {
          setDone(true)
          setTimeout(() => setDone(false), 1_500)
        })
      }}
    >
      {isDone ? t('act.copied') : name}
    </Button>
  )
}

export const Body = ({ text, title }: { text: string; title: string }) => (
  <figure className="body">
    <figcaption>
      <span>{title}</span>
      <CopyButton text={text} />
    </figcaption>
    {/* a place that scrolls can be reached by keyboard */}
    {/* oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex */}
    <pre tabIndex={0}>{laidOut(text)}</pre>
  </figure>
)
