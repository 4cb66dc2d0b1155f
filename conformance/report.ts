/** The report as Markdown in four languages, for the people who mend the system. Pure. */
import type { Locale, Sentences } from '../protocol/codes.ts'
import { to } from './rule.ts'
import type { Report } from './run.ts'

const words = {
  title: to('接口符合性报告', '介面符合性報告', 'Conformance report', '適合性レポート'),
  system: to('系统', '系統', 'System', 'システム'),
  object: to('对象', '物件', 'Object', 'オブジェクト'),
  yes: to(
    '所有必须满足的规则均已满足。',
    '所有必須滿足的規則均已滿足。',
    'Every rule that must hold holds.',
    '必須の規則はすべて満たされています。',
  ),
  no: to(
    '有必须满足的规则未满足，见下表。',
    '有必須滿足的規則未滿足，見下表。',
    'Rules that must hold do not: see below.',
    '満たされていない必須の規則があります。下表をご覧ください。',
  ),
  rule: to('规则', '規則', 'Rule', '規則'),
  outcome: to('结果', '結果', 'Outcome', '結果'),
  seen: to('实际情况', '實際情況', 'What was seen', '実際の結果'),
  pass: to('通过', '通過', 'pass', '合格'),
  fail: to('未通过', '未通過', 'fail', '不合格'),
  skip: to('未检查', '未檢查', 'not tried', '未実施'),
  should: to('建议', '建議', 'advice', '推奨'),
} as const satisfies Record<string, Sentences>

const cell = (text: string): string =>
  text
    .replaceAll('\\', '\\\\')
    .replaceAll('|', '\\|')
    .replaceAll('<', '&lt;')
    .replaceAll(/\s*\n\s*/g, ' ')

export const reportText = (report: Report, of: { system: string; object: string }, locale: Locale): string => {
  const say = (word: keyof typeof words): string => words[word][locale]
  const rows = report.findings.map(({ id, level, sentence, verdict }) => {
    const outcome = verdict.kind === 'pass' ? say('pass') : verdict.kind === 'skip' ? say('skip') : `**${say('fail')}**`
    const seen = verdict.kind === 'fail' ? verdict.saw : verdict.kind === 'skip' ? verdict.why : ''
    const more = level === 'should' ? ` (${say('should')})` : ''
    return `| ${id} | ${cell(sentence[locale])}${more} | ${outcome} | ${cell(seen)} |`
  })
  return `# ${say('title')}

${say('system')}: ${cell(of.system)} · ${say('object')}: ${cell(of.object)}

${say(report.conforms ? 'yes' : 'no')} ${say('pass')} ${report.counts.pass}, ${say('fail')} ${report.counts.fail}, ${say('skip')} ${report.counts.skip}

| | ${say('rule')} | ${say('outcome')} | ${say('seen')} |
|---|---|---|---|
${rows.join('\n')}
`
}
