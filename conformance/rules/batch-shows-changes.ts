/** A change shows in the window of its time, at once. */
import { pageIn, shown } from '../erp.ts'
import { fail, pass, type Rule, to } from '../rule.ts'

export const batchShowsChanges: Rule = {
  id: 'batch.prompt',
  level: 'must',
  sentence: to(
    '变更后两秒内，queryMasterBatch 在相应的时间段内返回该数据',
    '變更後兩秒內，queryMasterBatch 在相應的時間段內傳回該資料',
    'Within two seconds of a change queryMasterBatch shows the record in the window of that time',
    '変更から 2 秒以内に queryMasterBatch が該当する期間でレコードを返す',
  ),
  check: async (erp) => {
    const began = erp.now()
    const made = await erp.made()
    if ('wrong' in made) return fail(made.wrong)
    let answer = await erp.batch({ from: began - 60_000, to: erp.now() + 60_000, limit: 1_000 })
    for (let tries = 0; ; tries++) {
      const page = answer.success ? pageIn(answer) : null
      if (!page) return fail(shown(answer))
      if (page.some((one) => String(one.masterFieldVal[erp.subject.idField]) === made.id)) return pass
      if (tries >= 10) return fail(`${made.id} is not among the ${page.length} records of its minute`)
      await erp.pause(200)
      answer = await erp.batch({ from: began - 60_000, to: erp.now() + 60_000, limit: 1_000 })
    }
  },
}
