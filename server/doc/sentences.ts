/** What went wrong, in the three languages beside English (fault.ts): one sentence per code of the catalogue, with the same blanks. */
import type { Locale } from '../../protocol/codes.ts'
import type { FaultCode } from './fault.ts'

/** zh_CN, zh_TW, ja_JP. */
export const otherSentences: Record<FaultCode, readonly [string, string, string]> = {
  'map.required': [
    '字段 {field} 是目标必填的，但没有值。',
    '欄位 {field} 是目標必填的，但沒有值。',
    '項目 {field} は連携先で必須ですが、値がありません。',
  ],
  'map.type': [
    '字段 {field}：{value} 不是{expected}。',
    '欄位 {field}：{value} 不是{expected}。',
    '項目 {field}：{value} は{expected}ではありません。',
  ],
  'map.option': [
    '字段 {field}：选项 {value} 没有映射。',
    '欄位 {field}：選項 {value} 沒有對應。',
    '項目 {field}：選択肢 {value} がマッピングされていません。',
  ],
  'batch.waiting': [
    '该数据已放入批次（{value}），正在等待结果。',
    '該資料已放入批次（{value}），正在等待結果。',
    'データはバッチ（{value}）に入っており、結果を待っています。',
  ],
  'batch.row': [
    '目标拒绝了批次中的该行（{value}）：{said}',
    '目標拒絕了批次中的該列（{value}）：{said}',
    '連携先がバッチのこの行（{value}）を拒否しました：{said}',
  ],
  'batch.failed': [
    '目标未能处理该批次（{value}），其各行将再次发送。',
    '目標未能處理該批次（{value}），其各列將再次傳送。',
    '連携先がバッチ（{value}）を処理できませんでした。各行は再送されます。',
  ],
  'batch.refused': [
    '目标拒绝了整个批次（{value}）：{said}',
    '目標拒絕了整個批次（{value}）：{said}',
    '連携先がバッチ全体（{value}）を拒否しました：{said}',
  ],
  'batch.unplaced': [
    '目标提到的批次（{value}）行无法对应：{said}',
    '目標提到的批次（{value}）列無法對應：{said}',
    '連携先が示したバッチ（{value}）の行を特定できません：{said}',
  ],
  'batch.unanswered': [
    '目标已接收该批次（{value}），但始终没有告知结果。',
    '目標已接收該批次（{value}），但始終沒有告知結果。',
    '連携先はバッチ（{value}）を受け付けましたが、結果を通知しませんでした。',
  ],
  'send.format': [
    '要发送的内容无法以目标的格式表示：{said}（{value}）',
    '要傳送的內容無法以目標的格式表示：{said}（{value}）',
    '送信内容を連携先の形式で表せません：{said}（{value}）',
  ],
  'decode.reader': ['读取规则与报文不符：{said}', '讀取規則與報文不符：{said}', 'リーダーが本文に合いません：{said}'],
  'decode.nothing': [
    '该对象没有可用于此类报文的函数或读取规则。',
    '該物件沒有可用於此類報文的函式或讀取規則。',
    'このオブジェクトには、この種の本文のための関数もリーダーもありません。',
  ],
  'function.threw': ['函数 {value} 中止：{said}', '函式 {value} 中止：{said}', '関数 {value} が停止しました：{said}'],
  'function.line': [
    '函数 {value} 在第 {expected} 行中止：{said}',
    '函式 {value} 在第 {expected} 行中止：{said}',
    '関数 {value} が {expected} 行目で停止しました：{said}',
  ],
  'function.over': [
    '函数 {value} 超出限制：{expected}。',
    '函式 {value} 超出限制：{expected}。',
    '関数 {value} が制限を超えました：{expected}。',
  ],
  'function.result': [
    '函数 {value} 返回的内容不是数据：{said}',
    '函式 {value} 傳回的內容不是資料：{said}',
    '関数 {value} の結果はドキュメントではありません：{said}',
  ],
  'function.suspended': [
    '函数 {value} 已停用：{said}',
    '函式 {value} 已停用：{said}',
    '関数 {value} は停止されています：{said}',
  ],
  'function.absent': [
    '此处无法运行函数 {value}：{said}',
    '此處無法執行函式 {value}：{said}',
    'ここでは関数 {value} を実行できません：{said}',
  ],
  'function.skipped': [
    '函数 {value} 跳过了该数据：{said}',
    '函式 {value} 略過了該資料：{said}',
    '関数 {value} がこのレコードをスキップしました：{said}',
  ],
  'map.formula': [
    '字段 {field}：公式无法计算：{said}。',
    '欄位 {field}：公式無法計算：{said}。',
    '項目 {field}：数式を計算できません：{said}。',
  ],
  'map.drift': [
    '字段 {field} 已与其声明（{expected}）不符：{value}。',
    '欄位 {field} 已與其宣告（{expected}）不符：{value}。',
    '項目 {field} は定義（{expected}）に合わなくなりました：{value}。',
  ],
  'map.length': [
    '字段 {field}：{value} 超过 {expected}。',
    '欄位 {field}：{value} 超過 {expected}。',
    '項目 {field}：{value} が {expected} を超えています。',
  ],
  'map.path': [
    '字段 {field}：在 {expected} 处找不到内容。',
    '欄位 {field}：在 {expected} 處找不到內容。',
    '項目 {field}：{expected} に値が見つかりません。',
  ],
  'map.reference': [
    '字段 {field}：{expected} 的数据 {value} 尚未建立 ID 映射。',
    '欄位 {field}：{expected} 的資料 {value} 尚未建立 ID 對應。',
    '項目 {field}：{expected} のレコード {value} はまだ ID マッピングにありません。',
  ],
  'wait.create': [
    '对该系统的一次新增尚无应答，它可能就是这条数据。',
    '對該系統的一次新增尚無回應，它可能就是這筆資料。',
    'このシステムへの新規作成がまだ応答されておらず、このレコード自身の可能性があります。',
  ],
  'wait.cycle': [
    '数据相互等待，形成循环：{value}。',
    '資料相互等待，形成循環：{value}。',
    'レコードが互いに待ち合っています：{value}。',
  ],
  'wait.expired': [
    '已等待 {value} 24 小时，其状态为：{said}。',
    '已等待 {value} 24 小時，其狀態為：{said}。',
    '{value} を 24 時間待ちました。現在の状態：{said}。',
  ],
  'send.refused': ['目标系统拒绝：{said}', '目標系統拒絕：{said}', '連携先が拒否しました：{said}'],
  'send.again': [
    '目标系统暂时无法接收：{said}',
    '目標系統暫時無法接收：{said}',
    '連携先は今受け付けられません：{said}',
  ],
  'send.connection': ['无法连接目标系统：{said}', '無法連線目標系統：{said}', '連携先に接続できません：{said}'],
  'send.limited': ['已达到目标系统的限制：{said}', '已達到目標系統的限制：{said}', '連携先の制限に達しました：{said}'],
  'send.quota': [
    '目标系统今日的配额已用完：{said}',
    '目標系統今日的配額已用完：{said}',
    '連携先の本日の割当を使い切りました：{said}',
  ],
  'send.quiet': [
    '目标系统处于静默时段，不会调用；下次为 {expected}。',
    '目標系統處於靜默時段，不會呼叫；下次為 {expected}。',
    '連携先の静止時間中は呼び出しません。次回は {expected} です。',
  ],
  'send.token': [
    '无法取得目标系统的访问令牌：{said}',
    '無法取得目標系統的存取權杖：{said}',
    '連携先のアクセストークンを取得できません：{said}',
  ],
  'send.breaker': [
    '目标系统持续失败；在探测成功之前暂停调用。',
    '目標系統持續失敗；在探測成功之前暫停呼叫。',
    '連携先の障害が続いています。確認に成功するまで呼び出しを止めています。',
  ],
  'send.timeout': [
    '目标系统在 {expected} 内没有应答。',
    '目標系統在 {expected} 內沒有回應。',
    '連携先から {expected} 以内に応答がありません。',
  ],
  'send.cut': [
    '应答完成前连接已中断：{said}',
    '回應完成前連線已中斷：{said}',
    '応答が終わる前に接続が切れました：{said}',
  ],
  'send.status': [
    '目标系统应答 HTTP {value}：{said}',
    '目標系統回應 HTTP {value}：{said}',
    '連携先の応答は HTTP {value} です：{said}',
  ],
  'send.contract': [
    '应答不符合返回规则：{said}',
    '回應不符合回傳規則：{said}',
    '応答が結果ルールに反しています：{said}',
  ],
  'send.noId': [
    '目标系统报告成功，但没有返回数据的主键。',
    '目標系統報告成功，但沒有傳回資料的主鍵。',
    '連携先は成功を返しましたが、レコードの ID がありません。',
  ],
  'send.rowIds': [
    '目标系统报告成功，但明细行的编号不全：{expected} 个中有 {value} 个。',
    '目標系統報告成功，但明細列的編號不全：{expected} 個中有 {value} 個。',
    '連携先は成功を返しましたが、明細行の ID が不足しています：{expected} 件中 {value} 件。',
  ],
  'send.egress': ['不允许访问该地址：{said}', '不允許存取該位址：{said}', 'このアドレスは許可されていません：{said}'],
  'send.closed': ['Mortise 正在停止。', 'Mortise 正在停止。', 'Mortise は停止中でした。'],
  'send.orphaned': [
    'Mortise 在收到应答之前自身中断或停顿。',
    'Mortise 在收到回應之前自身中斷或停頓。',
    '応答を受け取る前に Mortise 自体が終了または停止しました。',
  ],
  'resolve.cannotTell': [
    '尚不能确定先前的调用是否生效：{said}',
    '尚不能確定先前的呼叫是否生效：{said}',
    '以前の呼び出しが有効になったか、まだ分かりません：{said}',
  ],
  'resolve.none': [
    '目标系统无法识别先前的新增；不会自动重新发送。',
    '目標系統無法識別先前的新增；不會自動重新傳送。',
    '連携先には以前の新規作成を識別する方法がなく、自動では再送しません。',
  ],
  'resolve.unreadable': [
    '无法读取以确认先前的调用是否生效：{said}',
    '無法讀取以確認先前的呼叫是否生效：{said}',
    '以前の呼び出しが有効になったか読み取れません：{said}',
  ],
  'conflict.several': [
    '目标系统中有多条数据带有本条的编号：{value}。',
    '目標系統中有多筆資料帶有本筆的編號：{value}。',
    '連携先に、このレコードの ID を持つレコードが複数あります：{value}。',
  ],
  'conflict.both': [
    '双方自上次一致以来都有更改。',
    '雙方自上次一致以來都有更改。',
    '前回一致して以降、両側が変更されています。',
  ],
  'conflict.matched': [
    '目标的数据 {value} 与本条匹配，但它属于 {expected}。',
    '目標的資料 {value} 與本筆相符，但它屬於 {expected}。',
    '連携先のレコード {value} はこのレコードと一致しますが、{expected} のものです。',
  ],
  'conflict.id': [
    '目标系统的数据 {value} 已映射到 {expected}。',
    '目標系統的資料 {value} 已對應到 {expected}。',
    '連携先のレコード {value} は既に {expected} にマッピングされています。',
  ],
  'conflict.restored': [
    '目标系统的数据 {value} 在所恢复备份的时刻前后有更改：无法判断哪一侧较新。',
    '目標系統的資料 {value} 在所還原備份的時刻前後有更改：無法判斷哪一側較新。',
    '連携先のレコード {value} は復元したバックアップの時点前後に変更されており、どちらが新しいか判断できません。',
  ],
  'conflict.open': [
    '一次结果未知的先前新增（{value}）可能就是这条数据。',
    '一次結果未知的先前新增（{value}）可能就是這筆資料。',
    '結果不明の以前の新規作成（{value}）がこのレコード自身の可能性があります。',
  ],
  'loop.flips': [
    '两个系统不断互相覆盖：十分钟内反复 {value} 次。',
    '兩個系統不斷互相覆寫：十分鐘內反覆 {value} 次。',
    '2 つのシステムが互いに上書きし続けています：10 分間に {value} 回。',
  ],
  'void.repush': [
    '该数据在目标系统中已作废，又被推送；集成流规定由人决定。',
    '該資料在目標系統中已作廢，又被推送；整合流程規定由人決定。',
    '連携先で無効化されたレコードが再度プッシュされました。フローでは人が判断します。',
  ],
  'ladder.ended': [
    '重试 72 小时后放弃：{said}',
    '重試 72 小時後放棄：{said}',
    '72 時間の再試行の後に中止しました：{said}',
  ],
  'config.flow': ['集成流的配置不符：{said}', '整合流程的設定不符：{said}', '連携フローの設定が合っていません：{said}'],
  'config.connector': [
    '连接器的配置不符：{said}',
    '連接器的設定不符：{said}',
    'コネクションの設定が合っていません：{said}',
  ],
  'config.auth': [
    '目标系统拒绝了我们的凭据：{said}',
    '目標系統拒絕了我們的憑證：{said}',
    '連携先が認証情報を拒否しました：{said}',
  ],
  'read.gone': ['来源中已没有这条数据。', '來源中已沒有這筆資料。', '連携元にこのレコードはもうありません。'],
  'read.clock': [
    '来源系统的时钟与本机相差 {value} 毫秒；轮询允许 {expected}',
    '來源系統的時鐘與本機相差 {value} 毫秒；輪詢允許 {expected}',
    '連携元の時計は本機と {value} ミリ秒ずれています。ポーリングの許容範囲は {expected} です',
  ],
  'read.failed': [
    '无法从来源读取这条数据：{said}',
    '無法從來源讀取這筆資料：{said}',
    '連携元からレコードを読み取れませんでした：{said}',
  ],
  'read.contract': [
    '来源的应答不符合约定：{said}',
    '來源的回應不符合約定：{said}',
    '連携元の応答が仕様に反しています：{said}',
  ],
  'decode.body': ['无法读取请求体：{said}', '無法讀取請求內容：{said}', '本文を読み取れませんでした：{said}'],
  bug: [
    'Mortise 内部出现意外错误：{said}',
    'Mortise 內部出現意外錯誤：{said}',
    'Mortise 内部で予期しないエラーが発生しました：{said}',
  ],
}

