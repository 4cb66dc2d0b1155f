/** What is told to whom: channels with a test each, rules with their figures, quiet hours, what is expected to come in, and the owners of records. */
import { MinusCircleOutlined } from '@ant-design/icons'
import { App, Button, Input, InputNumber, Select, Skeleton, Switch, Table } from 'antd'
import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import type { Answer } from '../../api/client.ts'
import { useChange, useRead } from '../../ui/asking.ts'
import { useLooks } from '../../ui/settings.tsx'
import { Nothing, Problem, refusalOf } from '../../ui/told.tsx'
import { localeNames, locales, tagOf } from '../../ui/words.ts'
import { ChannelForm } from './channel.tsx'
import { figuresOf, levels, type RuleName, ruleDefaults, ruleNames, weekdays } from './rules.ts'

export type Settings = Answer<'showAlertSettings'>
export type Channel = NonNullable<Settings['channels']>[number]
type RuleSaid = { on?: boolean; level?: (typeof levels)[number]; [figure: string]: unknown }

const Channels = ({
  channels,
  mayEdit,
  onSave,
}: {
  channels: readonly Channel[]
  mayEdit: boolean
  onSave: (channels: Channel[], done: () => void) => void
}) => {
  const { t } = useTranslation()
  const { notification } = App.useApp()
  const test = useChange('testChannel', { quiet: true })
  const [editing, setEditing] = useState<number | 'new' | null>(null)
  const [testing, setTesting] = useState<string | null>(null)
  const edited = typeof editing === 'number' ? channels[editing] : undefined
  const tryIt = (channel: string) => {
    setTesting(channel)
    test.mutate(
      { body: { channel } },
      {
        onSuccess: ({ sent, why }) =>
          sent
            ? notification.success({ title: t('alert.testSent', { channel }), duration: 6 })
            : notification.error({ title: t('alert.testFailed', { channel }), description: why, duration: 12 }),
        onError: (no) =>
          notification.error({ title: t('alert.testFailed', { channel }), description: refusalOf(no).message }),
        onSettled: () => setTesting(null),
      },
    )
  }
  const to = (one: Channel): string =>
    one.kind === 'mail' ? [one.host, (one.to ?? []).join(', ')].filter(Boolean).join(' · ') : t('alert.addressKept')
  return (
    <section className="card">
      <div className="row between">
        <h2>{t('alert.channels')}</h2>
        {mayEdit && (
          <Button size="small" type="primary" onClick={() => setEditing('new')}>
            {t('alert.newChannel')}
          </Button>
        )}
      </div>
      {channels.length === 0 ? (
        <Nothing title={t('alert.noChannel')}>{t('alert.noChannelTodo')}</Nothing>
      ) : (
        <div className="rows">
          {channels.map((one, i) => (
            <div key={one.name} className="one">
              <div className="row">
                <span>
                  <b>{one.name}</b> · {t(`alert.kind.${one.kind}`)}
                  {one.least !== undefined && ` · ${t('alert.leastOf', { level: t(`alert.level.${one.least}`) })}`}
                </span>
                {mayEdit && (
                  <span className="row">
                    <Button size="small" loading={testing === one.name} onClick={() => tryIt(one.name)}>
                      {t('alert.test')}
                    </Button>
                    <Button size="small" onClick={() => setEditing(i)}>
                      {t('alert.edit')}
                    </Button>
                    <Button
                      size="small"
                      onClick={() =>
                        onSave(
                          channels.filter((_, n) => n !== i),
                          () => {},
                        )
                      }
                    >
                      {t('act.remove')}
                    </Button>
                  </span>
                )}
              </div>
              <div className="faint">{to(one)}</div>
            </div>
          ))}
        </div>
      )}
      {editing !== null && (
        <ChannelForm
          channel={edited ?? null}
          taken={channels.filter((one) => one !== edited).map((one) => one.name)}
          onCancel={() => setEditing(null)}
          onSave={(made) =>
            onSave(edited ? channels.map((one) => (one === edited ? made : one)) : [...channels, made], () =>
              setEditing(null),
            )
          }
        />
      )}
    </section>
  )
}

