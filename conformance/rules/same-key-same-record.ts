/** The same Idempotency-Key makes no second record. */
import { idIn, shown } from '../erp.ts'
import { fail, pass, type Rule, to } from '../rule.ts'

export const sameKeySameRecord: Rule = {
  id: 'key',
  level: 'should',
  sentence: to(
    '同一 Idempotency-Key 与同一请求体重发时，不产生第二条数据',
    '同一 Idempotency-Key 與同一請求內容重發時，不產生第二筆資料',
    'The same body sent again with the same Idempotency-Key makes no second record',
    '同じ本文を同じ Idempotency-Key で再送しても 2 件目は作成されない',
  ),
  check: async (erp) => {
    const { externalIdField } = erp.subject
    const over: Record<string, string> = externalIdField ? { [externalIdField]: JSON.stringify(erp.unique()) } : {}
    const headers = { 'Idempotency-Key': erp.unique() }
    const [first, second] = [await erp.create(over, headers), await erp.create(over, headers)]
    if (!first.success) return fail(shown(first))
    const ids = [idIn(first), idIn(second)]
    return !second.success || ids[0] === ids[1] ? pass : fail(`two records: ${ids.join(', ')}`)
  },
}
