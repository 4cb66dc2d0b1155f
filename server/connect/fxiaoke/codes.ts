/** What the Open API's error codes mean for a call (decision 210): HTTP is always 200, so the code alone says how it ended. Pure. */
import type { ConnectionDef } from '../../doc/flow.ts'
import type { Verdict } from '../standard/answer.ts'

type Lists = Pick<
  ConnectionDef,
  'result' | 'refusedBeforeEffect' | 'unsureCodes' | 'refusedCodes' | 'notFoundCodes' | 'throttleCodes' | 'quotaCodes'
>

/** Ours come first and the connection's own lists are added: codes of CRM objects are its administrator's to know. */
const throttle = ['14001', '30004']
/** Counted anew at midnight. */
const quota = ['30002']
/** "System is busy": turned away at the door. */
const busy = ['-1']
/** "System error", "service abnormal, such as a time-out": it may have been written. */
const unsure = ['-2', '50009']
/** A parameter is missing or not legal: the gateway's own, before the CRM sees the call. */
const parameters = [
  ...Array.from({ length: 15 }, (_, i) => String(10_001 + i)),
  ...Array.from({ length: 18 }, (_, i) => String(11_001 + i)),
  '12003',
  '12004',
  '12005',
  '15002',
  '32000',
]
/** App, user or enterprise may not do this, or no calls were bought: a person must change something there. */
const forbidden = new Set([
  '10006',
  '15003',
  '20006',
  '20012',
  '20014',
  '20015',
  '20017',
  '20020',
  '20021',
  '20022',
  '20023',
  '30003',
])
/** The token is not, or no longer, valid. */
export const tokenCodes = ['20005', '20016']

export const ruleOf = (connection: ConnectionDef): Lists => ({
  result: { codePath: 'errorCode', messagePath: 'errorMessage', dataPath: 'data', successCodes: ['0'] },
  throttleCodes: [...throttle, ...(connection.throttleCodes ?? [])],
  quotaCodes: [...quota, ...(connection.quotaCodes ?? [])],
  refusedBeforeEffect: [...busy, ...connection.refusedBeforeEffect],
  unsureCodes: [...unsure, ...connection.unsureCodes],
  refusedCodes: [...parameters, ...forbidden, ...connection.refusedCodes],
  notFoundCodes: connection.notFoundCodes,
})

/** A permission is not the record's fault: it is shown as the connection's, so that one change there mends all. */
export const permission = (verdict: Verdict): Verdict => {
  if (verdict.kind !== 'refused' || verdict.code === undefined || !forbidden.has(verdict.code)) return verdict
  return { ...verdict, proved: true, why: { ...verdict.why, code: 'config.auth', value: verdict.code } }
}
