/** The batch query answers nothing from outside its window. */
import { pageIn, shown } from '../erp.ts'
import { fail, pass, type Rule, to } from '../rule.ts'

export const batchKeepsToItsWindow: Rule = {
  id: 'batch.window',
  level: 'must',
  sentence: to(
    'queryMasterBatch 不返回时间段之外的数据',
    'queryMasterBatch 不傳回時間段之外的資料',
    'queryMasterBatch answers nothing from outside its window',
    'queryMasterBatch は期間外のレコードを返さない',
  ),
  check: async (erp) => {
    const made = await erp.made()
    if ('wrong' in made) return fail(made.wrong)
    const answer = await erp.batch({ from: 0, to: 86_400_000, limit: 1_000 })
    const page = answer.success ? pageIn(answer) : null
    if (!page) return fail(shown(answer))
    const stray = page.some((one) => String(one.masterFieldVal[erp.subject.idField]) === made.id)
    return stray ? fail(`${made.id}, made just now, is shown as changed in 1970`) : pass
  },
}
