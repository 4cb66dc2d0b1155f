/** One connection: its form, the test of it, its limits, what waits for it, pausing and resuming. */
import { Link, useNavigate, useParams } from '@tanstack/react-router'
import { App, Button, Form, Input, InputNumber, Select, Skeleton, Switch } from 'antd'
import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import { type Answer, call, callAt } from '../../api/client.ts'
import { useChange, useRead } from '../../ui/asking.ts'
import { ChangeList } from '../../ui/changes.tsx'
import { useGuide } from '../../ui/guide.ts'
import { useMay, useRefresh, useTenant } from '../../ui/session.tsx'
import { useFormats } from '../../ui/time.tsx'
import { PageHead, Problem } from '../../ui/told.tsx'
import { Health } from './connections.tsx'
import { QueueCard } from './queue-card.tsx'
import { connectionOf, type FormValues, type Tree, valuesOf } from './form.ts'

interface Tested {
  ok: boolean
  steps: { step: string; ok: boolean; ms?: number; sentence?: string; code?: string; todo?: string }[]
}

/** Each step as it went: name, TLS, sign-in, one read. */
const TestConnection = ({ connection }: { connection: string }) => {
  const { t } = useTranslation()
  const tenant = useTenant()
  const formats = useFormats()
  const { mark } = useGuide()
  const [tested, setTested] = useState<Tested | null>(null)
  const [error, setError] = useState<unknown>(null)
  const [isAsking, setAsking] = useState(false)
  const test = () => {
    setAsking(true)
    setError(null)
    void callAt<Tested>(
      'POST',
      `/tenants/${encodeURIComponent(tenant)}/connections/${encodeURIComponent(connection)}/test`,
      {},
    )
      .then((found) => {
        setTested(found)
        if (found.ok) mark('connect')
      }, setError)
      .finally(() => setAsking(false))
  }
  return (
    <section className="card">
      <div className="row" style={{ justifyContent: 'space-between' }}>
        <h2>{t('connection.test')}</h2>
        <Button onClick={test} loading={isAsking}>
          {t('connection.testGo')}
        </Button>
      </div>
      {error !== null && <Problem error={error} />}
      {tested && (
        <ol className="steps" aria-live="polite">
          {tested.steps.map((one) => (
            <li
              key={one.step}
              className={`state state-${one.ok ? 'succeeded' : 'failed'}`}
              style={{ whiteSpace: 'normal' }}
            >
              <i aria-hidden />
              <span>
                <b>{one.step.toUpperCase()}</b> {one.sentence}{' '}
                {one.ms === undefined ? '' : `· ${formats.stretch(one.ms)}`}
                {one.todo && <div className="faint">{one.todo}</div>}
              </span>
            </li>
          ))}
        </ol>
      )}
    </section>
  )
}

