/** The single query says plainly that a record does not exist. */
import { shown } from '../erp.ts'
import { fail, pass, type Rule, to } from '../rule.ts'

export const byIdTellsAbsence: Rule = {
  id: 'byId.absent',
  level: 'must',
  sentence: to(
    '没有这条数据时，queryMasterById 返回成功且 data 为 null（或约定的编码）',
    '沒有這筆資料時，queryMasterById 傳回成功且 data 為 null（或約定的編碼）',
    'For an unknown id queryMasterById answers success with data null, or a code that was agreed on',
    '存在しない ID では queryMasterById が成功かつ data: null（または取り決めたコード）を返す',
  ),
  check: async (erp) => {
    const answer = await erp.byId(erp.unique())
    const agreed = answer.code !== null && erp.subject.notFoundCodes.includes(answer.code)
    return agreed || (answer.success && answer.data === null) ? pass : fail(shown(answer))
  },
}
