/** Bodies as people read them: laid out where they are JSON, copied with a click, never run. */
import { CheckOutlined, CopyOutlined } from '@ant-design/icons'
import { Button } from 'antd'
import { useState } from 'react'
import { useTranslation } from 'react-i18next'

/** Breaks JSON into lines without reading its values: numbers keep every digit, and what is no JSON stays what it is. Pure. */
export const laidOut = (text: string): string => {
  const trimmed = text.trim()
  if (!/^[[{]/.test(trimmed)) return text
  let depth = 0
  let out = ''
  let inText = false
  for (let i = 0; i < trimmed.length; i++) {
    const c = trimmed[i] as string
    if (inText) {
      out += c
      if (c === '\\') out += trimmed[++i] ?? ''
      else if (c === '"') inText = false
      continue
    }
    if (c === '"') inText = true
    if (c === '{' || c === '[') {
      const rest = trimmed.slice(i + 1).match(/^\s*([\]}])/)
      if (rest) {
        out += c + rest[1]
        i += rest[0].length
        continue
      }
      depth++
      out += `${c}\n${'  '.repeat(depth)}`
    } else if (c === '}' || c === ']') {
      depth = Math.max(0, depth - 1)
      out += `\n${'  '.repeat(depth)}${c}`
    } else if (c === ',') out += `,\n${'  '.repeat(depth)}`
    else if (c === ':') out += ': '
    else if (!/\s/.test(c)) out += c
  }
  return out
}

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
