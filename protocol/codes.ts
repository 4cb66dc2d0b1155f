/** Every answer code of the receive door with its HTTP status and its sentence in four languages (contracts.md section 1). docs/errors.md lists the same. */

export const locales = ['zh_CN', 'zh_TW', 'en_US', 'ja_JP'] as const
export type Locale = (typeof locales)[number]
export type Sentences = Readonly<Record<Locale, string>>

/** `locale` header; null when it was not sent or is none of ours: the answer is then in zh_CN, as the guide's is. */
export const localeFrom = (value: string | undefined): Locale | null => {
  switch (value?.replace('-', '_').toLowerCase()) {
    case 'zh_cn':
      return 'zh_CN'
    case 'zh_tw':
      return 'zh_TW'
    case 'en_us':
      return 'en_US'
    case 'ja_jp':
      return 'ja_JP'
    default:
      return null
  }
}

/** A code of a catalogue: its HTTP status and its sentences. */
export const codeOf = (http: number, zh_CN: string, zh_TW: string, en_US: string, ja_JP: string) => ({
  http,
  sentence: { zh_CN, zh_TW, en_US, ja_JP } as Sentences,
})

export const codes = {
  s106240000: codeOf(200, '成功', '成功', 'success', '成功'),
  s306240001: codeOf(
    400,
    '请求体不是可接受的 JSON',
    '請求內容不是可接受的 JSON',
    'The body is not acceptable JSON',
    'リクエスト本文は受け付け可能な JSON ではありません',
  ),
  s306240002: codeOf(
    400,
    '请求体的结构不符合要求',
    '請求內容的結構不符合要求',
    'The body does not have the required shape',
    'リクエスト本文の構造が要件と一致しません',
  ),
  s306240003: codeOf(
    400,
    '请求头缺失、重复、为空或过长',
    '請求標頭缺少、重複、空白或過長',
    'A header is missing, repeated, empty or too long',
    'ヘッダーが不足、重複、空、または長すぎます',
  ),
  s306240004: codeOf(
    404,
    '该连接器上没有声明此对象',
    '該連接器上沒有宣告此物件',
    'The object is not declared on this connection',
    'このコネクションにそのオブジェクトは宣言されていません',
  ),
  s306240005: codeOf(
    400,
    '无法确定所指的对象或编号',
    '無法確定所指的物件或編號',
    'What the headers name cannot be made out',
    'ヘッダーが指すものを特定できません',
  ),
  s306240006: codeOf(400, '不支持的取值', '不支援的取值', 'The value is not supported', 'サポートされていない値です'),
  s306240007: codeOf(413, '请求体过大', '請求內容過大', 'The body is too large', 'リクエスト本文が大きすぎます'),
  s306240009: codeOf(
    400,
    '此对象没有推送接口函数，不能接收非标准格式数据；标准格式数据请在请求头中发送 id（小写）',
    '此物件沒有推送介面函式，不能接收非標準格式資料；標準格式資料請在請求標頭中傳送 id（小寫）',
    'This object has no receive function for non-standard data; for standard data send header id (lower case)',
    'このオブジェクトには受信関数がないため非標準データを受け取れません。標準データの場合はヘッダー id（小文字）を送信してください',
  ),
  s306240010: codeOf(
    400,
    '账套 dataCenterId 缺失或不存在',
    '帳套 dataCenterId 缺少或不存在',
    'dataCenterId is required or unknown',
    'dataCenterId が必要であるか、存在しません',
  ),
  s306240011: codeOf(
    409,
    '此 Idempotency-Key 已用于另一个请求',
    '此 Idempotency-Key 已用於另一個請求',
    'This Idempotency-Key was used with another body',
    'この Idempotency-Key は別の本文で使用済みです',
  ),
  s306240100: codeOf(401, '认证未通过', '驗證未通過', 'The token was refused', 'トークンが拒否されました'),
  s306240201: codeOf(
    200,
    '数据已保存，但集成流执行失败',
    '資料已儲存，但整合流程執行失敗',
    'Stored, but a flow failed',
    '保存されましたが、連携フローが失敗しました',
  ),
  s306240202: codeOf(
    200,
    '数据已保存，但未在时限内同步完成',
    '資料已儲存，但未在時限內同步完成',
    'Stored, but not synchronised in time',
    '保存されましたが、時間内に同期が完了しませんでした',
  ),
  s306240429: codeOf(
    429,
    '请求过于频繁，请稍后再试',
    '請求過於頻繁，請稍後再試',
    'Too many requests; try again later',
    'リクエストが多すぎます。しばらくしてから再試行してください',
  ),
  s306240503: codeOf(
    503,
    '暂时无法写入缓存表，数据未保存，请稍后再试',
    '暫時無法寫入緩存表，資料未儲存，請稍後再試',
    'The buffer cannot be written now; nothing was stored; try again later',
    '現在バッファーに書き込めません。データは保存されていません。しばらくしてから再試行してください',
  ),
} as const

