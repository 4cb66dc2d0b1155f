/** A void works, and a second one is a success. */
import { shown } from '../erp.ts'
import { fail, pass, type Rule, to } from '../rule.ts'

export const voidRepeats: Rule = {
  id: 'void',
  level: 'should',
  sentence: to(
    'invalid 作废数据，再次作废仍为成功',
    'invalid 作廢資料，再次作廢仍為成功',
    'invalid voids the record, and a second time is a success',
    'invalid は無効化し、2 回目も成功とする',
  ),
  check: async (erp) => {
    const made = await erp.made()
    if ('wrong' in made) return fail(made.wrong)
    for (let time = 0; time < 2; time++) {
      const answer = await erp.invalid(made.id)
      if (!answer.success) return fail(shown(answer))
    }
    return pass
  },
}
