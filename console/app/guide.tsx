/** The guided first run: connect, declare, map, preview, enable. A bar above every page that says what is next; put away with a click, and taken up again from one's own menu. */
import { Link } from '@tanstack/react-router'
import { Button } from 'antd'
import { useTranslation } from 'react-i18next'
import { useRead } from '../ui/asking.ts'
import { guideSteps, type GuideStep, useGuide } from '../ui/guide.ts'
import { useMay, useTenant } from '../ui/session.tsx'
import { CopyButton } from '../ui/text.tsx'

type Tree = Record<string, unknown>

/** What the sandbox brings along: only what comes beside it is the person's own. */
const brought = {
  connections: ['erp', 'crm'],
  pairs: ['customer', 'material', 'order', 'guide'],
}

/** The sandbox's CRM knows products; this is what a shop would say of one. */
const sample =
  '{"objAPIName":"SHOP_Product","masterFieldVal":{"id":"SP-1","name":"First product","unit":"pcs","price":19.90}}'
const sampleObject = 'SHOP_Product'

const rulesOf = (flow: Tree): number => Object.keys(((flow.mapping as Tree | undefined)?.fields ?? {}) as Tree).length

/** The next steps by what stands there; what nothing tells of is remembered. */
const useDone = (isSandbox: boolean, seen: readonly string[]) => {
  const connections = useRead('listConnections', { query: { limit: 500 } }).data?.items ?? []
  const pairs = useRead('listPairs', { query: { limit: 500 } }).data?.items ?? []
  const own = connections.filter((one) => !isSandbox || !brought.connections.includes(String(one.id)))
  const objects = connections.flatMap((one) => (one.objects ?? []) as string[])
  const flows = pairs
    .filter((one) => !isSandbox || !brought.pairs.includes(String(one.id)))
    .flatMap((one) =>
      Object.entries((one.flows ?? {}) as Record<string, Tree>).map(([way, flow]) => ({
        pair: String(one.id),
        way,
        flow,
      })),
    )
  const ownObjects = own.some((one) => ((one.objects ?? []) as string[]).length > 0)
  const mine = flows.find(({ flow }) => rulesOf(flow) > 0) ?? flows[0]
  const done: Record<GuideStep, boolean> = {
    connect: seen.includes('connect') || (isSandbox ? own.length > 0 : own.length > 1),
    declare: flows.length > 0 || ownObjects || objects.includes(sampleObject),
    map: flows.some(({ flow }) => rulesOf(flow) > 0),
    preview: seen.includes('preview') && flows.length > 0,
    enable: flows.some(({ flow }) => rulesOf(flow) > 0 && (flow.state ?? 'enabled') === 'enabled'),
  }
  return { done, mine, isKnown: connections.length > 0 || !isSandbox }
}

const Go = ({ step, mine }: { step: GuideStep; mine: { pair: string; way: string } | undefined }) => {
  const { t } = useTranslation()
  const tenant = useTenant()
  const label = t(`guide.go.${step}`)
  if (step === 'connect')
    return (
      <Link className="guide-go" to="/t/$tenant/connections" params={{ tenant }}>
        {label}
      </Link>
    )
  if (step === 'declare')
    return (
      <Link className="guide-go" to="/t/$tenant/objects" params={{ tenant }}>
        {label}
      </Link>
    )
  if (!mine)
    return (
      <Link className="guide-go" to="/t/$tenant/flows" params={{ tenant }}>
        {t('guide.go.flow')}
      </Link>
    )
  const params = { tenant, pair: mine.pair, flow: mine.way }
  return step === 'enable' ? (
    <Link className="guide-go" to="/t/$tenant/flows/$pair/$flow" params={params}>
      {label}
    </Link>
  ) : (
    <Link className="guide-go" to="/t/$tenant/flows/$pair/$flow/mapping" params={params} search={{}}>
      {label}
    </Link>
  )
}

const Bar = ({ seen, onHide }: { seen: readonly string[]; onHide: () => void }) => {
  const { t } = useTranslation()
  const tenant = useTenant()
  const isSandbox = tenant === 'sandbox'
  const { done, mine, isKnown } = useDone(isSandbox, seen)
  if (!isKnown) return null
  const next = guideSteps.find((step) => !done[step])
  const count = guideSteps.filter((step) => done[step]).length
  return (
    <section className="guide" aria-label={t('guide.title')}>
      <div className="guide-head">
        <b>{t('guide.title')}</b>
        <ol>
          {guideSteps.map((step) => (
            <li
              key={step}
              className={done[step] ? 'done' : step === next ? 'next' : ''}
              aria-current={step === next ? 'step' : undefined}
            >
              <i aria-hidden>{done[step] ? '✓' : guideSteps.indexOf(step) + 1}</i>
              {t(`guide.step.${step}`)}
              {done[step] && <span className="skip"> ({t('act.done')})</span>}
            </li>
          ))}
        </ol>
        <span className="faint nowrap">{t('guide.of', { done: count, all: guideSteps.length })}</span>
        <Button size="small" type="text" onClick={onHide}>
          {next ? t('guide.later') : t('act.close')}
        </Button>
      </div>
      {next ? (
        <div className="guide-next">
          <p>
            {t(isSandbox ? `guide.sandbox.${next}` : `guide.say.${next}`)}
            {isSandbox && (next === 'declare' || next === 'preview') && (
              <CopyButton text={sample} label={t('guide.sample')} />
            )}
          </p>
          <Go step={next} mine={mine} />
        </div>
      ) : (
        <div className="guide-next">
          <p>{t('guide.arrive')}</p>
          <Link className="guide-go" to="/t/$tenant/objects" params={{ tenant }}>
            {t('interface.title')}
          </Link>
        </div>
      )}
    </section>
  )
}

export const GuideBar = () => {
  const may = useMay()
  const { guide, hide } = useGuide()
  if (!guide || guide.hidden || !may('putConnection')) return null
  return <Bar seen={guide.seen} onHide={() => hide(true)} />
}