const Rules = ({
  rules,
  mayEdit,
  onChange,
}: {
  rules: Readonly<Record<string, RuleSaid | undefined>>
  mayEdit: boolean
  onChange: (rule: RuleName, said: RuleSaid) => void
}) => {
  const { t } = useTranslation()
  return (
    <Table<RuleName>
      size="small"
      rowKey={(rule) => rule}
      dataSource={[...ruleNames]}
      pagination={false}
      scroll={{ x: 720 }}
      columns={[
        {
          key: 'on',
          title: t('alert.on'),
          width: 64,
          render: (_, rule) => (
            <Switch
              size="small"
              aria-label={t(`alert.rule.${rule}`)}
              disabled={!mayEdit}
              checked={rules[rule]?.on !== false}
              onChange={(on) => onChange(rule, { ...rules[rule], on })}
            />
          ),
        },
        {
          key: 'rule',
          title: t('alert.rule'),
          render: (_, rule) => (
            <>
              <b>{t(`alert.rule.${rule}`)}</b>
              <div className="faint">{t(`alert.when.${rule}`)}</div>
            </>
          ),
        },
        {
          key: 'level',
          title: t('alert.level'),
          width: 130,
          render: (_, rule) => (
            <Select
              size="small"
              style={{ width: 110 }}
              aria-label={`${t('alert.level')}: ${t(`alert.rule.${rule}`)}`}
              disabled={!mayEdit}
              value={rules[rule]?.level ?? ruleDefaults[rule].level}
              options={levels.map((value) => ({ value, label: t(`alert.level.${value}`) }))}
              onChange={(level) => onChange(rule, { ...rules[rule], level })}
            />
          ),
        },
        {
          key: 'figures',
          title: t('alert.figures'),
          width: 280,
          render: (_, rule) =>
            figuresOf(rule).map(({ key, value, unit }) => {
              const said = rules[rule]?.[key]
              return (
                <label key={key} className="row nowrap figure">
                  <InputNumber
                    size="small"
                    style={{ width: 92 }}
                    min={0}
                    disabled={!mayEdit}
                    aria-label={`${t(`alert.rule.${rule}`)}: ${t(`alert.figure.${key}` as 'alert.figure.records')}`}
                    value={(typeof said === 'number' ? said : value) / unit}
                    onChange={(given) =>
                      given !== null && onChange(rule, { ...rules[rule], [key]: Math.round(given * unit) })
                    }
                  />
                  <span className="faint">{t(`alert.figure.${key}` as 'alert.figure.records')}</span>
                </label>
              )
            }),
        },
      ]}
    />
  )
}

type Quiet = NonNullable<Settings['quiet']>[number]

const QuietHours = ({
  quiet,
  mayEdit,
  onChange,
}: {
  quiet: readonly Quiet[]
  mayEdit: boolean
  onChange: (quiet: Quiet[]) => void
}) => {
  const { t } = useTranslation()
  const { locale } = useLooks()
  const set = (i: number, change: Partial<Quiet>) =>
    onChange(quiet.map((one, n) => (n === i ? { ...one, ...change } : one)))
  return (
    <div className="stack">
      <p className="faint">{t('alert.quietSay')}</p>
      {quiet.map((one, i) => (
        // rows have no name of their own
        // oxlint-disable-next-line react/no-array-index-key
        <div key={i} className="row">
          {(['from', 'to'] as const).map((name) => (
            <Input
              key={name}
              type="time"
              style={{ width: 120 }}
              aria-label={t(`stretch.${name}`)}
              disabled={!mayEdit}
              value={one[name]}
              onChange={(event) => set(i, { [name]: event.target.value })}
            />
          ))}
          <Select
            mode="multiple"
            style={{ minWidth: 180, flex: 1 }}
            aria-label={t('poll.days')}
            placeholder={t('alert.everyDay')}
            disabled={!mayEdit}
            value={one.days ?? []}
            options={weekdays(tagOf(locale))}
            onChange={(days) => {
              const { days: _days, ...rest } = one
              onChange(quiet.map((other, n) => (n === i ? (days.length ? { ...rest, days } : rest) : other)))
            }}
          />
          {mayEdit && (
            <Button
              type="text"
              icon={<MinusCircleOutlined />}
              aria-label={t('act.remove')}
              onClick={() => onChange(quiet.filter((_, n) => n !== i))}
            />
          )}
        </div>
      ))}
      {mayEdit && (
        <Button size="small" onClick={() => onChange([...quiet, { from: '22:00', to: '08:00' }])}>
          {t('alert.addQuiet')}
        </Button>
      )}
    </div>
  )
}

