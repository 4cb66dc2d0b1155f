/** Two columns joined by lines: what the source has, with a sample beside each field, and what the target takes; drag, or click one and then the other. */
import { type DragEvent, type ReactNode, useLayoutEffect, useRef, useState } from 'react'
import { useTranslation } from 'react-i18next'
import type { Field, Rule, Tree } from './rules.ts'
import { wayOf } from './rules.ts'

/** One target field with what fills it. */
export interface Row {
  field: Field
  /** Null: nothing fills it yet. */
  rule: Rule | null
  complaints: string[]
  /** What the rule made of the record that is looked at; null: nobody looks, or it makes nothing. */
  made: string | null
  /** Why nothing is written. */
  left: string | null
  proposal: { from: string; by: string } | null
}

interface Line {
  key: string
  path: string
  kind: 'direct' | 'formula' | 'proposed' | 'bad'
  isStrong: boolean
}

/** Source fields that a formula speaks of. */
const mentioned = (formula: string, sources: readonly Field[]): string[] =>
  sources
    .filter(({ code }) =>
      new RegExp(
        `(^|[^\\p{L}\\p{N}_.$])${RegExp.escape?.(code) ?? code.replaceAll(/[^\p{L}\p{N}]/gu, '\\$&')}($|[^\\p{L}\\p{N}_(])`,
        'u',
      ).test(formula),
    )
    .map(({ code }) => code)

/** The first step of a path: `address.city` is drawn from `address`. */
const rootOf = (from: string, sources: readonly Field[]): string | null =>
  sources.find(({ code }) => code === from)?.code ??
  sources.find(({ code }) => from.startsWith(`${code}.`) || from.startsWith(`${code}[`))?.code ??
  null

const linesOf = (rows: readonly Row[], sources: readonly Field[]): Omit<Line, 'path' | 'isStrong'>[] =>
  rows.flatMap(({ field, rule, proposal, complaints }) => {
    const line = (from: string, kind: Line['kind']) => ({ key: JSON.stringify([from, field.code]), kind })
    if (!rule) return proposal ? [line(proposal.from, 'proposed')] : []
    const way = wayOf(rule.says)
    if (way === 'formula')
      return mentioned(String(rule.says.formula), sources).map((from) =>
        line(from, complaints.length ? 'bad' : 'formula'),
      )
    const from = way === 'from' ? rootOf(String(rule.says.from ?? ''), sources) : null
    return from === null ? [] : [line(from, complaints.length ? 'bad' : 'direct')]
  })

export const Ends = ({ field }: { field: Field }) => {
  const { t } = useTranslation()
  return (
    <span className="ends">
      <code>{field.code}</code>
      <small>
        {field.name && `${field.name} · `}
        {t(`fieldType.${field.type}` as 'fieldType.text', { defaultValue: field.type })}
      </small>
    </span>
  )
}

/** As short as a rule can be said. */
const Said = ({ says }: { says: Tree }) => {
  const way = wayOf(says)
  const reference = says.reference as string | Tree | undefined
  const options = Object.entries((says.options ?? {}) as Tree)
  const main =
    way === 'formula'
      ? `= ${String(says.formula)}`
      : way === 'value'
        ? JSON.stringify(says.value)
        : String(says.from ?? '')
  return (
    <span className="map-said">
      <code className={`map-${way}`}>{main}</code>
      {options.length > 0 && (
        <span className="map-chip">
          {options
            .slice(0, 3)
            .map(([from, to]) => `${from}→${String(to)}`)
            .join(' ')}
          {options.length > 3 && ` +${options.length - 3}`}
        </span>
      )}
      {reference !== undefined && (
        <span className="map-chip">⇢ {typeof reference === 'string' ? reference : String(reference.pair)}</span>
      )}
    </span>
  )
}

