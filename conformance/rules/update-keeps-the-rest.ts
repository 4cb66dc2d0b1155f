/** An update changes what it names and nothing else. */
import { idIn, recordIn, shown } from '../erp.ts'
import { fail, pass, type Rule, skip, to } from '../rule.ts'

export const updateKeepsTheRest: Rule = {
  id: 'update.partial',
  level: 'must',
  sentence: to(
    'update 只修改出现的字段，其余字段和明细保持不变',
    'update 只修改出現的欄位，其餘欄位和明細保持不變',
    'An update changes the fields it names; other fields and the details stay',
    'update は指定した項目だけを変更し、他の項目と明細は保持する',
  ),
  check: async (erp) => {
    const { textField, otherTextField, details } = erp.subject
    if (textField === undefined) return skip('the object has no field of free text')
    const other = otherTextField === undefined ? {} : { [otherTextField]: '"kept"' }
    const made = await erp.made({ ...other, [textField]: '"before"' })
    if ('wrong' in made) return fail(made.wrong)
    const answer = await erp.update(made.id, { [textField]: '"after"' })
    const told = idIn(answer)
    if (!answer.success || (told !== null && told !== made.id)) return fail(shown(answer))
    const now = await erp.byId(made.id)
    const record = recordIn(now.data)
    if (record?.masterFieldVal[textField] !== 'after') return fail(`${textField}: ${shown(now)}`)
    if (otherTextField && record.masterFieldVal[otherTextField] !== 'kept')
      return fail(`${otherTextField}: ${shown(now)}`)
    const lost = details.find(({ name }) => record.detailFieldVals[name]?.length !== 2)
    return lost ? fail(`${lost.name}: ${shown(now)}`) : pass
  },
}
