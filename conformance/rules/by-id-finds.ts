/** The single query answers a record as it was written. */
import { recordIn, shown } from '../erp.ts'
import { fail, pass, type Rule, to } from '../rule.ts'

export const byIdFinds: Rule = {
  id: 'byId.finds',
  level: 'must',
  sentence: to(
    'queryMasterById 返回刚创建的数据及其字段',
    'queryMasterById 傳回剛建立的資料及其欄位',
    'queryMasterById answers the record that was just made, with its fields',
    'queryMasterById は作成直後のレコードを項目とともに返す',
  ),
  check: async (erp) => {
    const made = await erp.made()
    if ('wrong' in made) return fail(made.wrong)
    const answer = await erp.byId(made.id)
    const record = answer.success ? recordIn(answer.data) : null
    if (!record) return fail(shown(answer))
    const { idField, master } = erp.subject
    if (String(record.masterFieldVal[idField]) !== made.id)
      return fail(`${idField}: ${String(record.masterFieldVal[idField])}, not ${made.id}`)
    const lost = Object.entries(master).find(
      ([field, text]) => text.startsWith('"') && String(record.masterFieldVal[field]) !== JSON.parse(text),
    )
    return lost ? fail(`${lost[0]}: ${String(record.masterFieldVal[lost[0]])}, not ${lost[1]}`) : pass
  },
}
