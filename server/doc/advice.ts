/** What to do about a fault, in the product's four languages: one sentence per code of the catalogue (fault.ts). */
import { type Locale, locales } from '../../protocol/codes.ts'
import type { FaultCode } from './fault.ts'

/** In the order of `locales`. */
const advices: Record<FaultCode, readonly [string, string, string, string]> = {
  'map.required': [
    '在来源补填该字段，或为规则设置 default，然后重试。',
    '在來源補填該欄位，或為規則設定 default，然後重試。',
    'Fill the field at the source, or give the rule a default; then retry.',
    'ソース側で項目を入力するか、ルールに default を設定して再試行してください。',
  ],
  'map.type': [
    '在来源更正该值，或修改对象中该字段的类型或格式。',
    '在來源更正該值，或修改物件中該欄位的類型或格式。',
    'Correct the value at the source, or the field’s type or format in the object.',
    'ソース側の値、またはオブジェクトの項目の型や書式を修正してください。',
  ],
  'map.option': [
    '在映射规则中加入该选项并应用配置，然后重试整组。',
    '在對應規則中加入該選項並套用設定，然後重試整組。',
    'Add the option to the mapping rule, apply, then retry the whole group.',
    'マッピングルールに選択肢を追加して適用し、グループ全体を再試行してください。',
  ],
  'map.length': [
    '在来源缩短该值，或更正声明的长度。',
    '在來源縮短該值，或更正宣告的長度。',
    'Shorten the value at the source, or correct the declared length.',
    'ソース側の値を短くするか、宣言した長さを修正してください。',
  ],
  'map.path': [
    '用 mortise show 查看真实数据，与规则的路径对照。',
    '用 mortise show 查看真實資料，與規則的路徑對照。',
    'Compare the rule’s path with a real record (mortise show).',
    'mortise show で実データを確認し、ルールのパスと比べてください。',
  ],
  'map.reference': [
    '通常无需处理，被引用的数据建立映射后会自动继续；若一直不来，请从来源发送它，或更改规则的 missing。',
    '通常無需處理，被引用的資料建立對應後會自動繼續；若一直不來，請從來源傳送它，或更改規則的 missing。',
    'Usually nothing: it goes on once the referred record is mapped. If that never comes, send it, or choose another missing policy.',
    '通常は不要です。参照先が対応付けられると自動で続行します。来ない場合は送信するか、missing を変更してください。',
  ],
  'wait.create': [
    '无需处理：查清该新增的结果后自动继续。',
    '無需處理：查清該新增的結果後自動繼續。',
    'Nothing: it goes on once that create has been looked up.',
    '対応は不要です。その新規作成の結果が分かると続行します。',
  ],
  'wait.cycle': [
    '为其中一个引用设置 missing: later，该引用将由随后的更新填入。',
    '為其中一個引用設定 missing: later，該引用將由隨後的更新填入。',
    'Set missing: later on one of the references; an update fills it afterwards.',
    '参照の一つに missing: later を設定してください。後の更新で補われます。',
  ],
  'wait.expired': [
    '查看被引用的数据（mortise show），发送它，然后重试本条。',
    '查看被引用的資料（mortise show），傳送它，然後重試本筆。',
    'See what became of the referred record, send it, then retry this one.',
    '参照先のレコードを確認して送信し、このレコードを再試行してください。',
  ],
  'send.refused': [
    '按对方的提示处理，然后重试。',
    '按對方的提示處理，然後重試。',
    'Act on the target’s words, then retry.',
    '相手システムのメッセージに従って対処し、再試行してください。',
  ],
  'send.again': [
    '无需处理：会自动重试。',
    '無需處理：會自動重試。',
    'Nothing: it is repeated by itself.',
    '対応は不要です。自動で再試行します。',
  ],
  'send.connection': [
    '可自行恢复时无需处理；否则检查 baseUrl、网络与证书。',
    '可自行恢復時無需處理；否則檢查 baseUrl、網路與憑證。',
    'Nothing while it heals; else check baseUrl, network and certificate.',
    '回復中は不要です。続く場合は baseUrl、ネットワーク、証明書を確認してください。',
  ],
  'send.limited': [
    '无需处理：到时自动继续；若对方允许，可提高 limits。',
    '無需處理：到時自動繼續；若對方允許，可提高 limits。',
    'Nothing: it goes on in time; raise limits if the target allows more.',
    '対応は不要です。時間が来れば続行します。相手が許せば limits を上げられます。',
  ],
  'send.quota': [
    '无需处理，次日自动继续；若经常用尽，请提高 perDay 或与对方商议配额。',
    '無需處理，次日自動繼續；若經常用盡，請提高 perDay 或與對方商議配額。',
    'Nothing: it goes on the next day. Where that happens often, raise perDay or ask the target for a larger quota.',
    '対応は不要です。翌日に自動で再開します。頻繁に使い切る場合は perDay を上げるか、相手先に割当の増加を相談してください。',
  ],
  'send.quiet': [
    '无需处理，静默时段结束后自动继续。',
    '無需處理，靜默時段結束後自動繼續。',
    'Nothing: it goes on when the quiet hours end.',
    '対応は不要です。静止時間が終わると自動で再開します。',
  ],
  'send.token': [
    '检查连接 auth 中的 tokenUrl、clientId 与密钥；修正后自动继续。',
    '檢查連線 auth 中的 tokenUrl、clientId 與密鑰；修正後自動繼續。',
    'Check tokenUrl, clientId and the secret in the connection’s auth; once they are right it goes on by itself.',
    '接続の auth の tokenUrl、clientId、シークレットを確認してください。正しくなれば自動で再開します。',
  ],
  'send.breaker': [
    '修复目标系统；探测成功后自动继续。',
    '修復目標系統；探測成功後自動繼續。',
    'Mend the target; it goes on once a probe succeeds.',
    '相手システムを復旧してください。確認に成功すると続行します。',
  ],
  'send.timeout': [
    '无需处理：先查清结果再继续；经常发生时提高该连接的 timeout。',
    '無需處理：先查清結果再繼續；經常發生時提高該連線的 timeout。',
    'Nothing: the outcome is looked up first. If it happens often, raise the connection’s timeout.',
    '対応は不要です。先に結果を確認します。頻発する場合は timeout を延ばしてください。',
  ],
  'send.cut': [
    '无需处理：先查清结果再继续；经常发生时检查中间的代理。',
    '無需處理：先查清結果再繼續；經常發生時檢查中間的代理。',
    'Nothing: the outcome is looked up first. If it happens often, look at proxies in between.',
    '対応は不要です。先に結果を確認します。頻発する場合は途中のプロキシを確認してください。',
  ],
  'send.status': [
    '用该次调用的 trace id 查看目标系统的日志。',
    '用該次呼叫的 trace id 查看目標系統的記錄。',
    'Look at the target’s own log with the trace id of the call.',
    '呼び出しの trace id で相手システムのログを確認してください。',
  ],
  'send.contract': [
    '将连接的 result 与目标系统的真实应答对照。',
    '將連線的 result 與目標系統的真實回應對照。',
    'Compare result of the connection with what the target really answers.',
    'コネクションの result を実際の応答と比べてください。',
  ],
  'send.noId': [
    '目标系统必须在新增的应答中返回 masterDataId。',
    '目標系統必須在新增的回應中傳回 masterDataId。',
    'The target must answer masterDataId to a create.',
    '相手システムは新規作成の応答で masterDataId を返す必要があります。',
  ],
  'send.rowIds': [
    '检查目标系统是否丢失明细行；修复后重试，会重新发送全部明细。',
    '檢查目標系統是否遺失明細列；修復後重試，會重新傳送全部明細。',
    'Look whether the target drops rows; a retry sends all rows again.',
    '相手システムが明細行を落としていないか確認してください。再試行で全行を送り直します。',
  ],
  'send.egress': ['更正 baseUrl。', '更正 baseUrl。', 'Correct baseUrl.', 'baseUrl を修正してください。'],
  'send.closed': ['无需处理。', '無需處理。', 'Nothing.', '対応は不要です。'],
  'resolve.cannotTell': [
    '无需处理：会再次查看；72 小时后须由人判定。',
    '無需處理：會再次查看；72 小時後須由人判定。',
    'Nothing: it is looked at again; after 72 hours a person has to say.',
    '対応は不要です。再確認します。72 時間を過ぎると人の判断が必要です。',
  ],
  'resolve.none': [
    '在目标系统中查找，然后用 mortise retry <id> --bind <目标 id> 或 --absent 说明结果。',
    '在目標系統中查找，然後用 mortise retry <id> --bind <目標 id> 或 --absent 說明結果。',
    'Look into the target, then say what became of it: mortise retry <id> --bind <target id>, or --absent.',
    '相手システムを確認し、mortise retry <id> --bind <相手 id> または --absent で結果を伝えてください。',
  ],
  'resolve.unreadable': [
    '读取失败会自动重试；否则到目标系统中查看。',
    '讀取失敗會自動重試；否則到目標系統中查看。',
    'Failed reads are repeated; else look into the target.',
    '読み取り失敗は自動で繰り返します。それ以外は相手システムを確認してください。',
  ],
  'conflict.several': [
    '在目标系统中合并或更正重复的数据，然后重试。',
    '在目標系統中合併或更正重複的資料，然後重試。',
    'Merge or correct the records in the target, then retry.',
    '相手システムで重複を統合または修正し、再試行してください。',
  ],
  'conflict.restored': [
    '比较两侧的数据，然后用 mortise retry <id> --side left 或 right 发送应保留的一侧。',
    '比較兩側的資料，然後用 mortise retry <id> --side left 或 right 傳送應保留的一側。',
    'Look at both sides; then mortise retry <id> --side left or right sends the one that counts.',
    '両側のデータを比べ、mortise retry <id> --side left または right で残す側を送信してください。',
  ],
  'conflict.both': [
    '指定以哪一侧为准：mortise retry <id> --side left（或 right）。',
    '指定以哪一側為準：mortise retry <id> --side left（或 right）。',
    'Say which side travels: mortise retry <id> --side left (or right).',
    'どちらの側を採用するか指定してください: mortise retry <id> --side left（または right）。',
  ],
  'conflict.id': [
    '查看目标系统中的两条数据，其中一条可能重复；用 mortise ids unbind 与 bind 更正映射。',
    '查看目標系統中的兩筆資料，其中一筆可能重複；用 mortise ids unbind 與 bind 更正對應。',
    'Look at both records in the target, one is probably a duplicate; correct the mapping with mortise ids unbind and bind.',
    '相手システムの両レコードを確認してください。片方は重複の可能性があります。mortise ids unbind と bind で修正できます。',
  ],
  'conflict.open': [
    '先处理所指的那条数据，再重试本条。',
    '先處理所指的那筆資料，再重試本筆。',
    'Settle the named record first, then retry this one.',
    '先に示されたレコードを解決し、その後このレコードを再試行してください。',
  ],
  'loop.flips': [
    '用 compare 声明双方如何改写该字段，或让一侧拥有该字段；然后重试。',
    '用 compare 宣告雙方如何改寫該欄位，或讓一側擁有該欄位；然後重試。',
    'Declare how the systems normalise (compare), or let one side own the field; then retry.',
    'compare で正規化を宣言するか、片側を項目の所有者にして再試行してください。',
  ],
  'void.repush': [
    '更改 repush 策略，或在来源也作废，然后重试。',
    '更改 repush 策略，或在來源也作廢，然後重試。',
    'Change the repush policy, or void it at the source as well; then retry.',
    'repush を変更するか、ソース側でも無効にして再試行してください。',
  ],
  'ladder.ended': [
    '排除最后的原因，然后重试：计时重新开始。',
    '排除最後的原因，然後重試：計時重新開始。',
    'Mend the last reason, then retry: the clock starts anew.',
    '最後の原因を取り除いて再試行してください。期限は最初から数え直します。',
  ],
  'config.flow': [
    '更正配置文件；mortise plan 会指出行号。',
    '更正設定檔；mortise plan 會指出行號。',
    'Correct the configuration file; mortise plan names the line.',
    '設定ファイルを修正してください。mortise plan が行を示します。',
  ],
  'config.connector': [
    '更正连接并应用配置。',
    '更正連線並套用設定。',
    'Correct the connection and apply.',
    'コネクションを修正して適用してください。',
  ],
  'config.auth': [
    '更新该连接的凭据并应用配置，然后重试整组。',
    '更新該連線的憑證並套用設定，然後重試整組。',
    'Renew the connection’s credentials, apply, then retry the whole group.',
    'コネクションの認証情報を更新して適用し、グループ全体を再試行してください。',
  ],
  'read.gone': [
    '无需处理；需要时手工作废。',
    '無需處理；需要時手動作廢。',
    'Nothing, or void it by hand.',
    '対応は不要です。必要なら手動で無効にしてください。',
  ],
  'read.failed': [
    '可自行恢复时无需处理；否则检查来源系统，再用 mortise retry --refetch 重新读取。',
    '可自行恢復時無需處理；否則檢查來源系統，再用 mortise retry --refetch 重新讀取。',
    'Nothing while it heals; else check the source, then read again with mortise retry --refetch.',
    '回復中は不要です。続く場合はソースを確認し、mortise retry --refetch で読み直してください。',
  ],
  'read.contract': [
    '将来源的应答与该对象的接口说明对照，更正来源。',
    '將來源的回應與該物件的介面說明對照，更正來源。',
    'Compare the source’s answer with what is documented for the object; mend the source.',
    'ソースの応答をオブジェクトの仕様と比べ、ソースを修正してください。',
  ],
  'decode.body': [
    '查看原始报文，更正其发送方。',
    '查看原始報文，更正其傳送方。',
    'See the raw body, and mend its sender.',
    '元の本文を確認し、送信側を修正してください。',
  ],
  bug: [
    '请附上 mortise show <id> 的输出报告问题；可以放心重试。',
    '請附上 mortise show <id> 的輸出回報問題；可以放心重試。',
    'Please report it with the output of mortise show <id>; a retry is safe.',
    'mortise show <id> の出力を添えて報告してください。再試行しても安全です。',
  ],
}

export const advice = (code: FaultCode, locale: Locale = 'en_US'): string =>
  advices[code][locales.indexOf(locale)] ?? advices[code][2]
