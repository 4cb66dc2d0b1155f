/** A create answers the id of the new record. */
import { idIn, shown } from '../erp.ts'
import { fail, pass, type Rule, to } from '../rule.ts'

export const createAnswersId: Rule = {
  id: 'create.id',
  level: 'must',
  sentence: to(
    'create 成功时返回成功的编码和 data.masterDataId',
    'create 成功時傳回成功的編碼和 data.masterDataId',
    'A create is answered with the success code and data.masterDataId',
    'create は成功コードと data.masterDataId を返す',
  ),
  check: async (erp) => {
    const answer = await erp.create()
    return answer.success && idIn(answer) !== null ? pass : fail(shown(answer))
  },
}