/** Every flow that writes to this system, at once: what comes in is kept and sent later. */
const Pause = ({ connection, status }: { connection: string; status: Answer<'showStatus'> }) => {
  const { t } = useTranslation()
  const tenant = useTenant()
  const refresh = useRefresh()
  const may = useMay()
  const { notification } = App.useApp()
  const flows = status.flows.filter((flow) => flow.target.split('/')[0] === connection)
  const running = flows.filter((flow) => flow.state === 'enabled')
  const paused = flows.filter((flow) => flow.state === 'paused')
  const held = flows.reduce((sum, flow) => sum + flow.held, 0)
  const turn = async (which: typeof flows, state: 'enabled' | 'paused') => {
    try {
      for (const flow of which)
        await call('changeFlowState', { path: { tenant, pair: flow.pair, flow: flow.flow }, body: { state } })
    } catch (error) {
      notification.error({ title: null, description: <Problem error={error} /> })
    }
    refresh()
  }
  const own = status.connections.find((one) => one.connection === connection)
  return (
    <section className="card stack">
      <h2>{t('connection.now')}</h2>
      <Health held={own?.heldByBreaker ?? 0} readsFailed={own?.readsFailed ?? 0} />
      <dl className="facts">
        <dt>{t('overview.backlog')}</dt>
        <dd>{own?.backlog ?? 0}</dd>
        <dt>{t('connection.held')}</dt>
        <dd>{held}</dd>
        <dt>{t('connection.reads')}</dt>
        <dd>{own?.reads ?? 0}</dd>
        <dt>{t('connection.flows')}</dt>
        <dd>
          {flows.map((flow) => (
            <div key={`${flow.pair} ${flow.flow}`}>
              <Link to="/t/$tenant/flows/$pair/$flow" params={{ tenant, pair: flow.pair, flow: flow.flow }}>
                {flow.pair} {flow.flow === 'leftToRight' ? '→' : '←'}
              </Link>{' '}
              <span className="faint">
                {t(`flow.state.${flow.state}` as 'flow.state.enabled', { defaultValue: flow.state })}
              </span>
            </div>
          ))}
        </dd>
      </dl>
      {may('changeFlowState') && (
        <div className="row">
          {running.length > 0 && (
            <Button onClick={() => void turn(running, 'paused')}>
              {t('connection.pause', { count: running.length })}
            </Button>
          )}
          {paused.length > 0 && (
            <Button type="primary" onClick={() => void turn(paused, 'enabled')}>
              {t('connection.resume', { count: held })}
            </Button>
          )}
        </div>
      )}
      <p className="faint">{t('connection.pauseSay')}</p>
    </section>
  )
}

const Secret = ({ name, label }: { name: (string | number)[]; label: string }) => {
  const { t } = useTranslation()
  return (
    <Form.Item name={name} label={label}>
      <Input.Password
        autoComplete="new-password"
        placeholder={t('connection.kept')}
        style={{ minWidth: 'min(260px, 100%)' }}
      />
    </Form.Item>
  )
}

const Auth = () => {
  const { t } = useTranslation()
  const kind = Form.useWatch<FormValues['auth']>('auth')
  return (
    <>
      <Form.Item name="auth" label={t('connection.auth')}>
        <Select
          aria-label={t('connection.auth')}
          options={(['', 'basic', 'apiKey', 'oauth2', 'signature'] as const).map((value) => ({
            value,
            label: t(`connection.auth.${value || 'none'}`),
          }))}
        />
      </Form.Item>
      {kind === 'basic' && (
        <>
          <Form.Item name={['basic', 'user']} label={t('signIn.user')}>
            <Input autoComplete="off" />
          </Form.Item>
          <Secret name={['basic', 'password']} label={t('signIn.password')} />
        </>
      )}
      {kind === 'apiKey' && (
        <>
          <Form.Item name={['apiKey', 'in']} label={t('connection.keyIn')}>
            <Select
              aria-label={t('connection.keyIn')}
              options={['header', 'query'].map((value) => ({ value, label: value }))}
            />
          </Form.Item>
          <Form.Item name={['apiKey', 'name']} label={t('connection.headerName')}>
            <Input autoComplete="off" />
          </Form.Item>
          <Secret name={['apiKey', 'value']} label={t('connection.headerValue')} />
        </>
      )}
      {kind === 'oauth2' && (
        <>
          <Form.Item name={['oauth2', 'tokenUrl']} label="tokenUrl">
            <Input />
          </Form.Item>
          <Form.Item name={['oauth2', 'clientId']} label="clientId">
            <Input autoComplete="off" />
          </Form.Item>
          <Secret name={['oauth2', 'clientSecret']} label="clientSecret" />
        </>
      )}
      {kind === 'signature' && <p className="faint">{t('connection.signatureSay')}</p>}
    </>
  )
}

const recogniseWays = ['byId', 'byWindow', 'externalIdUnique', 'idempotencyHeader', 'none'] as const

