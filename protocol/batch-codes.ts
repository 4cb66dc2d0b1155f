/** Every answer code of the master-data batch with its HTTP status, and what may be wrong with a row, in four languages (contracts.md section 4). docs/errors.md lists the same. */
import { codeOf, fill, type Locale, type Reason, reasons, type Sentences, to, type Values } from './codes.ts'

export const batchCodes = {
  200000: codeOf(200, 'success', 'success', 'success', 'success'),
  4000001: codeOf(
    400,
    '请求体不是可接受的 JSON',
    '請求內容不是可接受的 JSON',
    'The body is not acceptable JSON',
    'リクエスト本文は受け付け可能な JSON ではありません',
  ),
  4000002: codeOf(
    400,
    '请求体的结构不符合要求',
    '請求內容的結構不符合要求',
    'The body does not have the required shape',
    'リクエスト本文の構造が要件と一致しません',
  ),
  4000010: codeOf(
    400,
    'url 未登记为该客户端的回调地址',
    'url 未登記為該用戶端的回呼位址',
    'url is not registered for this client',
    'url はこのクライアントのコールバック先として登録されていません',
  ),
  4000011: codeOf(
    400,
    'timestamp 不正确',
    'timestamp 不正確',
    'timestamp is not acceptable',
    'timestamp が正しくありません',
  ),
  4010000: codeOf(
    401,
    'access_token 无效或已过期',
    'access_token 無效或已過期',
    'access_token is not valid or has expired',
    'access_token が無効か、期限切れです',
  ),
  4040000: codeOf(
    404,
    '该对象没有批量同步接口',
    '該物件沒有批量同步介面',
    'The object has no batch interface',
    'このオブジェクトにはバッチインターフェースがありません',
  ),
  4090000: codeOf(
    409,
    '此 bizId 已用于另一个请求',
    '此 bizId 已用於另一個請求',
    'This bizId was used with another body',
    'この bizId は別の本文で使用済みです',
  ),
  4130000: codeOf(
    413,
    '数据行数或字节数超出限制',
    '資料列數或位元組數超出限制',
    'Too many rows or bytes',
    '行数またはバイト数が上限を超えています',
  ),
  4290000: codeOf(
    429,
    '超出调用次数限制，请稍后再试',
    '超出呼叫次數限制，請稍後再試',
    'Over the limit of calls; try again later',
    '呼び出し回数の上限を超えました。しばらくしてから再試行してください',
  ),
  5000000: codeOf(
    503,
    '服务器异常、请稍后再试',
    '伺服器異常、請稍後再試',
    'Server error, please try again later',
    'サーバーエラーです。しばらくしてから再試行してください',
  ),
} as const

export type BatchCode = keyof typeof batchCodes
export const batchDone: BatchCode = 200000
export const batchFailed: BatchCode = 5000000

/** What more there is to say of a refusal, beside the reasons that all doors share. */
export const batchReasons = {
  rows: to('超过 {value} 行', '超過 {value} 列', 'more than {value} rows', '{value} 行を超えています'),
  bytes: to('超过 {value} MB', '超過 {value} MB', 'more than {value} MB', '{value} MB を超えています'),
  origin: to(
    '{value} 不在已登记的地址中',
    '{value} 不在已登記的位址中',
    '{value} is none of the registered origins',
    '{value} は登録済みのオリジンに含まれていません',
  ),
  address: to(
    '{value} 不是允许的地址',
    '{value} 不是允許的位址',
    '{value} is no address that may be called',
    '{value} は呼び出しが許可されたアドレスではありません',
  ),
  digits: to('应为 13 位毫秒数', '應為 13 位毫秒數', '13 digits of milliseconds', '13 桁のミリ秒である必要があります'),
  clock: to(
    '与服务器时间相差超过 {value} 分钟',
    '與伺服器時間相差超過 {value} 分鐘',
    'more than {value} minutes from the server’s time',
    'サーバー時刻との差が {value} 分を超えています',
  ),
  day: to(
    '每天 {value} 次已用完',
    '每天 {value} 次已用完',
    'the {value} calls of the day are used up',
    '1 日 {value} 回を使い切りました',
  ),
  hour: to(
    '每小时 {value} 次已用完',
    '每小時 {value} 次已用完',
    'the {value} calls of the hour are used up',
    '1 時間 {value} 回を使い切りました',
  ),
} as const satisfies Record<string, Sentences>

export type BatchReason = keyof typeof batchReasons | Reason

/** A call that is answered with a code that is not 200000. */
export interface BatchRefusal {
  refused: true
  code: BatchCode
  reason?: BatchReason
  values?: Values
  /** Seconds, for `Retry-After`. */
  retryAfter?: number
}

