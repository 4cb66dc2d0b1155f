/** Behind the last record the page is empty and a success. */
import { pageIn, shown } from '../erp.ts'
import { fail, pass, type Rule, to } from '../rule.ts'

export const batchEnds: Rule = {
  id: 'batch.end',
  level: 'must',
  sentence: to(
    '超出范围的 offset 返回成功和空的 dataList',
    '超出範圍的 offset 傳回成功和空的 dataList',
    'An offset behind the end is answered with success and an empty dataList',
    '末尾を超える offset では成功と空の dataList を返す',
  ),
  check: async (erp) => {
    const answer = await erp.batch({ from: erp.now() - 60_000, to: erp.now(), offset: 1_000_000, limit: 10 })
    return answer.success && pageIn(answer)?.length === 0 ? pass : fail(shown(answer))
  },
}