/** What a field should have been, as the mapping says it in English: zh_CN, zh_TW, ja_JP. Anything else, such as the name of an object, is said as it is. */
const expectations: Record<string, readonly [string, string, string]> = {
  text: ['文本', '文字', 'テキスト'],
  'a decimal number': ['小数', '小數', '小数'],
  'a whole number': ['整数', '整數', '整数'],
  'a number': ['数字', '數字', '数値'],
  'yes or no': ['是或否', '是或否', '真偽値'],
  'a date': ['日期', '日期', '日付'],
  'a date and time': ['日期时间', '日期時間', '日時'],
  'a single value': ['单个值', '單一值', '単一の値'],
  'a list of single values': ['单个值的列表', '單一值的清單', '単一の値のリスト'],
  'one option': ['单个选项', '單一選項', '1 つの選択肢'],
  'a mapped option': ['已映射的选项', '已對應的選項', 'マッピング済みの選択肢'],
  'the id of one record': ['一条数据的 ID', '一筆資料的 ID', '1 件のレコードの ID'],
  'a list of rows': ['明细行的列表', '明細列的清單', '明細行のリスト'],
  'a row': ['明细行', '明細列', '明細行'],
}

export const expectedIn = (said: string, locale: Locale): string => {
  const at = { zh_CN: 0, zh_TW: 1, en_US: null, ja_JP: 2 }[locale]
  return at === null ? said : (expectations[said]?.[at as 0 | 1 | 2] ?? said)
}