export const Board = ({
  sources,
  samples,
  rows,
  picked,
  open,
  isReadOnly,
  onPick,
  onConnect,
  onOpen,
  onAccept,
  renderRule,
}: {
  sources: readonly Field[]
  samples: ReadonlyMap<string, string>
  rows: readonly Row[]
  picked: string | null
  open: string | null
  isReadOnly: boolean
  onPick: (source: string | null) => void
  onConnect: (source: string, target: string) => void
  onOpen: (target: string | null) => void
  onAccept: (target: string) => void
  renderRule: (row: Row) => ReactNode
}) => {
  const { t } = useTranslation()
  const board = useRef<HTMLDivElement>(null)
  const [places, setPlaces] = useState<ReadonlyMap<string, { x: number; y: number }>>(new Map())
  const [dragged, setDragged] = useState<string | null>(null)
  const [over, setOver] = useState<string | null>(null)
  const [near, setNear] = useState<string | null>(null)
  const drawn = linesOf(rows, sources)
  const used = new Map<string, number>()
  for (const { key, kind } of drawn) {
    const [from = ''] = JSON.parse(key) as string[]
    if (kind !== 'proposed') used.set(from, (used.get(from) ?? 0) + 1)
  }

  // where the ports are, whenever something grew or moved
  useLayoutEffect(() => {
    const place = board.current
    if (!place) return
    const measure = () => {
      const at = place.getBoundingClientRect()
      const found = new Map<string, { x: number; y: number }>()
      for (const port of place.querySelectorAll<HTMLElement>('[data-port]')) {
        const box = port.getBoundingClientRect()
        if (box.width > 0)
          found.set(port.dataset.port ?? '', {
            x: box.left + box.width / 2 - at.left,
            y: box.top + box.height / 2 - at.top,
          })
      }
      setPlaces((before) => (JSON.stringify([...before]) === JSON.stringify([...found]) ? before : found))
    }
    measure()
    const watcher = new ResizeObserver(measure)
    watcher.observe(place)
    for (const one of place.querySelectorAll('.map-target, .map-source')) watcher.observe(one)
    return () => watcher.disconnect()
  }, [rows, sources, open])

  const lines = drawn.flatMap(({ key, kind }): Line[] => {
    const [from = '', to = ''] = JSON.parse(key) as string[]
    const a = places.get(`s ${from}`)
    const b = places.get(`t ${to}`)
    if (!a || !b) return []
    const bend = Math.max(24, (b.x - a.x) / 2)
    const isStrong =
      [picked, near].includes(`s ${from}`) || [open, near].includes(`t ${to}`) || picked === from || open === to
    return [{ key, kind, isStrong, path: `M${a.x} ${a.y}C${a.x + bend} ${a.y} ${b.x - bend} ${b.y} ${b.x} ${b.y}` }]
  })

  const drop = (event: DragEvent, to: string) => {
    event.preventDefault()
    const from = event.dataTransfer.getData('text/plain') || dragged
    setOver(null)
    setDragged(null)
    if (from && sources.some(({ code }) => code === from)) onConnect(from, to)
  }

  return (
    <div
      className={`map-board${picked !== null || dragged !== null ? ' picking' : ''}`}
      ref={board}
      onKeyDown={(event) => {
        if (event.key === 'Escape') onPick(null)
      }}
    >
      <svg className="map-lines" aria-hidden>
        {lines
          .toSorted((a, b) => Number(a.isStrong) - Number(b.isStrong))
          .map((line) => (
            <path key={line.key} d={line.path} className={`map-line ${line.kind}${line.isStrong ? ' strong' : ''}`} />
          ))}
      </svg>
      <div className="map-side" role="group" aria-label={t('mapper.sources')}>
        <h3>{t('mapper.sources')}</h3>
        {sources.map((field) => (
          <button
            key={field.code}
            type="button"
            className={`map-source${picked === field.code ? ' picked' : ''}${used.has(field.code) ? ' used' : ''}`}
            aria-pressed={picked === field.code}
            disabled={isReadOnly}
            draggable={!isReadOnly}
            onClick={() => onPick(picked === field.code ? null : field.code)}
            onDragStart={(event) => {
              event.dataTransfer.setData('text/plain', field.code)
              event.dataTransfer.effectAllowed = 'link'
              setDragged(field.code)
            }}
            onDragEnd={() => {
              setDragged(null)
              setOver(null)
            }}
            onMouseEnter={() => setNear(`s ${field.code}`)}
            onMouseLeave={() => setNear(null)}
          >
            <Ends field={field} />
            <span className="map-sample" title={samples.get(field.code)}>
              {samples.get(field.code) ?? ''}
            </span>
            <i className="map-port" data-port={`s ${field.code}`} aria-hidden />
          </button>
        ))}
        {sources.length === 0 && <p className="faint">{t('mapper.noFields')}</p>}
      </div>
      <div className="map-side targets" role="group" aria-label={t('mapper.targets')}>
        <h3>{t('mapper.targets')}</h3>
        {rows.map((row) => {
          const { field, rule, complaints, proposal } = row
          const { code } = field
          const state = complaints.length
            ? 'bad'
            : rule
              ? 'mapped'
              : proposal
                ? 'proposed'
                : field.required
                  ? 'missing'
                  : 'free'
          const isOpen = open === code
          return (
            <div
              key={code}
              className={`map-target ${state}${over === code ? ' over' : ''}${isOpen ? ' open' : ''}`}
              onDragOver={(event) => {
                if (isReadOnly || dragged === null) return
                event.preventDefault()
                setOver(code)
              }}
              onDragLeave={() => setOver((now) => (now === code ? null : now))}
              onDrop={(event) => drop(event, code)}
              onMouseEnter={() => setNear(`t ${code}`)}
              onMouseLeave={() => setNear(null)}
            >
              <i className="map-port" data-port={`t ${code}`} aria-hidden />
              <div className="map-head-row">
                <button
                  type="button"
                  className="map-head"
                  aria-expanded={isOpen}
                  disabled={isReadOnly}
                  onClick={() => (picked === null ? onOpen(isOpen ? null : code) : onConnect(picked, code))}
                >
                  <span className="map-name">
                    <Ends field={field} />
                    {field.required && (
                      <b className={`map-required${rule || proposal ? '' : ' lacking'}`}>
                        {rule ? '*' : `* ${t('mapper.required')}`}
                      </b>
                    )}
                  </span>
                  {rule ? (
                    <Said says={rule.says} />
                  ) : (
                    !proposal && <span className="faint">{t('mapper.unmapped')}</span>
                  )}
                </button>
                {proposal && !rule && (
                  <span className="map-proposal">
                    <code>{proposal.from}</code>
                    <small>{t(`mapper.by.${proposal.by}` as 'mapper.by.code', { defaultValue: proposal.by })}</small>
                    <button type="button" className="map-accept" onClick={() => onAccept(code)}>
                      {t('mapper.accept')}
                    </button>
                  </span>
                )}
              </div>
              {rule && (row.made !== null || row.left !== null) && (
                <div className={`map-made${row.left !== null ? ' left' : ''}`}>
                  {row.left !== null
                    ? t(`mapper.left.${row.left}` as 'mapper.left.absent', { defaultValue: row.left })
                    : row.made}
                </div>
              )}
              {/* an open formula tells them itself, at the character */}
              {(isOpen && rule && wayOf(rule.says) === 'formula' ? [] : complaints).map((say) => (
                <p key={say} className="map-complaint">
                  {say}
                </p>
              ))}
              {isOpen && renderRule(row)}
            </div>
          )
        })}
        {rows.length === 0 && <p className="faint">{t('mapper.noFields')}</p>}
      </div>
    </div>
  )
}
