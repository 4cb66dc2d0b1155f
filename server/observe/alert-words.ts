/** Everything that can raise an alert 告警: its level, how long it must last, and its sentences in four languages. docs/alerts.md lists the same. */
import type { Locale, Sentences } from '../../protocol/codes.ts'

export const levels = ['info', 'warning', 'critical'] as const
export type Level = (typeof levels)[number]

interface Rule {
  level: Level
  /** Lasts so long before it fires, in ms. */
  hold: number
  /** Figures that can be set. */
  limits: Readonly<Record<string, number>>
  fired: Sentences
}

const four = (zh_CN: string, zh_TW: string, en_US: string, ja_JP: string): Sentences => ({ zh_CN, zh_TW, en_US, ja_JP })
const minute = 60_000

/** `{about}` is the connection, flow or record; the other figures are the rule's own. */
export const rules = {
  service: {
    level: 'critical',
    hold: 0,
    limits: { records: 1, forMs: 5 * minute },
    fired: four(
      '服务异常：{about} 已有 {minutes} 分钟没有正常应答，{count} 条数据在重试',
      '服務異常：{about} 已有 {minutes} 分鐘沒有正常應答，{count} 筆資料在重試',
      'Service failing: {about} has given no proper answer for {minutes} min; {count} record(s) are being retried',
      'サービス異常：{about} が {minutes} 分間正常に応答せず、{count} 件を再試行中です',
    ),
  },
  sync: {
    level: 'warning',
    hold: 0,
    limits: { records: 10, withinMs: 10 * minute },
    fired: four(
      '同步失败：集成流 {about} 在 {minutes} 分钟内有 {count} 条数据失败',
      '同步失敗：整合流程 {about} 在 {minutes} 分鐘內有 {count} 筆資料失敗',
      'Sync failing: {count} record(s) of flow {about} failed within {minutes} min',
      '同期失敗：フロー {about} で {minutes} 分間に {count} 件が失敗しました',
    ),
  },
  breaker: {
    level: 'critical',
    hold: 30_000,
    limits: {},
    fired: four(
      '熔断：{about} 连续失败，{count} 条数据暂停发送，直到探测成功',
      '熔斷：{about} 連續失敗，{count} 筆資料暫停傳送，直到探測成功',
      'Breaker open: {about} keeps failing; {count} record(s) are held until a probe succeeds',
      'ブレーカー作動：{about} の失敗が続き、探査が成功するまで {count} 件を保留しています',
    ),
  },
  noData: {
    level: 'warning',
    hold: 0,
    limits: {},
    fired: four(
      '没有数据：{about} 已有 {minutes} 分钟没有新数据',
      '沒有資料：{about} 已有 {minutes} 分鐘沒有新資料',
      'No data: nothing has come in from {about} for {minutes} min',
      'データなし：{about} から {minutes} 分間データが届いていません',
    ),
  },
  backlog: {
    level: 'warning',
    hold: 2 * minute,
    limits: { records: 10_000, oldestMs: 30 * minute },
    fired: four(
      '积压：{about} 有 {count} 条数据待同步，最早的已等待 {minutes} 分钟',
      '積壓：{about} 有 {count} 筆資料待同步，最早的已等待 {minutes} 分鐘',
      'Backlog: {count} record(s) wait for {about}, the oldest for {minutes} min',
      '滞留：{about} 向けに {count} 件が待機中、最も古いものは {minutes} 分待っています',
    ),
  },
  parked: {
    level: 'warning',
    hold: 0,
    limits: { records: 100 },
    fired: four(
      '失败数据：集成流 {about} 有 {count} 条失败数据等待处理',
      '失敗資料：整合流程 {about} 有 {count} 筆失敗資料等待處理',
      'Failed records: {count} record(s) of flow {about} wait for a person',
      '失敗データ：フロー {about} に {count} 件の対応待ちがあります',
    ),
  },
  loop: {
    level: 'warning',
    hold: 0,
    limits: { records: 1 },
    fired: four(
      '循环：集成流 {about} 有 {count} 条数据被两个系统反复改写，已停止',
      '循環：整合流程 {about} 有 {count} 筆資料被兩個系統反覆改寫，已停止',
      'Loop: {count} record(s) of {about} were stopped because the two systems keep overwriting each other',
      'ループ：{about} の {count} 件は両システムが互いに書き換え続けるため停止しました',
    ),
  },
  conflict: {
    level: 'info',
    hold: 0,
    limits: { records: 1 },
    fired: four(
      '冲突：集成流 {about} 有 {count} 条数据两边都已修改，等待选择',
      '衝突：整合流程 {about} 有 {count} 筆資料兩邊都已修改，等待選擇',
      'Conflict: {count} record(s) of {about} were changed on both sides and wait for a choice',
      '競合：{about} の {count} 件は両側で変更され、選択待ちです',
    ),
  },
  quota: {
    level: 'warning',
    hold: 0,
    limits: { percent: 80 },
    fired: four(
      '配额：{about} 今天已用 {count} 次，占 {limit} 次的 {percent}%',
      '配額：{about} 今天已用 {count} 次，佔 {limit} 次的 {percent}%',
      'Quota: {about} has used {count} of {limit} calls today, {percent} %',
      'クォータ：{about} は本日 {limit} 回中 {count} 回（{percent}%）を使用しました',
    ),
  },
  callback: {
    level: 'warning',
    hold: 0,
    limits: { tries: 3 },
    fired: four(
      '回调失败：{about} 的回调已失败 {count} 次',
      '回呼失敗：{about} 的回呼已失敗 {count} 次',
      'Callback failing: {about} could not be reached {count} time(s)',
      'コールバック失敗：{about} への通知が {count} 回失敗しました',
    ),
  },
  function: {
    level: 'critical',
    hold: 0,
    limits: {},
    fired: four(
      '函数 {about} 已停用：连续超出限制。它的数据在等待，直到修改代码或恢复运行',
      '函式 {about} 已停用：連續超出限制。它的資料在等待，直到修改程式碼或恢復執行',
      'Function {about} is suspended: it went over its limits again and again. What is its own waits until its code is mended or it is resumed',
      '関数 {about} は停止されました：制限を続けて超えました。コードの修正か再開まで、対象のデータは待機します',
    ),
  },
  pollGap: {
    level: 'warning',
    hold: 2 * minute, // after a stop what was missed is read first
    limits: { forMs: 30 * minute },
    fired: four(
      '轮询缺口：{about} 有 {minutes} 分钟没有读到',
      '輪詢缺口：{about} 有 {minutes} 分鐘沒有讀到',
      'Poll gap: {minutes} min of {about} have not been read',
      'ポーリングの欠落：{about} の {minutes} 分間が読み取られていません',
    ),
  },
  clock: {
    level: 'warning',
    hold: 0,
    limits: {},
    fired: four(
      '时钟偏差：{about} 的时钟与本机相差 {seconds} 秒',
      '時鐘偏差：{about} 的時鐘與本機相差 {seconds} 秒',
      'Clock: the clock of {about} is {seconds} s from ours',
      '時計のずれ：{about} の時計がこちらと {seconds} 秒ずれています',
    ),
  },
  clockPaused: {
    level: 'critical',
    hold: 0,
    limits: {},
    fired: four(
      '轮询暂停：{about} 的时钟相差 {seconds} 秒，{count} 个对象暂停轮询，直到时钟一致',
      '輪詢暫停：{about} 的時鐘相差 {seconds} 秒，{count} 個物件暫停輪詢，直到時鐘一致',
      'Polling paused: the clock of {about} is {seconds} s from ours; {count} object(s) are not read until the clocks agree',
      'ポーリング停止：{about} の時計が {seconds} 秒ずれているため、一致するまで {count} 個のオブジェクトの読み取りを止めています',
    ),
  },
  overdue: {
    level: 'warning',
    hold: 2 * minute,
    limits: { forMs: 30 * minute },
    fired: four(
      '计划任务：{about} 已有 {minutes} 分钟没有执行成功',
      '排程任務：{about} 已有 {minutes} 分鐘沒有執行成功',
      'Scheduled task: {about} has not come through for {minutes} min',
      '予定タスク：{about} が {minutes} 分間成功していません',
    ),
  },
  differences: {
    level: 'warning',
    hold: 0,
    limits: { records: 1 },
    fired: four(
      '数据核对：{about} 有 {count} 条不一致（仅来源 {onlySource}，仅目标 {onlyTarget}，不同 {different}，不明 {unclear}），已重发 {repaired} 条',
      '資料核對：{about} 有 {count} 筆不一致（僅來源 {onlySource}，僅目標 {onlyTarget}，不同 {different}，不明 {unclear}），已重送 {repaired} 筆',
      'Reconciliation: {count} record(s) of {about} are not the same (only in the source {onlySource}, only in the target {onlyTarget}, different {different}, unclear {unclear}); {repaired} sent again',
      'データ照合：{about} の {count} 件が一致しません（送信元のみ {onlySource}、送信先のみ {onlyTarget}、相違 {different}、不明 {unclear}）。{repaired} 件を再送しました',
    ),
  },
  record: {
    level: 'info',
    hold: 0,
    limits: {},
    fired: four(
      '您负责的数据 {about} 同步失败：{why}',
      '您負責的資料 {about} 同步失敗：{why}',
      'Your record {about} failed to synchronise: {why}',
      'ご担当のデータ {about} の同期に失敗しました：{why}',
    ),
  },
} as const satisfies Record<string, Rule>

