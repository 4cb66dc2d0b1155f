/** Tables for a terminal: columns aligned also under wide characters, cut to the width that is there. */
import { cells } from '../flows/problem.ts'

/** At most `width` cells; what is cut ends in `…`. Line breaks and control characters become spaces, so that a value cannot draw. */
export const fit = (text: string, width: number): string => {
  const plain = text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]+/gu, ' ')
  if (cells(plain) <= width) return plain
  let kept = ''
  let used = 0
  for (const character of plain) {
    const size = cells(character)
    if (used + size > width - 1) break
    kept += character
    used += size
  }
  return `${kept}…`
}

const pad = (text: string, width: number): string => text + ' '.repeat(Math.max(0, width - cells(text)))

/** Header and rows; the last column takes what is left of `width` (0: no limit). Numbers stand right. */
export const table = (head: readonly string[], rows: readonly (readonly (string | number)[])[], width = 0): string => {
  const texts = rows.map((row) => row.map((cell) => fit(String(cell), 400)))
  const widths = head.map((title, i) => Math.max(cells(title), ...texts.map((row) => cells(row[i] ?? ''))))
  const last = head.length - 1
  if (width > 0) {
    const before = widths.slice(0, last).reduce((sum, one) => sum + one + 2, 0)
    widths[last] = Math.max(cells(head[last] ?? ''), Math.min(widths[last] ?? 0, Math.max(20, width - before)))
  }
  const isNumber = head.map((_, i) => rows.length > 0 && rows.every((row) => typeof row[i] === 'number'))
  const line = (row: readonly string[]) =>
    row
      .map((cell, i) => {
        const text = fit(cell, widths[i] ?? 0)
        return isNumber[i] ? ' '.repeat(Math.max(0, (widths[i] ?? 0) - cells(text))) + text : pad(text, widths[i] ?? 0)
      })
      .join('  ')
      .trimEnd()
  return [line(head), ...texts.map(line)].join('\n')
}

/** `12 s`, `3 min`, `2 h`, `5 d` */
export const ago = (ms: number): string => {
  const seconds = Math.max(0, Math.round(ms / 1000))
  if (seconds < 120) return `${seconds} s`
  if (seconds < 7200) return `${Math.round(seconds / 60)} min`
  if (seconds < 172_800) return `${Math.round(seconds / 3600)} h`
  return `${Math.round(seconds / 86_400)} d`
}

/** Local time, to the second; milliseconds where order within a second matters. */
export const clock = (ms: number, fine = false): string => {
  const date = new Date(ms - new Date(ms).getTimezoneOffset() * 60_000).toISOString()
  return fine ? date.slice(0, 23).replace('T', ' ') : date.slice(0, 19).replace('T', ' ')
}