export const refuseBatch = (
  code: BatchCode,
  reason?: BatchReason,
  values?: Values,
  retryAfter?: number,
): BatchRefusal => ({
  refused: true,
  code,
  ...(reason !== undefined && { reason }),
  ...(values !== undefined && { values }),
  ...(retryAfter !== undefined && { retryAfter }),
})

export const isBatchRefusal = <T extends object>(result: T | BatchRefusal): result is BatchRefusal =>
  'refused' in result

const reasonOf = (reason: BatchReason): Sentences =>
  reason in batchReasons ? batchReasons[reason as keyof typeof batchReasons] : reasons[reason as Reason]

/** `resMsg` of a refusal: what the code says, then the reason with its values. */
export const batchSentence = ({ code, reason, values }: BatchRefusal, locale: Locale): string => {
  const sentence = batchCodes[code].sentence[locale]
  if (reason === undefined) return sentence
  return `${sentence}${locale === 'en_US' ? ': ' : '：'}${fill(reasonOf(reason)[locale], values ?? {})}`
}

/** What may be wrong with one row. `{field}` is what people call the field in that language. */
export const rowReasons = {
  absent: to(
    '{field}{value}不存在',
    '{field}{value}不存在',
    '{field} {value} does not exist',
    '{field}{value}は存在しません',
  ),
  required: to('{field}不能为空', '{field}不能為空', '{field} must not be empty', '{field}は必須です'),
  text: to('{field}应为文本', '{field}應為文字', '{field} must be text', '{field}は文字列である必要があります'),
  decimal: to(
    '{field}{value}不是数值',
    '{field}{value}不是數值',
    '{field} {value} is not a number',
    '{field}{value}は数値ではありません',
  ),
  integer: to(
    '{field}{value}不是整数',
    '{field}{value}不是整數',
    '{field} {value} is not a whole number',
    '{field}{value}は整数ではありません',
  ),
  bool: to(
    '{field}{value}不是是否值',
    '{field}{value}不是是否值',
    '{field} {value} is neither yes nor no',
    '{field}{value}は真偽値ではありません',
  ),
  date: to(
    '{field}{value}不是日期（{expected}）',
    '{field}{value}不是日期（{expected}）',
    '{field} {value} is not a date ({expected})',
    '{field}{value}は日付ではありません（{expected}）',
  ),
  long: to(
    '{field}超过{expected}字节',
    '{field}超過{expected}位元組',
    '{field} is longer than {expected} bytes',
    '{field}が{expected}バイトを超えています',
  ),
  option: to(
    '{field}{value}不在可选值中（{expected}）',
    '{field}{value}不在可選值中（{expected}）',
    '{field} {value} is none of {expected}',
    '{field}{value}は選択肢にありません（{expected}）',
  ),
  cycle: to(
    '{field}形成循环：{value}',
    '{field}形成循環：{value}',
    '{field} forms a cycle: {value}',
    '{field}が循環しています：{value}',
  ),
  key: to(
    '{field}含有不可用的字符或超过128个字符',
    '{field}含有不可用的字元或超過128個字元',
    '{field} holds characters that a code cannot, or more than 128',
    '{field}に使用できない文字が含まれるか、128文字を超えています',
  ),
  twice: to(
    '{field}{value}在本次请求中重复，以第{expected}行为准',
    '{field}{value}在本次請求中重複，以第{expected}列為準',
    '{field} {value} stands twice in this request; row {expected} counts',
    '{field}{value}がこのリクエスト内で重複しています。{expected}行目を採用しました',
  ),
  newer: to(
    '{field}{value}已有更新的数据，本行未覆盖',
    '{field}{value}已有更新的資料，本列未覆蓋',
    '{field} {value} already has newer data, which this row did not replace',
    '{field}{value}にはより新しいデータがあるため、この行では上書きしませんでした',
  ),
  store: to(
    '{field}{value}保存失败',
    '{field}{value}儲存失敗',
    '{field} {value} could not be stored',
    '{field}{value}を保存できませんでした',
  ),
} as const satisfies Record<string, Sentences>

export type RowReason = keyof typeof rowReasons

/** What is wrong with a row, as it is kept: said in whatever language somebody asks in. */
export interface RowFault {
  reason: RowReason
  /** Code of the field. */
  field: string
  value?: string
  expected?: string
}

/** A sender's value is shown back only this far. `called`: what people call the field. */
export const rowSentence = ({ reason, field, value, expected }: RowFault, locale: Locale, called = field): string =>
  fill(rowReasons[reason][locale], { field: called, value: value ?? '', expected: expected ?? '' })