export type Code = keyof typeof codes
export const success: Code = 's106240000'

/** A sentence in four languages. */
export const to = (zh_CN: string, zh_TW: string, en_US: string, ja_JP: string): Sentences => ({
  zh_CN,
  zh_TW,
  en_US,
  ja_JP,
})

/** What exactly was wrong; follows the code's sentence. */
export const reasons = {
  syntax: to(
    '第 {line} 行第 {column} 列（字节 {offset}）',
    '第 {line} 行第 {column} 欄（位元組 {offset}）',
    'line {line}, column {column} (byte {offset})',
    '{line} 行 {column} 列（バイト {offset}）',
  ),
  end: to(
    '在第 {line} 行第 {column} 列（字节 {offset}）处意外结束',
    '在第 {line} 行第 {column} 欄（位元組 {offset}）處意外結束',
    'it ends too early, at line {line}, column {column} (byte {offset})',
    '{line} 行 {column} 列（バイト {offset}）で途切れています',
  ),
  duplicate: to(
    '键重复：{path}（第 {line} 行第 {column} 列）',
    '鍵重複：{path}（第 {line} 行第 {column} 欄）',
    'duplicate key {path} (line {line}, column {column})',
    'キーが重複しています：{path}（{line} 行 {column} 列）',
  ),
  nul: to(
    '{path} 含有 \\u0000（第 {line} 行第 {column} 列）',
    '{path} 含有 \\u0000（第 {line} 行第 {column} 欄）',
    '{path} contains \\u0000 (line {line}, column {column})',
    '{path} に \\u0000 が含まれています（{line} 行 {column} 列）',
  ),
  surrogate: to(
    '{path} 含有不成对的代理字符（第 {line} 行第 {column} 列）',
    '{path} 含有不成對的代理字元（第 {line} 行第 {column} 欄）',
    '{path} contains a lone surrogate (line {line}, column {column})',
    '{path} に孤立したサロゲートが含まれています（{line} 行 {column} 列）',
  ),
  utf8: to(
    '{path} 不是有效的 UTF-8（第 {line} 行第 {column} 列）',
    '{path} 不是有效的 UTF-8（第 {line} 行第 {column} 欄）',
    '{path} is not valid UTF-8 (line {line}, column {column})',
    '{path} は有効な UTF-8 ではありません（{line} 行 {column} 列）',
  ),
  encoding: to(
    '无法按 Content-Encoding {value} 解码',
    '無法按 Content-Encoding {value} 解碼',
    'it cannot be decoded as Content-Encoding {value}',
    'Content-Encoding {value} としてデコードできません',
  ),
  incomplete: to(
    '请求体不完整',
    '請求內容不完整',
    'the body did not arrive completely',
    '本文が最後まで届きませんでした',
  ),
  shape: to(
    '{path} 缺失或类型不符（应为 {expected}）',
    '{path} 缺少或類型不符（應為 {expected}）',
    '{path} is missing or wrong (wanted: {expected})',
    '{path} がないか、型が違います（必要：{expected}）',
  ),
  reserved: to(
    '{path} 使用了保留键名',
    '{path} 使用了保留鍵名',
    '{path} is a reserved key',
    '{path} は予約済みのキーです',
  ),
  missing: to('缺少 {header}', '缺少 {header}', '{header} is missing', '{header} がありません'),
  empty: to('{header} 为空', '{header} 為空', '{header} is empty', '{header} が空です'),
  repeated: to('{header} 重复', '{header} 重複', '{header} is repeated', '{header} が重複しています'),
  long: to(
    '{header} 超过 128 个字符',
    '{header} 超過 128 個字元',
    '{header} is longer than 128 characters',
    '{header} が 128 文字を超えています',
  ),
  malformed: to(
    'HTTP 请求格式错误（{value}）',
    'HTTP 請求格式錯誤（{value}）',
    'the HTTP request is malformed ({value})',
    'HTTP リクエストの形式が不正です（{value}）',
  ),
  object: to('{value}', '{value}', '{value}', '{value}'),
  undecodable: to(
    '{header} 不是有效的 UTF-8 或百分号编码',
    '{header} 不是有效的 UTF-8 或百分號編碼',
    '{header} is neither UTF-8 nor percent-encoded UTF-8',
    '{header} が UTF-8 でもパーセントエンコードでもありません',
  ),
  differ: to(
    '请求头为 {header}，请求体为 {body}',
    '請求標頭為 {header}，請求內容為 {body}',
    'the header says {header}, the body says {body}',
    'ヘッダーは {header}、本文は {body} です',
  ),
  value: to('{header}: {value}', '{header}: {value}', '{header}: {value}', '{header}: {value}'),
  wire: to('超过 5 MB', '超過 5 MB', 'more than 5 MB', '5 MB を超えています'),
  inflated: to('解压后超过 20 MB', '解壓後超過 20 MB', 'more than 20 MB when inflated', '展開後に 20 MB を超えます'),
  depth: to(
    '嵌套超过 64 层：{path}',
    '巢狀超過 64 層：{path}',
    'nested deeper than 64: {path}',
    '入れ子が 64 階層を超えています：{path}',
  ),
  nodes: to('超过 200000 个节点', '超過 200000 個節點', 'more than 200,000 nodes', '200,000 ノードを超えています'),
  events: to('超过 500 个事件', '超過 500 個事件', 'more than 500 events', '500 件を超えるイベント'),
  centerRequired: to(
    '该租户有多个账套，必须填写',
    '該租戶有多個帳套，必須填寫',
    'the tenant has several connections, one must be named',
    'テナントに複数の接続があるため、指定が必要です',
  ),
  centerNone: to(
    '该租户没有 ERP 连接器',
    '該租戶沒有 ERP 連接器',
    'the tenant has no ERP connection',
    'テナントに ERP コネクションがありません',
  ),
  centerUnknown: to('{value} 不存在', '{value} 不存在', '{value} is unknown', '{value} は存在しません'),
  flow: to('{flow}（{reason}）', '{flow}（{reason}）', '{flow} ({reason})', '{flow}（{reason}）'),
  tenant: to(
    '{path} 与此地址的租户不符',
    '{path} 與此位址的租戶不符',
    '{path} is not the tenant of this address',
    '{path} がこのアドレスのテナントと一致しません',
  ),
} as const satisfies Record<string, Sentences>

