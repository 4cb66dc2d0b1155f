/** Before a flow runs: what it needs, looked at one by one; it is enabled only when it would work, and told why where it would not. */
import { useQuery } from '@tanstack/react-query'
import { Modal } from 'antd'
import type { ReactNode } from 'react'
import { useTranslation } from 'react-i18next'
import { call, Refusal } from '../../api/client.ts'
import { useRead } from '../../ui/asking.ts'
import { useMay, useTenant } from '../../ui/session.tsx'
import type { Way } from './preview.tsx'
import { openFields, type Tree } from './rules.ts'

type Stand = 'open' | 'good' | 'bad' | 'doubt'

const words: Record<Stand, string> = { open: 'syncing', good: 'succeeded', bad: 'failed', doubt: 'waiting' }

const Check = ({ stand, title, children }: { stand: Stand; title: string; children?: ReactNode }) => {
  const { t } = useTranslation()
  return (
    <li className="enable-check">
      <span className={`state state-${words[stand]}`}>
        <i aria-hidden />
        <span className="skip">{t(`enable.${stand}`)}</span>
      </span>
      <div>
        <b>{title}</b>
        {children}
      </div>
    </li>
  )
}

export const Enable = ({
  pair,
  flow,
  ends,
  mapping,
  onEnable,
  onDone,
}: {
  pair: string
  flow: Way
  ends: { source: string; target: string }
  mapping: Tree
  onEnable: () => void
  onDone: () => void
}) => {
  const { t } = useTranslation()
  const tenant = useTenant()
  const may = useMay()
  const path = { tenant, pair, flow }
  const [connection = '', ...code] = ends.target.split('/')
  const target = useRead('showObject', { path: { connection, object: code.join('/') } })
  const fresh = { retry: false, staleTime: 0, gcTime: 0 } as const
  // the saved tests run on the flow as if it were enabled: what does not compile is told there
  const tests = useQuery({
    queryKey: ['enable', 'tests', path],
    queryFn: () => call('runMappingTests', { path }),
    ...fresh,
  })
  const canTry = may('testConnection')
  const reached = useQuery({
    queryKey: ['enable', 'reached', tenant, connection],
    queryFn: () => call('testConnection', { path: { tenant, connection } }),
    enabled: canTry,
    ...fresh,
  })
  const newest = useRead('listRecords', { query: { flow: `${pair}:${flow}`, limit: 1 } })
  const id = newest.data?.items[0]?.[flow === 'leftToRight' ? 'left' : 'right'].id
  const record = useQuery({
    queryKey: ['enable', 'record', path, id],
    queryFn: () => call('previewRecord', { path, body: { id: id as string } }),
    enabled: typeof id === 'string' && may('previewRecord'),
    ...fresh,
  })
  const missing = target.data ? openFields(mapping, target.data) : []
  const no = tests.error instanceof Refusal ? tests.error : null
  const wrong = tests.data?.tests.filter((one) => !one.passed) ?? []
  const compiled: Stand = no ? 'bad' : tests.data ? 'good' : 'open'
  const whole: Stand = !target.data ? 'open' : missing.length > 0 ? 'bad' : 'good'
  const passed: Stand = wrong.length > 0 ? 'bad' : 'good'
  const broken = reached.data?.steps.find((step) => !step.ok)
  const would = record.data?.would
  const hard = [compiled, whole, passed]
  const isGood = hard.every((stand) => stand === 'good')
  return (
    <Modal
      open
      width={600}
      title={t('enable.title')}
      onCancel={onDone}
      onOk={onEnable}
      okText={t('flow.enable')}
      cancelText={t('act.cancel')}
      okButtonProps={{ disabled: !isGood }}
    >
      <ul className="plain enable" aria-busy={hard.includes('open')}>
        <Check stand={compiled} title={t('enable.compiled')}>
          {no && (
            <ul className="plain">
              {(no.problems.length > 0 ? no.problems : [{ path: '', say: no.message }]).map((one) => (
                <li key={`${one.path} ${one.say}`}>
                  <code>{one.path.replace(/^flows\.(left|right)\./, '')}</code> {one.say}
                </li>
              ))}
            </ul>
          )}
        </Check>
        <Check stand={whole} title={t('enable.required')}>
          {missing.length > 0 && (
            <p>
              {t('step.lacking')} <code>{missing.join(', ')}</code>
            </p>
          )}
        </Check>
        {tests.data && tests.data.tests.length > 0 && (
          <Check stand={passed} title={t('enable.tests', { count: tests.data.tests.length })}>
            {wrong.map((one) => (
              <p key={one.name}>
                {one.name}: {one.wrong.join('; ')}
              </p>
            ))}
          </Check>
        )}
        {canTry && (
          <Check
            stand={reached.isPending ? 'open' : reached.data?.ok ? 'good' : 'doubt'}
            title={t('enable.reached', { connection })}
          >
            {broken && (
              <p>
                {broken.sentence} {broken.todo}
              </p>
            )}
            {reached.error && <p>{reached.error.message}</p>}
          </Check>
        )}
        {typeof id === 'string' && (
          <Check
            stand={record.isPending ? 'open' : would && !['park', 'resolve'].includes(would.kind) ? 'good' : 'doubt'}
            title={t('enable.record', { id })}
          >
            {would && (
              <p>
                {t(`mapper.would.${would.kind}`)} {would.faults.map((one) => one.sentence).join(' ')}
              </p>
            )}
          </Check>
        )}
      </ul>
      <p className="faint" role="status">
        {isGood ? t('enable.ready') : hard.includes('bad') ? t('enable.notYet') : t('enable.looking')}
      </p>
    </Modal>
  )
}
