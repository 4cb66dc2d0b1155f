/** Pages of one record each bring every record once. */
import { pageIn, shown } from '../erp.ts'
import { fail, pass, type Rule, to } from '../rule.ts'

export const batchPagesInOrder: Rule = {
  id: 'batch.pages',
  level: 'must',
  sentence: to(
    '按 offset 翻页时，每条数据恰好出现一次（顺序稳定）',
    '按 offset 翻頁時，每筆資料恰好出現一次（順序穩定）',
    'Paging by offset brings every record exactly once: the order is steady',
    'offset でのページ送りで各レコードがちょうど一度現れる（順序が一定）',
  ),
  check: async (erp) => {
    const began = erp.now()
    const ids: string[] = []
    for (let i = 0; i < 6; i++) {
      const made = await erp.made()
      if ('wrong' in made) return fail(made.wrong)
      ids.push(made.id)
    }
    await erp.pause(50)
    const window = { from: began - 60_000, to: erp.now() + 60_000 }
    const seen: string[] = []
    for (let offset = 0; offset < 500; offset++) {
      const answer = await erp.batch({ ...window, offset, limit: 1 })
      const page = answer.success ? pageIn(answer) : null
      if (!page) return fail(shown(answer))
      if (page.length > 1) return fail(`limit=1 was answered with ${page.length} records`)
      const [one] = page
      if (!one) break
      seen.push(String(one.masterFieldVal[erp.subject.idField]))
    }
    const wrong = ids.find((id) => seen.filter((one) => one === id).length !== 1)
    return wrong
      ? fail(`${wrong} came ${seen.filter((one) => one === wrong).length} times in ${seen.length} pages`)
      : pass
  },
}