const batchTexts = ['fillFor', 'answerWithin'] as const
const batchNumbers = ['maxRows', 'perHour', 'perDay'] as const
const batchUsual = { maxRows: '200', perHour: '50', perDay: '100', fillFor: '60s', answerWithin: '2h' } as const

/** How batches are sent, and how their results are heard of; only of such a connection. */
const BatchSection = () => {
  const { t } = useTranslation()
  if (Form.useWatch<string>('kind') !== 'masterdata-batch') return null
  return (
    <section className="card">
      <h2>{t('connection.batch')}</h2>
      <p className="faint">{t('connection.batchSay')}</p>
      <Form.Item
        name={['batch', 'clientId']}
        label="client_id"
        rules={[{ required: true, message: t('connection.batch.clientRule') }]}
      >
        <Input autoComplete="off" />
      </Form.Item>
      <Secret name={['batch', 'clientSecret']} label="client_secret" />
      <Form.Item
        name={['batch', 'callbackUrl']}
        label={t('connection.batch.callbackUrl')}
        extra={t('connection.batch.callbackUrlSay')}
      >
        <Input placeholder="https://mortise.example.com" />
      </Form.Item>
      <Secret name={['batch', 'salt']} label={t('connection.batch.salt')} />
      <Form.Item name={['batch', 'query']} label={t('connection.batch.query')} valuePropName="checked">
        <Switch aria-label={t('connection.batch.query')} />
      </Form.Item>
      <div className="row" style={{ gap: 18 }}>
        {batchNumbers.map((name) => (
          <Form.Item key={name} name={['batch', name]} label={t(`connection.batch.${name}`)}>
            <InputNumber min={1} placeholder={batchUsual[name]} />
          </Form.Item>
        ))}
        {batchTexts.map((name) => (
          <Form.Item key={name} name={['batch', name]} label={t(`connection.batch.${name}`)}>
            <Input placeholder={batchUsual[name]} style={{ width: 100 }} />
          </Form.Item>
        ))}
      </div>
    </section>
  )
}

const fxiaokeTexts = ['enterprise', 'user'] as const
const fxiaokeFlows = ['triggerWorkFlow', 'triggerApprovalFlow'] as const

/** The app that the enterprise made, and in whose name calls are made; only of such a connection. */
const FxiaokeSection = () => {
  const { t } = useTranslation()
  if (Form.useWatch<string>('kind') !== 'fxiaoke') return null
  const required = [{ required: true, message: t('connection.fxiaoke.rule') }]
  return (
    <section className="card">
      <h2>{t('connection.fxiaoke')}</h2>
      <p className="faint spaced">{t('connection.fxiaokeSay')}</p>
      <Form.Item name={['fxiaoke', 'appId']} label="appId" rules={required}>
        <Input autoComplete="off" />
      </Form.Item>
      <Secret name={['fxiaoke', 'appSecret']} label="appSecret" />
      <Secret name={['fxiaoke', 'permanentCode']} label="permanentCode" />
      <div className="cols">
        {fxiaokeTexts.map((name) => (
          <Form.Item key={name} name={['fxiaoke', name]} label={t(`connection.fxiaoke.${name}`)} rules={required}>
            <Input />
          </Form.Item>
        ))}
      </div>
      {fxiaokeFlows.map((name) => (
        <Form.Item key={name} name={['fxiaoke', name]} label={t(`connection.fxiaoke.${name}`)} valuePropName="checked">
          <Switch aria-label={t(`connection.fxiaoke.${name}`)} />
        </Form.Item>
      ))}
    </section>
  )
}