export type Reason = keyof typeof reasons
export type Values = Readonly<Record<string, string | number>>

/** Expected trouble at a door: a code, the reason, and what fills its placeholders. */
export interface Refusal {
  refused: true
  code: Code
  reason?: Reason
  values?: Values
  /** Seconds, for `Retry-After`. */
  retryAfter?: number
}

export const refusal = (code: Code, reason?: Reason, values?: Values, retryAfter?: number): Refusal => ({
  refused: true,
  code,
  reason,
  values,
  retryAfter,
})

export const isRefusal = <T extends object>(result: T | Refusal): result is Refusal => 'refused' in result

const shown = 160
/** What a sender sent is shown back to him only this far, and always as well-formed text. */
const clip = (text: string): string => (text.length > shown ? `${text.slice(0, shown)}…` : text).toWellFormed()

export const fill = (sentence: string, values: Values): string =>
  sentence.replace(/\{(\w+)\}/g, (whole, key: string) => (key in values ? clip(String(values[key])) : whole))

/** The whole sentence of a refusal: what the code says, then the reason with its values. */
export const sentenceOf = ({ code, reason, values }: Refusal, locale: Locale): string => {
  const sentence = codes[code].sentence[locale]
  if (reason === undefined) return sentence
  const mark = locale === 'en_US' ? ': ' : '：'
  return `${sentence}${mark}${fill(reasons[reason][locale], values ?? {})}`
}
