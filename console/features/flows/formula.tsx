/** A formula as it is written: what is wrong with it, at which character, and what it makes of the record that is looked at. */
import { Dropdown, Input } from 'antd'
import type { TextAreaRef } from 'antd/es/input/TextArea'
import { useQuery } from '@tanstack/react-query'
import { useRef } from 'react'
import { useTranslation } from 'react-i18next'
import { call } from '../../api/client.ts'
import { useSettled } from '../../ui/settled.ts'
import { useTenant } from '../../ui/session.tsx'

/** The ones that are asked for most; all of them stand in docs/formulas.md. */
const beginnings = [
  'IF(, , )',
  'SWITCH(, , , )',
  'COALESCE(, )',
  'LOOKUP(, {"A": "1"}, "")',
  'MAPPED(, "")',
  'CONCAT(, )',
  'LEFT(, 10)',
  'TRIM()',
  'UPPER()',
  'REPLACE(, "", "")',
  'ROUND(, 2)',
  'SUM()',
  'COUNT()',
  'JOIN(, ",")',
  'FORMATDATE(, "yyyy-MM-dd")',
  'DATEADD(, 1, "day")',
]

export const Formula = ({
  pair,
  flow,
  detail,
  value,
  made,
  onChange,
}: {
  pair: string
  flow: 'leftToRight' | 'rightToLeft'
  detail: string | null
  value: string
  made: string | null
  onChange: (formula: string) => void
}) => {
  const { t } = useTranslation()
  const tenant = useTenant()
  const box = useRef<TextAreaRef>(null)
  const asked = useSettled(value, 250)
  const { data } = useQuery({
    queryKey: ['in', tenant, 'formula', pair, flow, detail, asked],
    queryFn: () =>
      call('checkFormula', {
        path: { tenant, pair, flow },
        body: { formula: asked, ...(detail !== null && { detail }) },
      }),
    enabled: asked.trim() !== '',
    placeholderData: (before) => before,
  })
  const problems = asked === value ? (data?.problems ?? []) : []
  const [first] = problems
  const insert = (text: string) => {
    const area = box.current?.resizableTextArea?.textArea
    const at = area?.selectionStart ?? value.length
    onChange(`${value.slice(0, at)}${text}${value.slice(area?.selectionEnd ?? at)}`)
    requestAnimationFrame(() => {
      area?.focus()
      const inner = at + text.indexOf('(') + 1
      area?.setSelectionRange(inner, inner)
    })
  }
  return (
    <div className="stack tight">
      <Input.TextArea
        ref={box}
        className="mono"
        rows={value.length > 90 || value.includes('\n') ? 5 : 2} // measuring it (autoSize) is what the page's policy forbids
        spellCheck={false}
        aria-label={t('mapper.formula')}
        aria-invalid={problems.length > 0}
        placeholder='IF(grade = "A", CONCAT("★ ", name), name)'
        value={value}
        onChange={(event) => onChange(event.target.value)}
      />
      {first && (
        <pre className="map-caret" role="alert">
          {value.slice(0, first.at)}
          <mark>{value.slice(first.at, first.at + 1) || ' '}</mark>
          {value.slice(first.at + 1)}
          {'\n'}
          {problems.map((one) => one.say).join('\n')}
        </pre>
      )}
      <div className="row">
        <Dropdown
          trigger={['click']}
          menu={{
            items: beginnings.map((key) => ({ key, label: <code>{key.slice(0, key.indexOf('('))}</code> })),
            onClick: ({ key }) => insert(key),
            style: { maxHeight: 320, overflow: 'auto' },
          }}
        >
          <button type="button" className="map-link">
            {t('mapper.insert')}
          </button>
        </Dropdown>
        {problems.length === 0 && made !== null && (
          <span className="map-result">
            {t('mapper.result')} <code>{made}</code>
          </span>
        )}
      </div>
    </div>
  )
}
