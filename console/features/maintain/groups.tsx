/** What is in trouble, gathered by cause: how many, since when, one sentence, what to do, and the way to mend it. */
import { Button, Skeleton } from 'antd'
import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import type { Item } from '../../api/client.ts'
import { useChange, useList } from '../../ui/asking.ts'
import { useMay } from '../../ui/session.tsx'
import { Moment, useFormats } from '../../ui/time.tsx'
import { Problem } from '../../ui/told.tsx'
import { FixGroup, fixesOf } from './fix.tsx'
import { RerunMatching } from './rerun.tsx'

export type Group = Item<'listGroups'>

const shownAtFirst = 5

export const Groups = ({
  flow,
  chosen,
  onChoose,
}: {
  flow: string | undefined
  chosen: string | undefined
  onChoose: (group: string | undefined) => void
}) => {
  const { t } = useTranslation()
  const formats = useFormats()
  const may = useMay()
  const groups = useList('listGroups', { query: { flow } }, { every: 5_000 })
  const again = useChange('refetchGroup')
  const [isAll, setAll] = useState(false)
  const [fixing, setFixing] = useState<Group | null>(null)
  const [rerunning, setRerunning] = useState<string | null>(null)
  if (groups.error) return <Problem error={groups.error} retry={() => void groups.refetch()} />
  if (groups.isPending) return <Skeleton active paragraph={{ rows: 2 }} title={false} />
  const shown = isAll ? groups.items : groups.items.slice(0, shownAtFirst)
  const first = shown.find((one) => fixesOf(one, may).length > 0)
  return (
    <section aria-label={t('group.title')}>
      <div className="groups">
        {shown.map((one) => {
          const isOpen = one.group === chosen
          const isMilder = one.states.failed + one.states.unknown === 0 && one.what === 'record'
          return (
            <article
              key={`${one.what} ${one.group}`}
              className={`group${isOpen ? ' chosen' : ''}${isMilder ? ' milder' : ''}`}
            >
              <div className="many" title={t('group.count', { count: one.count })}>
                {formats.number(one.count)}
              </div>
              <div>
                <div className="sentence">{one.sentence}</div>
                <div className="todo">{one.todo}</div>
                <div className="meta">
                  {one.pair !== null && (
                    <span>
                      {one.pair}
                      {one.flow === null ? '' : ` ${one.flow === 'leftToRight' ? '→' : '←'}`} {one.connection}
                    </span>
                  )}
                  {one.what === 'read' && (
                    <span>
                      {t('group.read')} {one.connection}/{one.object}
                    </span>
                  )}
                  {one.firstSeen !== null && (
                    <span>
                      {t('group.since')} <Moment at={one.firstSeen} as="ago" />
                    </span>
                  )}
                  {one.lastSeen !== null && one.lastSeen !== one.firstSeen && (
                    <span>
                      {t('group.newest')} <Moment at={one.lastSeen} as="ago" />
                    </span>
                  )}
                  <code>{one.code}</code>
                </div>
              </div>
              <div className="row acts">
                {one.what === 'record' ? (
                  <>
                    <Button aria-pressed={isOpen} onClick={() => onChoose(isOpen ? undefined : one.group)}>
                      {isOpen ? t('group.all') : t('group.records')}
                    </Button>
                    {fixesOf(one, may).length > 0 && (
                      <Button type={one === first ? 'primary' : 'default'} onClick={() => setFixing(one)}>
                        {t('group.fix')}
                      </Button>
                    )}
                    {may('retryMatching') && (
                      <Button onClick={() => setRerunning(one.group)}>{t('act.rerunAll')}</Button>
                    )}
                  </>
                ) : (
                  may('refetchGroup') && (
                    <Button onClick={() => again.mutate({ path: { group: one.group } })} loading={again.isPending}>
                      {t('act.refetchAll')}
                    </Button>
                  )
                )}
              </div>
            </article>
          )
        })}
      </div>
      {groups.items.length > shownAtFirst && (
        <Button type="link" onClick={() => setAll(!isAll)}>
          {isAll ? t('group.fewer') : t('group.more', { count: groups.items.length })}
        </Button>
      )}
      {fixing && <FixGroup group={fixing} onDone={() => setFixing(null)} />}
      {rerunning !== null && <RerunMatching filter={{ group: rerunning }} onDone={() => setRerunning(null)} />}
    </section>
  )
}
