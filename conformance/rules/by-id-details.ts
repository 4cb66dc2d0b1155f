/** The single query answers every detail row. */
import { recordIn, shown } from '../erp.ts'
import { fail, pass, type Rule, skip, to } from '../rule.ts'

export const byIdDetails: Rule = {
  id: 'byId.details',
  level: 'must',
  sentence: to(
    'includeDetail=true 时返回全部明细行',
    'includeDetail=true 時傳回全部明細列',
    'With includeDetail=true every detail row is answered',
    'includeDetail=true ではすべての明細行を返す',
  ),
  check: async (erp) => {
    const { details } = erp.subject
    if (details.length === 0) return skip('the object has no details')
    const made = await erp.made({}, 3)
    if ('wrong' in made) return fail(made.wrong)
    const answer = await erp.byId(made.id)
    const rows = recordIn(answer.data)?.detailFieldVals
    const short = details.find(({ name }) => rows?.[name]?.length !== 3)
    return short ? fail(`${short.name}: ${rows?.[short.name]?.length ?? 'no'} of 3 rows; ${shown(answer)}`) : pass
  },
}