type Expected = NonNullable<Settings['noData']>[number]

const ExpectedData = ({
  expected,
  connections,
  mayEdit,
  onChange,
}: {
  expected: readonly Expected[]
  connections: readonly string[]
  mayEdit: boolean
  onChange: (expected: Expected[]) => void
}) => {
  const { t } = useTranslation()
  const set = (i: number, change: Partial<Expected>) =>
    onChange(expected.map((one, n) => (n === i ? { ...one, ...change } : one)))
  return (
    <div className="stack">
      <p className="faint">{t('alert.expectedSay')}</p>
      {expected.map((one, i) => (
        // oxlint-disable-next-line react/no-array-index-key
        <div key={i} className="row">
          <Select
            style={{ minWidth: 130 }}
            aria-label={t('kind.connection')}
            disabled={!mayEdit}
            value={one.connection}
            options={connections.map((value) => ({ value, label: value }))}
            onChange={(connection: string) => set(i, { connection })}
          />
          <Input
            style={{ width: 190 }}
            aria-label={t('kind.object')}
            placeholder={t('alert.anyObject')}
            disabled={!mayEdit}
            value={one.object ?? ''}
            onChange={(event) => {
              const { object: _object, ...rest } = one
              const object = event.target.value.trim()
              onChange(expected.map((other, n) => (n === i ? { ...rest, ...(object && { object }) } : other)))
            }}
          />
          <InputNumber
            min={1}
            max={43_200}
            aria-label={t('alert.minutes')}
            disabled={!mayEdit}
            value={one.minutes}
            onChange={(minutes) => minutes !== null && set(i, { minutes })}
          />
          <span className="faint">{t('alert.minutes')}</span>
          {mayEdit && (
            <Button
              type="text"
              icon={<MinusCircleOutlined />}
              aria-label={t('act.remove')}
              onClick={() => onChange(expected.filter((_, n) => n !== i))}
            />
          )}
        </div>
      ))}
      {mayEdit && connections[0] !== undefined && (
        <Button
          size="small"
          onClick={() => onChange([...expected, { connection: connections[0] as string, minutes: 120 }])}
        >
          {t('alert.addExpected')}
        </Button>
      )}
    </div>
  )
}

/** `1000=li@example.com`, one a line. */
const peopleText = (people: Record<string, string> | undefined): string =>
  Object.entries(people ?? {})
    .map(([who, address]) => `${who}=${address}`)
    .join('\n')
const peopleOf = (text: string): Record<string, string> =>
  Object.fromEntries(
    text
      .split('\n')
      .map((line) => line.split('='))
      .filter((parts) => parts.length > 1)
      .map(([who = '', ...address]) => [who.trim(), address.join('=').trim()]),
  )

