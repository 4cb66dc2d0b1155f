/** A refusal has a code and a reason. */
import { shown } from '../erp.ts'
import { fail, pass, type Rule, to } from '../rule.ts'

export const refusalsSpeak: Rule = {
  id: 'refusal',
  level: 'must',
  sentence: to(
    '拒绝时仍返回 JSON，带有非成功的编码和原因',
    '拒絕時仍傳回 JSON，帶有非成功的編碼和原因',
    'A refusal is JSON too, with a code that is no success and a reason',
    '拒否の場合も JSON で、成功以外のコードと理由を返す',
  ),
  check: async (erp) => {
    const answer = await erp.byId('1', { object: `No_Such_Object_${erp.unique()}` })
    return !answer.success && answer.code !== null && answer.message ? pass : fail(shown(answer))
  },
}
