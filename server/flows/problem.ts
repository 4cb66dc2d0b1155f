/** What is wrong with a configuration file, told so that a person finds the place and knows what to write instead. */

/** Field path inside the file: keys of maps and numbers of list entries. */
export type Path = readonly (string | number)[]

export interface Problem {
  level: 'error' | 'warning'
  file: string
  line: number
  column: number
  /** Characters to underline. */
  length: number
  /** `tenants[acme].connections[erp].timeout` */
  path: string
  say: string
  /** The line as it stands in the file. */
  source: string
}

/** Wide characters take two cells of a terminal: CJK, kana, hangul, full-width forms, emoji. */
const wide =
  /[\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6]|[\u{1f300}-\u{1faff}\u{20000}-\u{3fffd}]/u

/** Cells of a terminal that a text takes. */
export const cells = (text: string): number => {
  let count = 0
  for (const character of text) count += wide.test(character) ? 2 : 1
  return count
}

/** `file:line:column  path`, the sentence, and the line with the place underlined. */
export const tellProblem = (problem: Problem): string => {
  const number = String(problem.line)
  const gap = ' '.repeat(number.length)
  const before = cells(problem.source.slice(0, problem.column - 1))
  const marked = cells(problem.source.slice(problem.column - 1, problem.column - 1 + problem.length))
  const head = `${problem.file}:${problem.line}:${problem.column}  ${problem.path || '(whole file)'}`
  const say = `  ${problem.level === 'warning' ? 'warning: ' : ''}${problem.say}`
  if (!problem.source.trim()) return `${head}\n${say}`
  return `${head}\n${say}\n  ${number} | ${problem.source}\n  ${gap} | ${' '.repeat(before)}${'^'.repeat(Math.max(1, marked))}`
}

export const tellProblems = (problems: readonly Problem[]): string => {
  const errors = problems.filter((one) => one.level === 'error').length
  const tail = errors ? `\n\n${errors} ${errors === 1 ? 'error' : 'errors'}; nothing was changed.` : ''
  return problems.map(tellProblem).join('\n\n') + tail
}

/** A file that cannot be applied, with everything that is wrong with it. */
export class ConfigRefused extends Error {
  override name = 'ConfigRefused'
  readonly problems: readonly Problem[]
  constructor(problems: readonly Problem[]) {
    super(tellProblems(problems))
    this.problems = problems
  }
}

/** Edits (insert, delete, replace, swap) between two words, up to `limit`. */
const distance = (a: string, b: string, limit: number): number => {
  if (Math.abs(a.length - b.length) > limit) return limit + 1
  let before: number[] = []
  let row = Array.from({ length: b.length + 1 }, (_, j) => j)
  for (let i = 1; i <= a.length; i++) {
    const next = [i]
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1]
      let best = Math.min((row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1, (row[j - 1] ?? 0) + (same ? 0 : 1))
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1])
        best = Math.min(best, (before[j - 2] ?? 0) + 1)
      next.push(best)
    }
    before = row
    row = next
  }
  return row[b.length] ?? 0
}

/** The known word that was probably meant, or undefined. */
export const nearest = (word: string, known: Iterable<string>): string | undefined => {
  const plain = (text: string) => text.toLowerCase().replace(/[-_ ]/g, '')
  const wanted = plain(word)
  const limit = Math.max(1, Math.floor(wanted.length / 3))
  let best: string | undefined
  let least = limit + 1
  for (const candidate of known) {
    const d = distance(wanted, plain(candidate), limit)
    if (d < least) {
      least = d
      best = candidate
    }
  }
  return best
}

/** `; did you mean "timeout"?`, or what there is to choose from. */
export const didYouMean = (word: string, known: Iterable<string>): string => {
  const all = [...known]
  const near = nearest(word, all)
  if (near !== undefined) return `; did you mean "${near}"?`
  if (!all.length) return ''
  const shown = all.slice(0, 12)
  return `; known here: ${shown.join(', ')}${all.length > shown.length ? ', …' : ''}`
}