export const AlertSettings = ({ mayEdit }: { mayEdit: boolean }) => {
  const { t } = useTranslation()
  const { message } = App.useApp()
  const { data, error } = useRead('showAlertSettings')
  const connections = useRead('listConnections', { query: { limit: 500 } })
  const put = useChange('putAlertSettings', { quiet: true })
  const [draft, setDraft] = useState<Settings | null>(null)
  const [people, setPeople] = useState<string | null>(null)
  if (error && !data) return <Problem error={error} />
  if (!data) return <Skeleton active />
  const now = draft ?? data
  const change = (part: Partial<Settings>) => setDraft({ ...now, ...part })
  const save = (settings: Settings, done: () => void) =>
    put.mutate(
      { body: settings as Record<string, unknown> },
      {
        onSuccess: () => {
          setDraft(null)
          setPeople(null)
          void message.success(t('changes.saved'))
          done()
        },
      },
    )
  const mails = (now.channels ?? []).filter((one) => one.kind === 'mail').map((one) => one.name)
  return (
    <>
      {!mayEdit && <p className="faint spaced">{t('alert.readOnly')}</p>}
      {put.error !== null && (
        <section className="spaced">
          <Problem error={put.error} />
        </section>
      )}
      <Channels
        channels={now.channels ?? []}
        mayEdit={mayEdit}
        onSave={(channels, done) => save({ ...now, channels }, done)}
      />
      <section className="card">
        <h2>{t('alert.rules')}</h2>
        <Rules
          rules={(now.rules ?? {}) as Record<string, RuleSaid>}
          mayEdit={mayEdit}
          onChange={(rule, said) => change({ rules: { ...now.rules, [rule]: said } })}
        />
      </section>
      <div className="cols two">
        <section className="card">
          <h2>{t('alert.quiet')}</h2>
          <QuietHours quiet={now.quiet ?? []} mayEdit={mayEdit} onChange={(quiet) => change({ quiet })} />
        </section>
        <section className="card">
          <h2>{t('alert.rule.noData')}</h2>
          <ExpectedData
            expected={now.noData ?? []}
            connections={(connections.data?.items ?? []).map((one) => String(one.id))}
            mayEdit={mayEdit}
            onChange={(noData) => change({ noData })}
          />
        </section>
        <section className="card">
          <h2>{t('alert.messages')}</h2>
          <div className="field">
            <label htmlFor="alert-locale">{t('own.language')}</label>
            <Select
              id="alert-locale"
              style={{ width: 180 }}
              aria-label={t('own.language')}
              disabled={!mayEdit}
              value={now.locale ?? 'zh_CN'}
              options={locales.map((value) => ({
                value,
                label: <span lang={tagOf(value)}>{localeNames[value]}</span>,
              }))}
              onChange={(locale) => change({ locale })}
            />
          </div>
          <div className="field">
            <label htmlFor="alert-link">{t('alert.link')}</label>
            <Input
              id="alert-link"
              placeholder="https://mortise.example.com"
              disabled={!mayEdit}
              value={now.link ?? ''}
              onChange={(event) => {
                const { link: _link, ...rest } = now
                const link = event.target.value.trim()
                setDraft({ ...rest, ...(link && { link }) })
              }}
            />
            <p className="faint">{t('alert.linkSay')}</p>
          </div>
        </section>
        <section className="card">
          <h2>{t('alert.owner')}</h2>
          <p className="faint">{t('alert.ownerSay')}</p>
          <div className="field">
            <label htmlFor="alert-owner">{t('alert.ownerChannel')}</label>
            <Select
              id="alert-owner"
              style={{ width: 220 }}
              aria-label={t('alert.ownerChannel')}
              allowClear
              disabled={!mayEdit}
              notFoundContent={t('alert.noMail')}
              placeholder={mails.length === 0 ? t('alert.noMail') : t('alert.ownerOff')}
              value={now.owner?.channel}
              options={mails.map((value) => ({ value, label: value }))}
              onChange={(channel?: string) => {
                const { owner, ...rest } = now
                setDraft(channel === undefined ? rest : { ...rest, owner: { ...owner, channel } })
              }}
            />
          </div>
          {now.owner && (
            <div className="field">
              <label htmlFor="alert-people">{t('alert.people')}</label>
              <Input.TextArea
                id="alert-people"
                rows={4}
                disabled={!mayEdit}
                placeholder="1000=li@example.com"
                value={people ?? peopleText(now.owner.people)}
                onChange={(event) => {
                  setPeople(event.target.value)
                  const { owner } = now
                  if (owner) change({ owner: { ...owner, people: peopleOf(event.target.value) } })
                }}
              />
              <p className="faint">{t('alert.peopleSay')}</p>
            </div>
          )}
        </section>
      </div>
      {draft !== null && (
        <div className="selection" role="group" aria-label={t('alert.unsaved')}>
          <b>{t('alert.unsaved')}</b>
          <Button type="primary" loading={put.isPending} onClick={() => save(draft, () => {})}>
            {t('act.save')}
          </Button>
          <Button
            type="text"
            onClick={() => {
              setDraft(null)
              setPeople(null)
            }}
          >
            {t('alert.discard')}
          </Button>
        </div>
      )}
    </>
  )
}
