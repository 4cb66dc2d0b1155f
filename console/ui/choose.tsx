/** A conflict that waits for a person: both values of each field side by side, and the choice of one side or of some of each. */
import { Button, Skeleton } from 'antd'
import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import { useChange, useRead } from './asking.ts'
import { type Conflict, firstChoice, isOpen, toldOf } from './choice.ts'
import { useMay } from './session.tsx'
import { Moment } from './time.tsx'
import { Problem } from './told.tsx'

const sides = ['left', 'right'] as const

const Table = ({ conflict, onDone }: { conflict: Conflict; onDone: () => void }) => {
  const { t } = useTranslation()
  const may = useMay()
  const resolve = useChange('resolveConflict', { quiet: true })
  const [chosen, setChosen] = useState(() => firstChoice(conflict))
  const canChoose = may('resolveConflict')
  const told = toldOf(conflict, chosen)
  const all = (side: 'left' | 'right') =>
    setChosen(conflict.fields.map((field, i) => (isOpen(field) ? side : (chosen[i] ?? null))))
  const open = conflict.fields.filter((field, i) => isOpen(field) && chosen[i] === null).length
  const save = () =>
    told &&
    resolve.mutate(
      {
        path: { link: conflict.link },
        body: {
          take: told.take,
          expected: { left: conflict.left.version, right: conflict.right.version },
          ...(told.but.length > 0 && { but: told.but }),
        },
      },
      { onSuccess: onDone },
    )
  return (
    <>
      <div className="choose-scroll">
        <table className="choose">
          <thead>
            <tr>
              <th scope="col">{t('object.field')}</th>
              {sides.map((side) => (
                <th key={side} scope="col">
                  <div>{t(`choose.${side}`)}</div>
                  <code>{conflict[side].id}</code>{' '}
                  <small className="faint">
                    <Moment at={conflict[side].sourceTime} />
                  </small>
                  {canChoose && (
                    <div>
                      <Button size="small" onClick={() => all(side)}>
                        {t('choose.all')}
                      </Button>
                    </div>
                  )}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {conflict.fields.map((field, i) => (
              <tr key={`${field.left} ${field.right}`} className={isOpen(field) && chosen[i] === null ? 'open' : ''}>
                <th scope="row">
                  <code>{field.left ?? field.right}</code>
                  {field.left !== null && field.right !== null && field.left !== field.right && (
                    <small className="faint"> {field.right}</small>
                  )}
                </th>
                {sides.map((side) => {
                  const value = side === 'left' ? field.leftValue : field.rightValue
                  const isTaken = isOpen(field) && chosen[i] === side
                  const said = (
                    <>
                      {value === null ? <span className="faint">–</span> : <code>{value}</code>}
                      {field.changed.includes(side) && <small className="choose-mark">{t('choose.changed')}</small>}
                    </>
                  )
                  return (
                    <td key={side} className={isTaken ? 'taken' : ''}>
                      {canChoose && isOpen(field) ? (
                        <label>
                          <input
                            type="radio"
                            name={`choice ${conflict.link} ${i}`}
                            checked={isTaken}
                            onChange={() => setChosen(chosen.with(i, side))}
                          />{' '}
                          {said}
                        </label>
                      ) : (
                        said
                      )}
                    </td>
                  )
                })}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      {resolve.error !== null && <Problem error={resolve.error} />}
      {canChoose && (
        <div className="row">
          <Button type="primary" disabled={told === null} loading={resolve.isPending} onClick={save}>
            {told && told.but.length > 0 ? t('choose.mix') : t('choose.go')}
          </Button>
          <span className="faint" role="status">
            {told === null
              ? t('choose.open', { count: open })
              : told.but.length > 0
                ? t('choose.mixSay')
                : t(told.take === 'left' ? 'choose.takeLeft' : 'choose.takeRight')}
          </span>
        </div>
      )}
    </>
  )
}

/** Shown for a record that waits for such a choice; nothing where it does not any more. */
export const ChooseCard = ({ link, onDone = () => {} }: { link: number; onDone?: () => void }) => {
  const { t } = useTranslation()
  const { data, error } = useRead('showConflict', { path: { link } })
  if (error) return null
  return (
    <section className="card stack">
      <h2>{t('choose.title')}</h2>
      {data ? (
        <Table key={`${data.left.version} ${data.right.version}`} conflict={data} onDone={onDone} />
      ) : (
        <Skeleton active />
      )}
    </section>
  )
}
