/** The table as a picture: one bar for each target, as long as the figure is good; readable on light and on dark ground. */
import { type Row, verdictOf } from './targets.ts'

const width = 890
const left = 390
const right = 130
const step = 26
const top = 74

const escape = (text: string): string => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')

/** How often the must is met: 1 = exactly, 2 = twice as good. */
const goodness = (row: Row): number =>
  row.measured === null
    ? 0
    : row.kind === 'least'
      ? row.measured / row.must
      : row.must / Math.max(row.measured, row.must / 1000)
const reachAt = (row: Row): number => (row.kind === 'least' ? row.reach / row.must : row.must / row.reach)

/** Logarithmic, from a quarter of the must to eight times as good. */
const x = (good: number): number => {
  const clamped = Math.min(8, Math.max(0.25, good))
  return left + ((Math.log2(clamped) + 2) / 5) * (width - left - right)
}

const figure = (row: Row): string =>
  row.measured === null
    ? 'not measured'
    : `${row.measured >= 100 ? Math.round(row.measured) : Number(row.measured.toPrecision(3))} ${row.unit}`

export const plot = (rows: readonly Row[], title: string): string => {
  const height = top + rows.length * step + 26
  const bars = rows.map((row, i) => {
    const y = top + i * step
    const reach = x(reachAt(row))
    return [
      `<text class="t" x="${left - 12}" y="${y + 14}" text-anchor="end">${escape(row.name.trim())}</text>`,
      row.measured === null
        ? ''
        : `<rect class="${verdictOf(row)}" x="${x(0.25)}" y="${y + 3}" width="${(x(goodness(row)) - x(0.25)).toFixed(1)}" height="14" rx="2"/>`,
      `<line class="r" x1="${reach.toFixed(1)}" x2="${reach.toFixed(1)}" y1="${y}" y2="${y + 20}"/>`,
      `<text class="v" x="${width - right + 12}" y="${y + 14}">${escape(figure(row))}</text>`,
    ].join('')
  })
  const must = x(1).toFixed(1)
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" aria-label="${escape(title)}">
<style>
  :root { color-scheme: light dark }
  .g { fill: #ffffff } .t, .v, .h { fill: #1f2328; font: 13px system-ui, sans-serif } .h { font-weight: 600; font-size: 15px } .s { fill: #59636e; font: 12px system-ui, sans-serif }
  .m { stroke: #1f2328; stroke-width: 1.5 } .r { stroke: #59636e; stroke-width: 1.5; stroke-dasharray: 2 2 }
  .reached { fill: #1a7f37 } .met { fill: #2f6fde } .missed { fill: #cf222e }
  @media (prefers-color-scheme: dark) {
    .g { fill: #0d1117 } .t, .v, .h { fill: #e6edf3 } .s { fill: #9198a1 } .m { stroke: #e6edf3 } .r { stroke: #9198a1 }
    .reached { fill: #3fb950 } .met { fill: #58a6ff } .missed { fill: #f85149 }
  }
</style>
<rect class="g" width="${width}" height="${height}" rx="6"/>
<text class="h" x="16" y="26">${escape(title)}</text>
<text class="s" x="16" y="46">Longer is better. Full line: must. Dotted: reach for. Green reaches it, blue meets the must, red misses it.</text>
<line class="m" x1="${must}" x2="${must}" y1="${top - 6}" y2="${height - 18}"/>
${bars.join('\n')}
</svg>
`
}