const ConnectionForm = ({ id, connection }: { id: string; connection: Tree }) => {
  const { t } = useTranslation()
  const may = useMay()
  const [form] = Form.useForm<FormValues>()
  const put = useChange('putConnection', { quiet: true })
  const isReadOnly = !may('putConnection')
  const kind = Form.useWatch('kind', form)
  // it signs in by its own client, and has no queries of records
  const isBatch = kind === 'masterdata-batch'
  const isStandard = kind !== 'masterdata-batch' && kind !== 'fxiaoke'
  const ways = kind === 'fxiaoke' ? (['byId', 'none'] as const) : recogniseWays
  const kinds = [...new Set(['standard', 'fxiaoke', 'masterdata-batch', String(connection.kind ?? 'standard')])]
  return (
    <Form<FormValues>
      form={form}
      layout="vertical"
      requiredMark={false}
      disabled={isReadOnly}
      initialValues={valuesOf(connection)}
      onFinish={(said) =>
        put.mutate({ path: { connection: id }, body: connectionOf(connection, { ...valuesOf(connection), ...said }) })
      }
    >
      <section className="card">
        <h2>{t('connection.where')}</h2>
        <div className="cols">
          <Form.Item name="role" label={t('connection.role')}>
            <Select
              aria-label={t('connection.role')}
              options={(['erp', 'crm'] as const).map((value) => ({ value, label: t(`connection.role.${value}`) }))}
            />
          </Form.Item>
          <Form.Item name="kind" label={t('connection.kind')}>
            <Select
              aria-label={t('connection.kind')}
              options={kinds.map((value) => ({
                value,
                label: t(`connection.kind.${value}` as 'connection.kind.standard', { defaultValue: value }),
              }))}
            />
          </Form.Item>
        </div>
        <Form.Item
          name="baseUrl"
          label={t('connection.baseUrl')}
          extra={t('connection.baseUrlSay')}
          rules={[{ required: true, message: t('connection.baseUrlRule') }]}
        >
          <Input />
        </Form.Item>
        {!isBatch && (
          <Form.Item name="readable" label={t('connection.readable')} valuePropName="checked">
            <Switch aria-label={t('connection.readable')} />
          </Form.Item>
        )}
      </section>
      <BatchSection />
      <FxiaokeSection />
      <section className="card">
        <h2>{t('connection.proof')}</h2>
        <p className="faint spaced">{t('connection.secretSay')}</p>
        <Form.List name="headers">
          {(fields, { add, remove }) => (
            <>
              {fields.map(({ key, name }) => (
                <div className="row" key={key}>
                  <Form.Item name={[name, 'name']} label={t('connection.headerName')}>
                    <Input style={{ width: 160 }} />
                  </Form.Item>
                  <Form.Item name={[name, 'stored']} hidden>
                    <Input />
                  </Form.Item>
                  <Secret name={[name, 'value']} label={t('connection.headerValue')} />
                  {!isReadOnly && (
                    <Button type="text" danger onClick={() => remove(name)}>
                      {t('act.remove')}
                    </Button>
                  )}
                </div>
              ))}
              {!isReadOnly && (
                <Form.Item>
                  <Button onClick={() => add({ name: '' })}>{t('connection.addHeader')}</Button>
                </Form.Item>
              )}
            </>
          )}
        </Form.List>
        {isStandard && <Auth />}
      </section>
      <section className="card">
        <h2>{t('connection.limits')}</h2>
        <div className="row" style={{ gap: 18 }}>
          <Form.Item name={['limits', 'concurrency']} label={t('connection.concurrency')}>
            <InputNumber min={1} max={256} placeholder="8" />
          </Form.Item>
          <Form.Item name={['limits', 'perSecond']} label={t('connection.perSecond')}>
            <InputNumber min={0.01} />
          </Form.Item>
          <Form.Item name={['limits', 'perDay']} label={t('connection.perDay')}>
            <InputNumber min={1} />
          </Form.Item>
          <Form.Item name="timeout" label={t('connection.timeout')}>
            <Input placeholder="30s" style={{ width: 100 }} />
          </Form.Item>
        </div>
      </section>
      <section className="card">
        <h2>{t('connection.result')}</h2>
        {isStandard && (
          <div className="row" style={{ gap: 18 }}>
            <Form.Item name={['result', 'codePath']} label={t('connection.codePath')}>
              <Input placeholder="code" />
            </Form.Item>
            <Form.Item name={['result', 'messagePath']} label={t('connection.messagePath')}>
              <Input placeholder="message" />
            </Form.Item>
            <Form.Item name={['result', 'dataPath']} label={t('connection.dataPath')}>
              <Input placeholder="data" />
            </Form.Item>
            <Form.Item name={['result', 'successCodes']} label={t('connection.successCodes')}>
              <Input placeholder="0" />
            </Form.Item>
          </div>
        )}
        <Form.Item name="recognise" label={t('connection.recognise')} extra={t('connection.recogniseSay')}>
          <Select
            allowClear
            aria-label={t('connection.recognise')}
            placeholder={t('recognise.usual')}
            options={ways.map((value) => ({
              value,
              label: t(`recognise.${value}`),
            }))}
          />
        </Form.Item>
      </section>
      {put.error !== null && <Problem error={put.error} />}
      {put.data && (
        <section className="card" role="status">
          <h2>{t('changes.saved')}</h2>
          <ChangeList changes={put.data.changes} />
        </section>
      )}
      {!isReadOnly && (
        <Button type="primary" htmlType="submit" loading={put.isPending}>
          {t('act.save')}
        </Button>
      )}
    </Form>
  )
}

