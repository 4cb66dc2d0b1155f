/** The two shapes in which the receive door answers: the guide's, and the newer public route's (contracts.md section 1). */
import { type Code, codes, type Locale, type Refusal, sentenceOf, success } from '../../protocol/codes.ts'
import type { Answer } from '../http/record.ts'

/** `locale` null: the sender named none. Then the answer is in zh_CN, and success is exactly the guide's. */
export interface Shape {
  done(locale: Locale | null, traceId: string): string
  refused(refusal: Refusal, locale: Locale | null, traceId: string): string
}

const successHead = (locale: Locale): string =>
  `{"errCode":"${success}","errMsg":"${codes[success].sentence[locale]}","traceMsg":"`
const heads: Record<Locale, string> = {
  zh_CN: successHead('zh_CN'),
  zh_TW: successHead('zh_TW'),
  en_US: successHead('en_US'),
  ja_JP: successHead('ja_JP'),
}

/** `{"errCode","errMsg","traceMsg"}`. */
export const guideShape: Shape = {
  done: (locale, traceId) => `${heads[locale ?? 'zh_CN']}${traceId}"}`,
  refused: (refusal, locale, traceId) =>
    JSON.stringify({ errCode: refusal.code, errMsg: sentenceOf(refusal, locale ?? 'zh_CN'), traceMsg: traceId }),
}

/** `{"errorCode","errorMessage","traceId"}`; the code is the digits after `s`. */
export const publicShape: Shape = {
  done: (_locale, traceId) => `{"errorCode":0,"errorMessage":"OK","traceId":"${traceId}"}`,
  refused: (refusal, locale, traceId) =>
    JSON.stringify({
      errorCode: Number(refusal.code.slice(1)),
      errorMessage: sentenceOf(refusal, locale ?? 'zh_CN'),
      traceId,
    }),
}

export const statusOf = (code: Code): number => codes[code].http

export const refused = (shape: Shape, refusal: Refusal, locale: Locale | null, traceId: string): Answer => ({
  status: statusOf(refusal.code),
  body: shape.refused(refusal, locale, traceId),
  retryAfter: refusal.retryAfter,
})
