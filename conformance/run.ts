/** Runs the rules against one system, one after the other, and answers the report. */
import type { Erp } from './erp.ts'
import type { Rule, Verdict } from './rule.ts'

export interface Finding {
  id: string
  level: Rule['level']
  sentence: Rule['sentence']
  verdict: Verdict
  ms: number
}

export interface Report {
  /** Every `must` holds. */
  conforms: boolean
  counts: { pass: number; fail: number; skip: number }
  findings: Finding[]
}

/** A rule whose check gets no answer has failed: the words of the failure are what was seen. */
export const runRules = async (
  rules: readonly Rule[],
  erp: Erp,
  told: (finding: Finding) => void = () => {},
): Promise<Report> => {
  const findings: Finding[] = []
  for (const { id, level, sentence, check } of rules) {
    const began = erp.now()
    const verdict = await check(erp).catch(
      (error: unknown): Verdict => ({ kind: 'fail', saw: error instanceof Error ? error.message : String(error) }),
    )
    const finding = { id, level, sentence, verdict, ms: erp.now() - began }
    findings.push(finding)
    told(finding)
  }
  const count = (kind: Verdict['kind']) => findings.filter((one) => one.verdict.kind === kind).length
  return {
    conforms: findings.every((one) => one.level !== 'must' || one.verdict.kind !== 'fail'),
    counts: { pass: count('pass'), fail: count('fail'), skip: count('skip') },
    findings,
  }
}
