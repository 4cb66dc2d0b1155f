/** Data scope 数据范围: conditions that must all hold, as sentences and as a form. */
import { DeleteOutlined, PlusOutlined } from '@ant-design/icons'
import { AutoComplete, Button, Select } from 'antd'
import { useTranslation } from 'react-i18next'
import { type Field, isTree, scalarOf, type Tree } from './rules.ts'

export interface Condition {
  field: string
  op: string
  value?: unknown
  of?: string
}

const bare = new Set(['empty', 'notEmpty'])
const listed = new Set(['in', 'notIn'])
export const ops = [
  'eq',
  'ne',
  'in',
  'notIn',
  'gt',
  'ge',
  'lt',
  'le',
  'empty',
  'notEmpty',
  'startsWith',
  'contains',
  'mapped',
  'notMapped',
] as const

/** Both spellings of a scope as one list (server/flows/pair.ts). Pure. */
export const conditionsOf = (scope: unknown): Condition[] => {
  if (Array.isArray(scope)) return scope as Condition[]
  return Object.entries((scope ?? {}) as Tree).flatMap(([field, said]): Condition[] => {
    if (Array.isArray(said)) return [{ field, op: 'in', value: said }]
    if (!isTree(said)) return [{ field, op: 'eq', value: said }]
    return Object.entries(said).map(([op, value]) => (bare.has(op) ? { field, op } : { field, op, value }))
  })
}

/** What a condition says, for the list of the schema. Pure. */
export const conditionSaid = ({ field, op, value, of }: Condition): Tree => ({
  field,
  op,
  ...(!bare.has(op) && { value: value ?? (listed.has(op) ? [] : '') }),
  ...(of !== undefined && { of }),
})

export const Conditions = ({ scope }: { scope: unknown }) => {
  const { t } = useTranslation()
  const list = conditionsOf(scope)
  if (list.length === 0) return <p className="faint">{t('step.allRecords')}</p>
  return (
    <ul className="plain step-list">
      {list.map((one) => (
        <li key={JSON.stringify(one)}>
          {one.of === 'target' && <span className="faint">{t('step.ofTarget')} </span>}
          <code>{one.field}</code> {t(`step.op.${one.op}` as 'step.op.eq', { defaultValue: one.op })}{' '}
          {one.value !== undefined && (
            <code>{Array.isArray(one.value) ? one.value.map(String).join(', ') : String(one.value)}</code>
          )}
        </li>
      ))}
    </ul>
  )
}

export const ScopeForm = ({
  list,
  fields,
  pairs,
  onChange,
}: {
  list: readonly Condition[]
  fields: readonly Field[]
  pairs: readonly string[]
  onChange: (list: Condition[]) => void
}) => {
  const { t } = useTranslation()
  const put = (at: number, change: Partial<Condition>) =>
    onChange(list.map((one, i) => (i === at ? { ...one, ...change } : one)))
  const typed = (field: string, text: string) =>
    scalarOf(text, fields.find(({ code }) => code === field)?.type ?? 'text')
  return (
    <div className="stack tight">
      {list.map((one, i) => {
        const field = fields.find(({ code }) => code === one.field)
        const offered = (field?.options ?? []).map(({ value, label }) => ({ value, label: label || value }))
        return (
          // the list is only changed here, one by one
          // oxlint-disable-next-line react/no-array-index-key
          <div key={i} className="row step-condition">
            <AutoComplete
              style={{ width: 170 }}
              aria-label={t('object.field')}
              placeholder={t('object.field')}
              value={one.field}
              options={[...fields.map(({ code }) => ({ value: code })), { value: '$id' }]}
              onChange={(name: string) => put(i, { field: name ?? '' })}
            />
            <Select
              style={{ minWidth: 130 }}
              popupMatchSelectWidth={false}
              aria-label={t('step.op')}
              value={one.op}
              options={ops.map((value) => ({ value, label: t(`step.op.${value}`) }))}
              onChange={(op: string) =>
                put(i, {
                  op,
                  value: bare.has(op)
                    ? undefined
                    : listed.has(op)
                      ? [one.value ?? []].flat()
                      : Array.isArray(one.value)
                        ? one.value[0]
                        : one.value,
                })
              }
            />
            {listed.has(one.op) ? (
              <Select
                mode="tags"
                style={{ minWidth: 200 }}
                aria-label={t('step.value')}
                value={((one.value ?? []) as unknown[]).map(String)}
                options={offered}
                onChange={(values: string[]) => put(i, { value: values.map((value) => typed(one.field, value)) })}
              />
            ) : one.op === 'mapped' || one.op === 'notMapped' ? (
              <Select
                style={{ minWidth: 160 }}
                aria-label={t('kind.pair')}
                value={one.value as string | undefined}
                options={pairs.map((value) => ({ value, label: value }))}
                onChange={(value: string) => put(i, { value })}
              />
            ) : (
              !bare.has(one.op) && (
                <AutoComplete
                  style={{ width: 200 }}
                  aria-label={t('step.value')}
                  value={one.value === undefined ? '' : String(one.value)}
                  options={offered}
                  onChange={(text: string) => put(i, { value: typed(one.field, text ?? '') })}
                />
              )
            )}
            <Select
              style={{ minWidth: 110 }}
              popupMatchSelectWidth={false}
              aria-label={t('step.whose')}
              value={one.of ?? ''}
              options={[
                { value: '', label: t('step.ofSource') },
                { value: 'target', label: t('step.ofTarget') },
              ]}
              onChange={(of: string) => put(i, { of: of === '' ? undefined : of })}
            />
            <Button
              type="text"
              icon={<DeleteOutlined />}
              aria-label={t('act.remove')}
              onClick={() => onChange(list.filter((_, at) => at !== i))}
            />
          </div>
        )
      })}
      <Button
        size="small"
        icon={<PlusOutlined />}
        onClick={() => onChange([...list, { field: '', op: 'eq', value: '' }])}
      >
        {t('step.addCondition')}
      </Button>
    </div>
  )
}
