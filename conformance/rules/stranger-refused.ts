/** Who does not prove himself reads nothing. */
import { shown } from '../erp.ts'
import { fail, pass, type Rule, to } from '../rule.ts'

export const strangerRefused: Rule = {
  id: 'token',
  level: 'must',
  sentence: to('错误的认证信息被拒绝', '錯誤的驗證資訊被拒絕', 'A wrong token is refused', '誤ったトークンを拒否する'),
  check: async (erp) => {
    const made = await erp.made()
    if ('wrong' in made) return fail(made.wrong)
    const answer = await erp.byId(made.id, { proof: 'wrong' })
    return answer.success ? fail(shown(answer)) : pass
  },
}
