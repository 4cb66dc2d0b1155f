/** What a rule is: one promise of an ERP's interface, its sentence in four languages, and a check that finds out. */
import type { Sentences } from '../protocol/codes.ts'
import type { Erp } from './erp.ts'

export type Verdict =
  | { kind: 'pass' }
  /** In the system's own words where it has some. */
  | { kind: 'fail'; saw: string }
  /** The object cannot show it. */
  | { kind: 'skip'; why: string }

export interface Rule {
  id: string
  /** `must`: without it records are lost, doubled or stuck. `should`: it works, and worse. */
  level: 'must' | 'should'
  sentence: Sentences
  check(erp: Erp): Promise<Verdict>
}

export const pass: Verdict = { kind: 'pass' }
export const fail = (saw: string): Verdict => ({ kind: 'fail', saw: saw.slice(0, 500) })
export const skip = (why: string): Verdict => ({ kind: 'skip', why })

export const to = (zh_CN: string, zh_TW: string, en_US: string, ja_JP: string): Sentences => ({
  zh_CN,
  zh_TW,
  en_US,
  ja_JP,
})
