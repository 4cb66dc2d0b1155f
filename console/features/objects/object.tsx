/** One object: its fields and details, learning more from a sample, and its definition as text. */
import { Link, useParams } from '@tanstack/react-router'
import { Button, Input, Modal, Skeleton, Table, Tag } from 'antd'
import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import { useChange, useRead } from '../../ui/asking.ts'
import { AsText } from '../../ui/as-text.tsx'
import { SavedCard } from '../../ui/changes.tsx'
import { useMay, useTenant } from '../../ui/session.tsx'
import { PageHead, Problem } from '../../ui/told.tsx'
import { InterfaceCard } from './interface.tsx'
import { learn, withLearned } from './learn.ts'

type Tree = Record<string, unknown>

interface FieldRow {
  code: string
  name: string
  type: string
  required: boolean
  more: string
}

const rowsOf = (fields: unknown): FieldRow[] =>
  Object.entries((fields ?? {}) as Record<string, string | Tree>).map(([code, field]) => {
    const one: Tree = typeof field === 'string' ? { type: field } : field
    const options = Array.isArray(one.options) ? one.options : Object.keys((one.options ?? {}) as object)
    return {
      code,
      name: String(one.name ?? ''),
      type: String(one.type ?? 'text'),
      required: one.required === true,
      more: [
        options.join(', '),
        one.references === undefined ? '' : `→ ${String(one.references)}`,
        one.format === undefined ? '' : String(one.format),
      ]
        .filter((text) => text !== '')
        .join(' · '),
    }
  })

const FieldTable = ({ fields, idField }: { fields: unknown; idField?: string }) => {
  const { t } = useTranslation()
  return (
    <Table<FieldRow>
      size="small"
      rowKey="code"
      pagination={false}
      dataSource={rowsOf(fields)}
      scroll={{ x: 620 }}
      locale={{ emptyText: t('object.noFieldsYet') }}
      columns={[
        {
          key: 'code',
          width: '24%',
          title: t('object.field'),
          render: (_, one) => (
            <>
              <code>{one.code}</code> {one.code === idField && <Tag>{t('object.idField')}</Tag>}
            </>
          ),
        },
        { key: 'name', width: '20%', title: t('object.name'), render: (_, one) => one.name },
        {
          key: 'type',
          width: '16%',
          title: t('object.type'),
          render: (_, one) => t(`fieldType.${one.type}` as 'fieldType.text', { defaultValue: one.type }),
        },
        {
          key: 'required',
          width: '10%',
          title: t('object.required'),
          render: (_, one) => (one.required ? t('act.yes') : ''),
        },
        { key: 'more', title: t('object.options'), render: (_, one) => one.more },
      ]}
    />
  )
}

const Learn = ({
  onLearned,
  onDone,
  object,
}: {
  object: Tree
  onLearned: (object: Tree) => void
  onDone: () => void
}) => {
  const { t } = useTranslation()
  const [sample, setSample] = useState('')
  const learned = sample.trim() ? learn(sample) : null
  const isGood = learned !== null && typeof learned === 'object'
  return (
    <Modal
      open
      width={680}
      title={t('object.learn')}
      onCancel={onDone}
      okText={t('object.learnGo')}
      cancelText={t('act.cancel')}
      okButtonProps={{ disabled: !isGood }}
      onOk={() => isGood && onLearned(withLearned(object, learned))}
    >
      <div className="stack">
        <p className="faint">{t('object.sampleSay')}</p>
        <Input.TextArea
          aria-label={t('object.sample')}
          rows={10}
          className="mono"
          spellCheck={false}
          value={sample}
          onChange={(event) => setSample(event.target.value)}
        />
        {typeof learned === 'string' && <p className="state state-failed">{t(learned)}</p>}
        {isGood && (
          <p role="status">
            {t('object.learned', {
              fields: Object.keys(learned.fields).length,
              details: Object.keys(learned.details).length,
            })}
          </p>
        )}
      </div>
    </Modal>
  )
}

export const ObjectPage = () => {
  const { t } = useTranslation()
  const { connection, object } = useParams({ from: '/t/$tenant/objects/$connection/$object' })
  const tenant = useTenant()
  const may = useMay()
  const { data, error } = useRead('showObject', { path: { connection, object } })
  const put = useChange('putObject', { quiet: true })
  const [isText, setText] = useState(false)
  const [isLearning, setLearning] = useState(false)
  if (error && !data) return <Problem error={error} />
  if (!data) return <Skeleton active />
  const details = (data.details ?? []) as Tree[]
  const save = (body: Tree) => put.mutate({ path: { connection, object }, body }, { onSuccess: () => setText(false) })
  return (
    <>
      <PageHead
        title={<code>{object}</code>}
        sub={
          <>
            <Link to="/t/$tenant/objects" params={{ tenant }}>
              {t('nav.objects')}
            </Link>
            {' · '}
            <Link to="/t/$tenant/connections/$connection" params={{ tenant, connection }}>
              {connection}
            </Link>
            {data.name === undefined ? '' : ` · ${String(data.name)}`}
          </>
        }
      >
        <Link
          to="/t/$tenant/settings/$tab"
          params={{ tenant, tab: 'versions' }}
          search={{ kind: 'object', name: `${connection}/${object}` }}
        >
          {t('version.see')}
        </Link>
        {may('putObject') && (
          <>
            <Button onClick={() => setText(true)}>{t('act.editText')}</Button>
            <Button type="primary" onClick={() => setLearning(true)}>
              {t('object.learn')}
            </Button>
          </>
        )}
      </PageHead>
      {put.error !== null && <Problem error={put.error} />}
      {put.data && <SavedCard changes={put.data.changes} />}
      {isText && <AsText value={data} isBusy={put.isPending} onSave={save} onCancel={() => setText(false)} />}
      <section className="card">
        <dl className="facts">
          {(['idField', 'nameField', 'modifiedField', 'externalIdField', 'apiName'] as const).map((key) =>
            data[key] === undefined ? null : (
              <div key={key} style={{ display: 'contents' }}>
                <dt>{t(`object.${key}`)}</dt>
                <dd>
                  <code>{String(data[key])}</code>
                </dd>
              </div>
            ),
          )}
        </dl>
      </section>
      <section className="card">
        <h2>{t('object.fields')}</h2>
        <FieldTable fields={data.fields} idField={String(data.idField ?? 'id')} />
      </section>
      {details.map((detail) => (
        <section key={String(detail.code)} className="card">
          <h2>
            {t('object.detail')} <code>{String(detail.code)}</code>
          </h2>
          <FieldTable
            fields={detail.fields}
            idField={detail.idField === undefined ? undefined : String(detail.idField)}
          />
        </section>
      ))}
      {may('showInterface') && <InterfaceCard connection={connection} object={object} />}
      {isLearning && (
        <Learn
          object={data}
          onDone={() => setLearning(false)}
          onLearned={(learned) => {
            setLearning(false)
            save(learned)
          }}
        />
      )}
    </>
  )
}
