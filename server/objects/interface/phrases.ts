/** What 生成 api says beside an object's own names, in the product's four languages. */
import type { Locale, Sentences } from '../../../protocol/codes.ts'

const to = (zh_CN: string, zh_TW: string, en_US: string, ja_JP: string): Sentences => ({ zh_CN, zh_TW, en_US, ja_JP })

export const languageNames: Record<Locale, string> = {
  zh_CN: '简体中文',
  zh_TW: '繁體中文',
  en_US: 'English',
  ja_JP: '日本語',
}

/** The value of the attribute `lang`. */
export const languageTags: Record<Locale, string> = { zh_CN: 'zh-CN', zh_TW: 'zh-TW', en_US: 'en', ja_JP: 'ja' }

export const phrases = {
  title: to('{object} 的接口', '{object} 的介面', 'The interface of {object}', '{object} のインターフェース'),
  intro: to(
    '本页由对象的声明生成。字段名、编码与地址均为真实值；示例值和大写的占位符（如 TOKEN）请自行替换。',
    '本頁由物件的宣告產生。欄位名、編碼與位址均為真實值；範例值與大寫的佔位符（如 TOKEN）請自行替換。',
    'Made from the declaration of the object. Field names, codes and addresses are the real ones; replace the example values and the placeholders in capitals, such as TOKEN.',
    'オブジェクトの定義から生成されています。項目名・コード・アドレスは実際のものです。例の値と TOKEN などの大文字の仮の値は置き換えてください。',
  ),
  object: to('对象编码', '物件編碼', 'Object code', 'オブジェクトコード'),
  apiName: to('对象 apiName', '物件 apiName', 'apiName', 'apiName'),
  idField: to('主键字段', '主鍵欄位', 'Id field', 'ID 項目'),
  modifiedField: to('修改时间字段', '修改時間欄位', 'Modified-time field', '更新日時項目'),
  externalIdField: to(
    '存放对方编号的字段',
    '存放對方編號的欄位',
    'Field for the other side’s id',
    '相手側 ID を保持する項目',
  ),
  fields: to('字段', '欄位', 'Fields', '項目'),
  detail: to('明细 {detail}', '明細 {detail}', 'Detail {detail}', '明細 {detail}'),
  code: to('编码', '編碼', 'Code', 'コード'),
  name: to('名称', '名稱', 'Name', '名称'),
  type: to('类型', '類型', 'Type', '型'),
  required: to('必填', '必填', 'Required', '必須'),
  example: to('示例', '範例', 'Example', '例'),
  more: to('说明', '說明', 'Notes', '備考'),
  yes: to('是', '是', 'yes', 'はい'),
  no: to('否', '否', 'no', 'いいえ'),
  value: to('值', '值', 'Value', '値'),
  headers: to('请求头', '請求標頭', 'Headers', 'ヘッダー'),
  query: to('查询参数', '查詢參數', 'Query parameters', 'クエリパラメーター'),
  body: to('请求体', '請求內容', 'Body', '本文'),
  answer: to('应答', '回應', 'Answer', '応答'),
  curl: to('cURL', 'cURL', 'cURL', 'cURL'),
  contents: to('目录', '目錄', 'Contents', '目次'),
  offers: to(
    '一、该系统需要提供的接口（由 Mortise 调用）',
    '一、該系統需要提供的介面（由 Mortise 呼叫）',
    '1. What this system must offer (Mortise calls it)',
    '1. このシステムが提供するインターフェース（Mortise が呼び出します）',
  ),
  calls: to(
    '二、该系统可以调用的接口（由 Mortise 提供）',
    '二、該系統可以呼叫的介面（由 Mortise 提供）',
    '2. What this system may call (Mortise offers it)',
    '2. このシステムが呼び出せるインターフェース（Mortise が提供します）',
  ),
  codes: to('返回码', '回傳碼', 'Answer codes', '応答コード'),
  resCodes: to(
    '主数据接口的返回码',
    '主資料介面的回傳碼',
    'Codes of the master-data interface',
    'マスターデータのコード',
  ),

  // ── what the ERP must offer ──
  create: to('创建接口', '建立介面', 'Create', '作成'),
  createSay: to(
    '对方系统新增数据时调用。应答须带新数据的主键 masterDataId，以及各明细行的编号（按行的顺序）。',
    '對方系統新增資料時呼叫。回應須帶新資料的主鍵 masterDataId，以及各明細列的編號（按列的順序）。',
    'Called when the other system has a new record. The answer must carry the id of the new record as masterDataId, and the ids of the detail rows in the order of the rows.',
    '相手システムでレコードが新規作成されたときに呼び出します。応答には新しい ID（masterDataId）と、行の順に並んだ明細行の ID が必要です。',
  ),
  update: to('修改接口', '修改介面', 'Update', '更新'),
  updateSay: to(
    '请求体与创建相同；主键在 masterFieldVal.{idField} 和请求头 id 中，明细行的编号在各行的主键字段中。没有出现的字段保持不变；出现的明细整体替换。',
    '請求內容與建立相同；主鍵在 masterFieldVal.{idField} 和請求標頭 id 中，明細列的編號在各列的主鍵欄位中。沒有出現的欄位保持不變；出現的明細整體替換。',
    'The body of a create; the id stands in masterFieldVal.{idField} and in the header id, ids of detail rows in the id field of each row. A field that is absent stays; a detail that is there is replaced as a whole.',
    '本文は作成と同じです。ID は masterFieldVal.{idField} とヘッダー id に、明細行の ID は各行の ID 項目に入ります。ない項目はそのまま、ある明細は全体を置き換えます。',
  ),
  queryMasterBatch: to('批量查询接口', '批次查詢介面', 'Batch query', '一括照会'),
  queryMasterBatchSay: to(
    '返回在时间段内变更过的数据（含作废），时间为 Unix 毫秒。offset 为跳过的行数，从 0 开始；少于 limit 行即为最后一页。顺序须稳定。',
    '傳回在時間段內變更過的資料（含作廢），時間為 Unix 毫秒。offset 為略過的列數，從 0 開始；少於 limit 列即為最後一頁。順序須穩定。',
    'Answers the records that were changed in the window (voided ones too); times are Unix milliseconds. offset counts rows from 0; fewer rows than limit mean the last page. The order must be steady.',
    '期間内に変更されたレコード（無効化を含む）を返します。時刻は Unix ミリ秒です。offset は 0 からの行数、limit より少なければ最終ページです。順序は一定でなければなりません。',
  ),
  queryMasterById: to('单个查询接口', '單筆查詢介面', 'Single query', '単一照会'),
  queryMasterByIdSay: to(
    '按主键返回一条数据；没有这条数据时，data 为 null。',
    '按主鍵傳回一筆資料；沒有這筆資料時，data 為 null。',
    'Answers one record by its id; data is null where there is no such record.',
    'ID でレコードを 1 件返します。存在しない場合 data は null です。',
  ),
  invalid: to('作废接口', '作廢介面', 'Void', '無効化'),
  invalidSay: to(
    '仅在集成流以 invalid 方式作废时调用。对已作废的数据再次作废应视为成功。',
    '僅在整合流程以 invalid 方式作廢時呼叫。對已作廢的資料再次作廢應視為成功。',
    'Called only where a flow voids by invalid. To void a record that is void already is a success.',
    '連携フローが invalid で無効化する場合のみ呼び出します。無効化済みのレコードへの再実行は成功として扱ってください。',
  ),
  answerFailed: to('失败时', '失敗時', 'When it fails', '失敗の場合'),
  refusalMessage: to('供人阅读的原因', '供人閱讀的原因', 'the reason, for people to read', '人が読むための理由'),
  successRule: to(
    '成功的判定：{codePath} 为 {codes}。其他值即失败，{messagePath} 会显示给操作人员。',
    '成功的判定：{codePath} 為 {codes}。其他值即失敗，{messagePath} 會顯示給操作人員。',
    'Success means that {codePath} is {codes}. Anything else is a failure, and {messagePath} is shown to people.',
    '{codePath} が {codes} のとき成功です。それ以外は失敗となり、{messagePath} が担当者に表示されます。',
  ),
  idempotency: to(
    '请求头 Idempotency-Key 对同一请求的每次重发都相同：能识别它的系统应返回首次的应答，不重复处理。不识别也可以。',
    '請求標頭 Idempotency-Key 對同一請求的每次重發都相同：能識別它的系統應傳回首次的回應，不重複處理。不識別也可以。',
    'The header Idempotency-Key is the same on each resend of one request: a system that knows it answers what it answered first, and does nothing again. It may be ignored.',
    'ヘッダー Idempotency-Key は同じリクエストの再送で同一です。対応するシステムは最初の応答を返し、再処理しません。無視しても構いません。',
  ),
  digits: to(
    '金额与长编号请原样保留：不要经过浮点数。',
    '金額與長編號請原樣保留：不要經過浮點數。',
    'Keep amounts and long ids digit for digit: never through a floating-point number.',
    '金額や長い番号は桁をそのまま保持し、浮動小数点を経由しないでください。',
  ),

  // ── what it may call ──
  push: to('推送（标准格式）', '推送（標準格式）', 'Push, standard format', 'プッシュ（標準形式）'),
  pushSay: to(
    '新增或修改数据后调用。带请求头 id（小写）即为标准格式。成功的应答表示数据已保存；此后的处理是异步的，失败见数据维护。',
    '新增或修改資料後呼叫。帶請求標頭 id（小寫）即為標準格式。成功的回應表示資料已儲存；此後的處理是非同步的，失敗見資料維護。',
    'Call it after a record was made or changed. The header id (lower case) makes it the standard format. A success says that the record is stored; what follows is asynchronous, and failures are shown under Data maintenance.',
    'レコードの作成・変更後に呼び出します。ヘッダー id（小文字）があると標準形式です。成功の応答は保存されたことを意味し、その後の処理は非同期です。失敗はデータメンテナンスに表示されます。',
  ),
  pushOther: to('推送（非标准格式）', '推送（非標準格式）', 'Push, other formats', 'プッシュ（非標準形式）'),
  pushOtherSay: to(
    '不带请求头 id，请求体可以是 JSON、XML 或文本；由该对象的推送接口函数转换。没有函数的对象会拒绝（s306240009）。',
    '不帶請求標頭 id，請求內容可以是 JSON、XML 或文字；由該物件的推送介面函式轉換。沒有函式的物件會拒絕（s306240009）。',
    'Without the header id the body may be JSON, XML or text: the receive function of the object turns it into records. An object without one refuses it (s306240009).',
    'ヘッダー id なしでは本文は JSON・XML・テキストのいずれでもよく、オブジェクトの受信関数が変換します。関数がなければ拒否されます（s306240009）。',
  ),
  pushVoid: to('推送作废', '推送作廢', 'Push a void', '無効化のプッシュ'),
  pushVoidSay: to(
    '数据作废后调用：operationType 为 3，只需要请求头 id，请求体可以为空。',
    '資料作廢後呼叫：operationType 為 3，只需要請求標頭 id，請求內容可以為空。',
    'Call it after a record was voided: operationType is 3, only the header id is needed, the body may be empty.',
    'レコードの無効化後に呼び出します。operationType は 3、必要なのはヘッダー id のみで、本文は空で構いません。',
  ),
  alias: to('推送（另一地址）', '推送（另一位址）', 'Push, the other address', 'プッシュ（別アドレス）'),
  aliasSay: to(
    '与标准推送相同，租户由令牌决定。errorCode 为返回码去掉 s 的数字，成功为 0。',
    '與標準推送相同，租戶由權杖決定。errorCode 為回傳碼去掉 s 的數字，成功為 0。',
    'The same as the standard push; the token tells the tenant. errorCode is the code without its s, and 0 for success.',
    '標準プッシュと同じで、テナントはトークンで決まります。errorCode はコードから s を除いた数字、成功は 0 です。',
  ),
  hook: to('变更事件', '變更事件', 'Change event', '変更イベント'),
  hookSay: to(
    '数据变更后调用。不带 masterFieldVal 的事件只是提示，Mortise 会按 dataId 读取这条数据。',
    '資料變更後呼叫。不帶 masterFieldVal 的事件只是提示，Mortise 會按 dataId 讀取這筆資料。',
    'Call it after a record was changed. An event without masterFieldVal is a hint: Mortise reads the record by dataId.',
    'レコードの変更後に呼び出します。masterFieldVal のないイベントは通知のみで、Mortise が dataId で読み取ります。',
  ),
  batchToken: to('主数据：取得令牌', '主資料：取得權杖', 'Master data: get a token', 'マスターデータ：トークンの取得'),
  batchTokenSay: to(
    '有效期为 expires_in 秒。',
    '有效期為 expires_in 秒。',
    'It is valid for expires_in seconds.',
    'expires_in 秒間有効です。',
  ),
  batch: to('主数据批量同步', '主資料批次同步', 'Master data: send a batch', 'マスターデータ：一括送信'),
  batchSay: to(
    '一次至多 10000 行；200 行以内直接返回每一行的结果，更多时结果发往 url。bizId 每批唯一。',
    '一次至多 10000 列；200 列以內直接傳回每一列的結果，更多時結果發往 url。bizId 每批唯一。',
    'Up to 10,000 rows; up to 200 are answered row by row at once, the result of more goes to url. bizId is unique per batch.',
    '1 回に最大 10,000 行。200 行までは即時に行ごとの結果を返し、それ以上は url に送ります。bizId はバッチごとに一意です。',
  ),

  // ── headers and parameters ──
  hToken: to('认证字符串', '驗證字串', 'proves who calls', '認証文字列'),
  hTokenAsk: to(
    '认证字符串，请向 Mortise 的管理员索取',
    '驗證字串，請向 Mortise 的管理員索取',
    'proves who calls; ask the administrator of Mortise for it',
    '認証文字列。Mortise の管理者に依頼してください',
  ),
  hTenant: to('租户', '租戶', 'tenant', 'テナント'),
  hCenter: to(
    '账套；租户有多个 ERP 连接器时必填',
    '帳套；租戶有多個 ERP 連接器時必填',
    'account set; required where the tenant has several ERP connections',
    'アカウントセット。ERP コネクションが複数ある場合は必須',
  ),
  hObject: to('对象编码', '物件編碼', 'code of the object', 'オブジェクトコード'),
  hVersion: to('版本，固定为 v1', '版本，固定為 v1', 'version, always v1', 'バージョン、常に v1'),
  hOperation: to(
    '3 为作废；其他情况不要发送',
    '3 為作廢；其他情況不要傳送',
    '3 voids; otherwise leave it out',
    '3 は無効化。それ以外は送信しない',
  ),
  hId: to('数据的主键', '資料的主鍵', 'id of the record', 'レコードの ID'),
  hDirect: to(
    'true：等待同步完成，至多 10 秒',
    'true：等待同步完成，至多 10 秒',
    'true: waits until it is synchronised, ten seconds at most',
    'true：同期完了まで最大 10 秒待つ',
  ),
  hIdempotency: to(
    '每个请求一个随机值，重发时相同',
    '每個請求一個隨機值，重發時相同',
    'random per request, the same on each resend',
    'リクエストごとの乱数、再送時は同一',
  ),
  hLocale: to(
    '应答的语言：zh_CN、zh_TW、en_US、ja_JP',
    '回應的語言：zh_CN、zh_TW、en_US、ja_JP',
    'language of the answer: zh_CN, zh_TW, en_US, ja_JP',
    '応答の言語：zh_CN、zh_TW、en_US、ja_JP',
  ),
  hRequest: to('调用编号', '呼叫編號', 'number of the call', '呼び出し番号'),
  hContent: to('数据格式', '資料格式', 'format', 'データ形式'),
  hConnection: to(
    '按连接器的配置发送',
    '按連接器的設定傳送',
    'sent as the connection is configured',
    'コネクションの設定どおりに送信',
  ),
  hSignature: to(
    '按连接器的配置计算的签名',
    '按連接器的設定計算的簽章',
    'signature, as the connection is configured',
    'コネクションの設定による署名',
  ),
  qObject: to('对象', '物件', 'the object', 'オブジェクト'),
  qStart: to(
    '变更开始时间（毫秒，含）',
    '變更開始時間（毫秒，含）',
    'changed from (ms, inclusive)',
    '変更の開始時刻（ミリ秒、含む）',
  ),
  qEnd: to('变更结束时间（毫秒）', '變更結束時間（毫秒）', 'changed before (ms)', '変更の終了時刻（ミリ秒）'),
  qDetail: to('同时返回明细', '同時傳回明細', 'with details', '明細を含む'),
  qOffset: to('跳过的行数', '略過的列數', 'rows to skip', 'スキップする行数'),
  qLimit: to('至多返回的行数', '至多傳回的列數', 'rows at most', '最大行数'),
  qDataId: to('数据的主键', '資料的主鍵', 'id of the record', 'レコードの ID'),
  qThird: to(
    '您方的调用编号，任意',
    '您方的呼叫編號，任意',
    'your own number of the call, anything',
    '呼び出し側の任意の番号',
  ),

  // ── fields ──
  fText: to('文本', '文字', 'text', 'テキスト'),
  fDecimal: to('小数', '小數', 'decimal number', '小数'),
  fInteger: to('整数', '整數', 'whole number', '整数'),
  fBool: to('布尔', '布林', 'true or false', '真偽'),
  fDate: to('日期', '日期', 'date', '日付'),
  fDatetime: to('日期时间', '日期時間', 'date and time', '日時'),
  fSelect: to('单选', '單選', 'one option', '単一選択'),
  fMultiselect: to('多选', '多選', 'several options', '複数選択'),
  fReference: to('引用', '引用', 'reference', '参照'),
  fPerson: to('人员', '人員', 'person', '担当者'),
  fDepartment: to('部门', '部門', 'department', '部門'),
  fAttachment: to('附件', '附件', 'attachment', '添付'),
  nId: to(
    '主键，由该系统给出',
    '主鍵，由該系統給出',
    'the record’s id, given by this system',
    'このシステムが採番する ID',
  ),
  nRowId: to(
    '行的编号，由该系统给出',
    '列的編號，由該系統給出',
    'the row’s id, given by this system',
    'このシステムが採番する行 ID',
  ),
  nModified: to(
    '修改时间，由该系统给出',
    '修改時間，由該系統給出',
    'modified time, given by this system',
    'このシステムが設定する更新日時',
  ),
  nExternal: to('对方系统的编号', '對方系統的編號', 'the other system’s id', '相手システムの ID'),
  nLength: to('至多 {length} 字节', '至多 {length} 位元組', 'at most {length} bytes', '最大 {length} バイト'),
  nOptions: to('取值：{options}', '取值：{options}', 'one of {options}', '値：{options}'),
  nReference: to('{object} 的主键', '{object} 的主鍵', 'id of a {object}', '{object} の ID'),
  nFormat: to('格式 {format}', '格式 {format}', 'format {format}', '書式 {format}'),
} as const satisfies Record<string, Sentences>

export type Phrase = keyof typeof phrases
export type Say = (phrase: Phrase, values?: Readonly<Record<string, string>>) => string

export const sayIn =
  (locale: Locale): Say =>
  (phrase, values = {}) =>
    phrases[phrase][locale].replace(/\{(\w+)\}/g, (whole, key: string) => values[key] ?? whole)
