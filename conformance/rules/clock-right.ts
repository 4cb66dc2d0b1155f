/** The system knows what time it is. */
import { shown } from '../erp.ts'
import { fail, pass, type Rule, skip, to } from '../rule.ts'

export const clockRight: Rule = {
  id: 'clock',
  level: 'should',
  sentence: to(
    '系统时钟与本机相差不超过一分钟（Date 头）',
    '系統時鐘與本機相差不超過一分鐘（Date 標頭）',
    'The system’s clock is within a minute of ours (header Date)',
    'システムの時計のずれは 1 分以内（Date ヘッダー）',
  ),
  check: async (erp) => {
    const answer = await erp.byId(erp.unique())
    if (answer.skew === null) return skip('no Date header')
    return Math.abs(answer.skew) < 60_000
      ? pass
      : fail(`${Math.round(answer.skew / 1000)} s; ${shown(answer).slice(0, 80)}`)
  },
}
