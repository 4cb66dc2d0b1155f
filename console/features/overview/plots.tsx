/** Plots over time: what was sent and what failed, what waits and how long. */
import 'uplot/dist/uPlot.min.css'
import { useEffect, useRef } from 'react'
import { useTranslation } from 'react-i18next'
import UPlot from 'uplot'
import { useLooks } from '../../ui/settings.tsx'
import { useFormats } from '../../ui/time.tsx'
import { type Pulse, seriesOf } from './fare.ts'

const colourOf = (name: string): string => getComputedStyle(document.documentElement).getPropertyValue(name).trim()

interface Line {
  label: string
  values: number[]
  colour: string
  fill?: boolean
  scale?: string
  show?: (value: number) => string
}

const Plot = ({ at, lines, title }: { at: number[]; lines: Line[]; title: string }) => {
  const place = useRef<HTMLDivElement>(null)
  const { isDark, zone, locale } = useLooks()
  const formats = useFormats()
  const { t } = useTranslation()
  useEffect(() => {
    const into = place.current as HTMLDivElement
    const ink = colourOf('--faint')
    const grid = { stroke: colourOf('--line'), width: 1 }
    const axis = { stroke: ink, grid, ticks: grid, font: `12px ${getComputedStyle(into).fontFamily}` }
    const scales = [...new Set(lines.map((line) => line.scale ?? 'y'))]
    const showOf = (scale: string) => lines.find((line) => (line.scale ?? 'y') === scale)?.show
    const plot = new UPlot(
      {
        width: into.clientWidth || 600,
        height: 180,
        cursor: { y: false },
        legend: { live: true },
        ...(zone !== null && { tzDate: (seconds: number) => UPlot.tzDate(new Date(seconds * 1_000), zone) }),
        scales: Object.fromEntries(
          scales.map((scale) => [
            scale,
            { range: (_: UPlot, __: number, most: number) => [0, Math.max(1, most * 1.1)] as [number, number] },
          ]),
        ),
        series: [
          {
            label: t('plot.time'),
            value: (_: UPlot, seconds: number | null) => (seconds === null ? '' : formats.short(seconds * 1_000)),
          },
          ...lines.map((line) => ({
            label: line.label,
            stroke: colourOf(line.colour),
            width: 1.75,
            scale: line.scale ?? 'y',
            points: { show: false },
            ...(line.fill && { fill: `${colourOf(line.colour)}22` }),
            value: (_: UPlot, value: number | null) => (value === null ? '' : (line.show ?? formats.number)(value)),
          })),
        ],
        axes: [
          { ...axis, values: (_: UPlot, ticks: number[]) => ticks.map((tick) => formats.clock(tick * 1_000)) },
          ...scales.map((scale, i) => ({
            ...axis,
            scale,
            side: i === 0 ? 3 : 1,
            size: 64,
            ...(i > 0 && { grid: { show: false } }),
            values: (_: UPlot, ticks: number[]) => ticks.map((tick) => (showOf(scale) ?? formats.number)(tick)),
          })),
        ],
      } as UPlot.Options,
      [at, ...lines.map((line) => line.values)],
      into,
    )
    const watch = new ResizeObserver(() => plot.setSize({ width: into.clientWidth, height: 180 }))
    watch.observe(into)
    return () => {
      watch.disconnect()
      plot.destroy()
    }
  }, [at, lines, isDark, zone, locale])
  return <div className="plot" ref={place} role="img" aria-label={title} />
}

export const Plots = ({ pulse }: { pulse: Pulse }) => {
  const { t } = useTranslation()
  const formats = useFormats()
  const { at, applied, failed, backlog, lag } = seriesOf(pulse)
  return (
    <div className="cols">
      <figure style={{ margin: 0, minWidth: 0 }}>
        <h3>{t('overview.sent')}</h3>
        <Plot
          title={t('overview.sent')}
          at={at}
          lines={[
            { label: t('overview.applied'), values: applied, colour: '--ok', fill: true },
            { label: t('overview.failed'), values: failed, colour: '--bad' },
          ]}
        />
      </figure>
      <figure style={{ margin: 0, minWidth: 0 }}>
        <h3>{t('overview.waits')}</h3>
        <Plot
          title={t('overview.waits')}
          at={at}
          lines={[
            { label: t('overview.backlog'), values: backlog, colour: '--busy', fill: true },
            {
              label: t('overview.lag'),
              values: lag,
              colour: '--warn',
              scale: 'lag',
              show: (seconds) => formats.stretch(seconds * 1_000),
            },
          ]}
        />
      </figure>
    </div>
  )
}