export type RuleName = keyof typeof rules
export const ruleNames = Object.keys(rules) as RuleName[]

export const recovered: Sentences = four(
  '已恢复：{sentence}（持续 {lasted} 分钟）',
  '已恢復：{sentence}（持續 {lasted} 分鐘）',
  'Recovered: {sentence} (lasted {lasted} min)',
  '復旧：{sentence}（継続 {lasted} 分）',
)

export const titles: Record<Level | 'recovered' | 'test', Sentences> = {
  info: four('提示', '提示', 'Notice', '通知'),
  warning: four('警告', '警告', 'Warning', '警告'),
  critical: four('严重', '嚴重', 'Critical', '重大'),
  recovered: four('恢复', '恢復', 'Recovered', '復旧'),
  test: four('测试', '測試', 'Test', 'テスト'),
}

export const testSentence: Sentences = four(
  '这是一条测试通知，收到即表示该渠道可用',
  '這是一則測試通知，收到即表示該管道可用',
  'This is a test: if you can read it, the channel works',
  'これはテスト通知です。届いていればこのチャネルは使用できます',
)

export type Figures = Readonly<Record<string, string | number>>

const fill = (text: string, figures: Figures): string =>
  text.replace(/\{(\w+)\}/g, (_, name: string) => String(figures[name] ?? '?'))

/** The sentence of an alert, as it fired or as it recovered. */
export const sayAlert = (
  alert: { rule: string; figures: Figures },
  locale: Locale,
  lasted: number | null = null,
): string => {
  const known = Object.hasOwn(rules, alert.rule) ? rules[alert.rule as RuleName].fired[locale] : `${alert.rule} {about}`
  const sentence = fill(known, alert.figures)
  return lasted === null ? sentence : fill(recovered[locale], { sentence, lasted })
}