export const ConnectionPage = () => {
  const { t } = useTranslation()
  const { connection } = useParams({ from: '/t/$tenant/connections/$connection' })
  const tenant = useTenant()
  const may = useMay()
  const navigate = useNavigate()
  const { modal } = App.useApp()
  const { data, error, isPending, refetch } = useRead('showConnection', { path: { connection } })
  const status = useRead('showStatus', {}, { every: 4_000 })
  const remove = useChange('removeConnection')
  if (error && !data) return <Problem error={error} retry={() => void refetch()} />
  if (isPending || !data) return <Skeleton active />
  return (
    <>
      <PageHead
        title={connection}
        sub={
          <>
            <Link to="/t/$tenant/connections" params={{ tenant }}>
              {t('nav.connections')}
            </Link>
            {' · '}
            {t('connection.one')}
          </>
        }
      >
        {data.kind === 'masterdata-batch' && (
          <Link to="/t/$tenant/out-batches" params={{ tenant }} search={{ connection }}>
            {t('nav.outgoing')}
          </Link>
        )}
        <Link
          to="/t/$tenant/settings/$tab"
          params={{ tenant, tab: 'versions' }}
          search={{ kind: 'connection', name: connection }}
        >
          {t('version.see')}
        </Link>
        {may('removeConnection') && (
          <Button
            danger
            onClick={() =>
              void modal.confirm({
                title: t('connection.removeSure', { id: connection }),
                content: t('connection.removeSay'),
                okText: t('act.remove'),
                cancelText: t('act.cancel'),
                okButtonProps: { danger: true },
                onOk: () =>
                  remove
                    .mutateAsync({ path: { connection } })
                    .then(() => navigate({ to: '/t/$tenant/connections', params: { tenant } }))
                    .catch(() => {}),
              })
            }
          >
            {t('act.remove')}
          </Button>
        )}
      </PageHead>
      <div className="cols">
        <ConnectionForm id={connection} connection={data} key={connection} />
        <div>
          {status.data && <Pause connection={connection} status={status.data} />}
          {data.kind !== 'masterdata-batch' && <QueueCard connection={{ ...data, id: connection }} />}
          {may('testConnection') && <TestConnection connection={connection} />}
          <section className="card">
            <h2>{t('nav.objects')}</h2>
            <ul className="plain">
              {((data.objects ?? []) as string[]).map((object) => (
                <li key={object}>
                  <Link to="/t/$tenant/objects/$connection/$object" params={{ tenant, connection, object }}>
                    {object}
                  </Link>
                </li>
              ))}
            </ul>
            <Link to="/t/$tenant/objects" params={{ tenant }}>
              {t('object.all')}
            </Link>
          </section>
        </div>
      </div>
    </>
  )
}
