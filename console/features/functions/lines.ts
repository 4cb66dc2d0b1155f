/** What differs between two texts, line by line. Pure. */

export interface Line {
  is: 'same' | 'gone' | 'new'
  text: string
  /** Number in the text it stands in, the newer one for what is the same. */
  number: number
}

/** The longest common lines stay; beyond `most` lines a side the texts are told as a whole. */
export const linesOf = (before: string, after: string, most = 2_000): Line[] => {
  const a = before === '' ? [] : before.split('\n')
  const b = after === '' ? [] : after.split('\n')
  const whole = (): Line[] => [
    ...a.map((text, i): Line => ({ is: 'gone', text, number: i + 1 })),
    ...b.map((text, i): Line => ({ is: 'new', text, number: i + 1 })),
  ]
  if (a.length > most || b.length > most) return whole()
  const width = b.length + 1
  const lengths = new Uint16Array((a.length + 1) * width)
  const at = (i: number, j: number): number => lengths[i * width + j] ?? 0
  for (let i = a.length - 1; i >= 0; i--)
    for (let j = b.length - 1; j >= 0; j--)
      lengths[i * width + j] = a[i] === b[j] ? at(i + 1, j + 1) + 1 : Math.max(at(i + 1, j), at(i, j + 1))
  const lines: Line[] = []
  for (let i = 0, j = 0; i < a.length || j < b.length; ) {
    if (i < a.length && j < b.length && a[i] === b[j]) {
      lines.push({ is: 'same', text: b[j] as string, number: j + 1 })
      i++
      j++
    } else if (i < a.length && (j >= b.length || at(i + 1, j) >= at(i, j + 1))) {
      lines.push({ is: 'gone', text: a[i] as string, number: i + 1 })
      i++
    } else {
      lines.push({ is: 'new', text: b[j] as string, number: j + 1 })
      j++
    }
  }
  return lines
}

/** With `around` lines of what is the same left beside each change; null stands for what is left out. */
export const hunksOf = (lines: readonly Line[], around = 2): (Line | null)[] => {
  const near = lines.map((_, i) =>
    lines.slice(Math.max(0, i - around), i + around + 1).some((line) => line.is !== 'same'),
  )
  return lines.flatMap((line, i) => (near[i] ? [line] : near[i - 1] === true || i === 0 ? [null] : []))
}
