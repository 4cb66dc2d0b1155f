/** Amounts and numbers in texts come back digit for digit. */
import { shown } from '../erp.ts'
import { fail, pass, type Rule, skip, to } from '../rule.ts'

export const digitsStay: Rule = {
  id: 'digits',
  level: 'must',
  sentence: to(
    '金额与编号逐位保留：12345678901234567890.12 与 007',
    '金額與編號逐位保留：12345678901234567890.12 與 007',
    'Amounts and numbers are kept digit for digit: 12345678901234567890.12 and 007',
    '金額と番号は 1 桁も変わらない：12345678901234567890.12 と 007',
  ),
  check: async (erp) => {
    const { decimalField, textField } = erp.subject
    if (decimalField === undefined && textField === undefined)
      return skip('the object has neither a decimal nor a text field')
    const made = await erp.made({
      ...(decimalField && { [decimalField]: '12345678901234567890.12' }),
      ...(textField && { [textField]: '"007"' }),
    })
    if ('wrong' in made) return fail(made.wrong)
    const answer = await erp.byId(made.id)
    if (decimalField && !answer.text.includes('12345678901234567890.12'))
      return fail(`${decimalField}: ${shown(answer)}`)
    return textField && !answer.text.includes('"007"') ? fail(`${textField}: ${shown(answer)}`) : pass
  },
}
