/** Mends what a whole error group fails for, and goes through its records again: map an option, bind an id, set a default. */
import { AutoComplete, Button, Form, Input, Modal, Radio, Skeleton, Steps } from 'antd'
import { useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import { call } from '../../api/client.ts'
import { useRead } from '../../ui/asking.ts'
import { useMay, useRefresh, useTenant } from '../../ui/session.tsx'
import { TaskProgress } from '../../ui/task.tsx'
import { Nothing, Problem } from '../../ui/told.tsx'
import type { Group } from './groups.tsx'
import { type Mapping, optionsOf, ruleOf, valuesOf, withOptions, withRule } from './rules.ts'

export type Fix = 'option' | 'bind' | 'default'

/** What can be done about the cause of a group, the likeliest first, as far as this person may. */
export const fixesOf = (
  group: Pick<Group, 'code' | 'pair' | 'flow' | 'what' | 'field'>,
  may: (route: string) => boolean,
): Fix[] => {
  if (group.what !== 'record' || group.pair === null) return []
  const can: Fix[] = []
  const isMapped = group.flow !== null && group.field !== null
  if (group.code === 'map.option' && isMapped && may('putOptions')) can.push('option')
  if ((group.code === 'map.reference' || group.code === 'wait.expired') && may('bindLink')) can.push('bind')
  if (['map.option', 'map.required'].includes(group.code) && isMapped && may('putMapping')) can.push('default')
  return can
}

/** Then: mended, go through the group again. */
type Mended = (deed: () => Promise<unknown>) => void

interface Part {
  group: Group
  onMended: Mended
  isBusy: boolean
}

/** At most so many records are looked at for the values that are missing: a group of more has seldom others. */
const looked = 500

const useGroupFaults = (group: string) => {
  const { data } = useRead('listRecords', { query: { group, limit: looked } })
  return data?.items.map((one) => one.fault)
}

/** The rule that a group's faults speak of, and the options that its target field has. */
const useRule = (group: Group) => {
  const flow = useRead('showFlow', { path: { pair: group.pair ?? '', flow: group.flow ?? 'leftToRight' } })
  const pair = useRead('showPair', { path: { pair: group.pair ?? '' } })
  const mapping = (flow.data as { mapping?: Mapping } | undefined)?.mapping
  const found = mapping && ruleOf(mapping, group.field ?? '')
  const endOf = (side: 'left' | 'right') => String((pair.data as Record<string, unknown> | undefined)?.[side] ?? '')
  const [source, end] = group.flow === 'leftToRight' ? [endOf('left'), endOf('right')] : [endOf('right'), endOf('left')]
  const [connection = '', ...code] = end.split('/')
  const object = useRead(
    'showObject',
    { path: { connection, object: code.join('/') } },
    { enabled: connection !== '' && code.length > 0 },
  )
  const options = found ? optionsOf(object.data as Record<string, unknown> | undefined, found.detail, found.to) : []
  return {
    mapping,
    found,
    options,
    source,
    isPending: flow.isPending || pair.isPending,
    error: flow.error ?? pair.error,
  }
}

const OptionFix = ({ group, onMended, isBusy }: Part) => {
  const { t } = useTranslation()
  const tenant = useTenant()
  const { found, options, source, isPending, error } = useRule(group)
  const faults = useGroupFaults(group.group)
  const [form] = Form.useForm<Record<string, string>>()
  if (error) return <Problem error={error} />
  if (isPending || !faults) return <Skeleton active />
  if (!found || !group.pair || !group.flow)
    return <Nothing title={t('fix.noRule')}>{t('fix.noRuleTodo', { field: group.field })}</Nothing>
  const values = [...valuesOf(faults, 'map.option', group.field ?? '')].sort((a, b) => b[1] - a[1])
  const { pair, flow } = group
  const save = (said: Record<string, string>) =>
    onMended(async () => {
      const at = { tenant, pair, flow, field: found.to }
      const query = found.detail === null ? {} : { detail: found.detail }
      // as it stands now, also where somebody else has just added one
      const now = await call('showOptions', { path: at, query })
      const added = Object.fromEntries(
        values.flatMap(([value], i) => (said[`v${i}`]?.trim() ? [[value, said[`v${i}`]?.trim() as string]] : [])),
      )
      // an option that its own object does not declare would be refused: it exists, as the record shows
      const [connection = '', ...code] = source.split('/')
      const where = { tenant, connection, object: code.join('/') }
      const object = await call('showObject', { path: where })
      const declared = withOptions(object, found.sourceDetail, found.rule.from ?? '', Object.keys(added))
      if (declared) await call('putObject', { path: where, body: declared })
      await call('putOptions', { path: at, query, body: { ...now, options: { ...now.options, ...added } } })
    })
  return (
    <Form form={form} layout="vertical" onFinish={save} requiredMark={false}>
      <p>
        {t('fix.optionSay')} <code>{group.field}</code> →{' '}
        <code>{found.detail === null ? found.to : `${found.detail}.${found.to}`}</code>
      </p>
      {values.map(([value, count], i) => (
        <Form.Item
          key={value}
          name={`v${i}`}
          label={
            <span>
              {t('fix.optionValue')} <code>{value}</code> <span className="faint">· {t('fix.records', { count })}</span>
            </span>
          }
          rules={i === 0 ? [{ required: true, message: t('fix.optionMissing') }] : []}
        >
          <AutoComplete options={options} placeholder={t('fix.optionHint')} showSearch={{ filterOption: true }} />
        </Form.Item>
      ))}
      <Button type="primary" htmlType="submit" loading={isBusy}>
        {t('fix.go', { count: group.count })}
      </Button>
    </Form>
  )
}

const DefaultFix = ({ group, onMended, isBusy }: Part) => {
  const { t } = useTranslation()
  const tenant = useTenant()
  const { mapping, found, options, isPending, error } = useRule(group)
  if (error) return <Problem error={error} />
  if (isPending) return <Skeleton active />
  if (!mapping || !found || !group.pair || !group.flow)
    return <Nothing title={t('fix.noRule')}>{t('fix.noRuleTodo', { field: group.field })}</Nothing>
  const { pair, flow } = group
  const save = ({ value }: { value: string }) =>
    onMended(async () => {
      const at = { tenant, pair, flow }
      const now = (await call('showMapping', { path: at })) as Mapping
      const rule = { ...found.rule, default: value, ...(group.code === 'map.option' && { unmapped: 'default' }) }
      await call('putMapping', { path: at, body: withRule(now, found, rule) as Record<string, unknown> })
    })
  return (
    <Form layout="vertical" onFinish={save} requiredMark={false}>
      <p>
        {t('fix.defaultSay')} <code>{found.detail === null ? found.to : `${found.detail}.${found.to}`}</code>
      </p>
      <Form.Item name="value" label={t('fix.default')} rules={[{ required: true, message: t('fix.defaultMissing') }]}>
        <AutoComplete options={options} />
      </Form.Item>
      <Button type="primary" htmlType="submit" loading={isBusy}>
        {t('fix.go', { count: group.count })}
      </Button>
    </Form>
  )
}

const BindFix = ({ group, onMended, isBusy }: Part) => {
  const { t } = useTranslation()
  const tenant = useTenant()
  const { data: pairs } = useRead('listPairs', { query: { limit: 500 } })
  const records = useRead('listRecords', { query: { group: group.group, limit: looked } })
  if (!records.data || !pairs) return <Skeleton active />
  const wanted = new Map<string, { pair: string; id: string; count: number }>()
  for (const record of records.data.items) {
    const { value, expected, code } = record.fault ?? {}
    if (code !== 'map.reference' || typeof value !== 'string' || typeof expected !== 'string') continue
    const key = `${expected} ${value}`
    wanted.set(key, { pair: expected, id: value, count: (wanted.get(key)?.count ?? 0) + 1 })
  }
  const refs = [...wanted.values()].sort((a, b) => b.count - a.count).slice(0, 20)
  if (refs.length === 0) return <Nothing title={t('fix.noReference')}>{t('fix.noReferenceTodo')}</Nothing>
  // the referred record is on the side that this group's flow leads away from
  const [sample] = records.data.items
  const source =
    sample && (sample.target === sample.right.connection ? sample.left.connection : sample.right.connection)
  const isLeft = (pair: string) => {
    const found = pairs.items.find((one) => one.id === pair) as { left?: unknown } | undefined
    return String(found?.left ?? '').split('/')[0] === source
  }
  const save = (said: Record<string, string>) =>
    onMended(async () => {
      for (const [i, ref] of refs.entries()) {
        const other = said[`r${i}`]?.trim()
        if (!other) continue
        const body = isLeft(ref.pair) ? { left: ref.id, right: other } : { left: other, right: ref.id }
        await call('bindLink', { path: { tenant, pair: ref.pair }, body })
      }
    })
  return (
    <Form layout="vertical" onFinish={save} requiredMark={false}>
      <p>{t('fix.bindSay')}</p>
      {refs.map((ref, i) => (
        <Form.Item
          key={`${ref.pair} ${ref.id}`}
          name={`r${i}`}
          label={
            <span>
              {ref.pair} <code>{ref.id}</code> <span className="faint">· {t('fix.records', { count: ref.count })}</span>
            </span>
          }
          rules={i === 0 ? [{ required: true, message: t('fix.bindMissing') }] : []}
        >
          <Input placeholder={t('fix.bindHint')} />
        </Form.Item>
      ))}
      <Button type="primary" htmlType="submit" loading={isBusy}>
        {t('fix.go', { count: group.count })}
      </Button>
    </Form>
  )
}

/** Mend, then go through the records again, and watch. */
export const FixGroup = ({ group, onDone }: { group: Group; onDone: () => void }) => {
  const { t } = useTranslation()
  const tenant = useTenant()
  const may = useMay()
  const refresh = useRefresh()
  const fixes = fixesOf(group, may)
  const [fix, setFix] = useState<Fix | undefined>(fixes[0])
  const [task, setTask] = useState<string | null>(null)
  const [error, setError] = useState<unknown>(null)
  const [isBusy, setBusy] = useState(false)
  const onMended: Mended = (deed) => {
    setBusy(true)
    setError(null)
    const work = async () => {
      await deed()
      const made = await call('retryMatching', { path: { tenant }, body: { filter: { group: group.group } } })
      setTask(made.task)
      refresh()
    }
    void work()
      .catch(setError)
      .finally(() => setBusy(false))
  }
  const part = { group, onMended, isBusy }
  return (
    <Modal
      open
      title={t('fix.title')}
      onCancel={onDone}
      footer={
        task === null ? null : (
          <Button type="primary" onClick={onDone}>
            {t('act.close')}
          </Button>
        )
      }
      width={620}
    >
      <div className="stack">
        <p className="faint">{group.sentence}</p>
        <Steps
          size="small"
          current={task === null ? 0 : 1}
          items={[{ title: t('fix.stepMend') }, { title: t('fix.stepRerun') }]}
        />
        {task === null && fixes.length > 1 && (
          <Radio.Group
            aria-label={t('fix.how')}
            value={fix}
            onChange={(event) => setFix(event.target.value as Fix)}
            options={fixes.map((value) => ({ value, label: t(`fix.${value}`) }))}
          />
        )}
        {task === null && fix === 'option' && <OptionFix {...part} />}
        {task === null && fix === 'default' && <DefaultFix {...part} />}
        {task === null && fix === 'bind' && <BindFix {...part} />}
        {task !== null && <TaskProgress task={task} />}
        {task !== null && <Rest group={group.group} />}
        {error !== null && <Problem error={error} />}
      </div>
    </Modal>
  )
}

/** How many are still in the group: the bar says what was begun again, this what came of it. */
const Rest = ({ group }: { group: string }) => {
  const { t } = useTranslation()
  const tenant = useTenant()
  const { data } = useQuery({
    queryKey: ['rest', tenant, group],
    queryFn: () => call('estimateRetry', { path: { tenant }, body: { group } }),
    refetchInterval: 1_500,
  })
  if (!data) return null
  return <p role="status">{data.matched === 0 ? t('fix.restNone') : t('fix.rest', { count: data.matched })}</p>
}
