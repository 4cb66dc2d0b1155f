/** A create answers the ids of the detail rows, in their order. */
import { recordIn, shown } from '../erp.ts'
import { fail, pass, type Rule, skip, to } from '../rule.ts'

export const createAnswersRowIds: Rule = {
  id: 'create.rowIds',
  level: 'should',
  sentence: to(
    'create 按行的顺序返回每个明细行的编号（data.detailDataIds）',
    'create 按列的順序傳回每個明細列的編號（data.detailDataIds）',
    'A create is answered with the id of each detail row, in the order of the rows (data.detailDataIds)',
    'create は明細行の ID を行順に返す（data.detailDataIds）',
  ),
  check: async (erp) => {
    const { details } = erp.subject
    if (details.length === 0) return skip('the object has no details')
    const made = await erp.made({}, 2)
    if ('wrong' in made) return fail(made.wrong)
    const told = (made.answer.data as { detailDataIds?: Record<string, unknown> }).detailDataIds ?? {}
    for (const { name, idField } of details) {
      const ids = told[name]
      if (!Array.isArray(ids) || new Set(ids).size !== 2)
        return fail(`${name}: ${JSON.stringify(ids)}; ${shown(made.answer)}`)
      if (idField === undefined) continue
      const kept = recordIn((await erp.byId(made.id)).data)?.detailFieldVals[name]?.map((row) => String(row[idField]))
      if (kept && kept.join() !== ids.map(String).join())
        return fail(`${name}: told ${ids.join()}, kept ${kept.join()}`)
    }
    return pass
  },
}
