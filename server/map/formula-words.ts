/** What can be wrong with a formula, when it is read and when it is computed: a code, a position, and a sentence in the product's four languages. */
import { type Locale, locales } from '../../protocol/codes.ts'

/** In the order of `locales`: zh_CN, zh_TW, en_US, ja_JP. `{a}` and `{b}` are filled in. */
export const formulaSentences = {
  empty: ['公式为空', '公式為空', 'the formula is empty', '数式が空です'],
  unexpected: [
    '此处不应出现 {a}，应为{b}',
    '此處不應出現 {a}，應為{b}',
    'found {a} where {b} is expected',
    'ここに {a} は置けません。{b}が必要です',
  ],
  end: [
    '公式不完整，缺少{b}',
    '公式不完整，缺少{b}',
    'the formula ends where {b} is expected',
    '数式が途中です。{b}が必要です',
  ],
  'text.open': [
    '文本没有结束的引号',
    '文字沒有結束的引號',
    'the text has no closing quote',
    '文字列の閉じ引用符がありません',
  ],
  'name.open': [
    '字段名缺少右方括号 ]',
    '欄位名缺少右方括號 ]',
    'the name has no closing ]',
    '項目名の閉じ括弧 ] がありません',
  ],
  character: [
    '无法识别的字符 {a}',
    '無法識別的字元 {a}',
    'the character {a} means nothing here',
    '文字 {a} は使えません',
  ],
  'number.written': ['{a} 不是数字', '{a} 不是數字', '{a} is no number', '{a} は数値ではありません'],
  long: [
    '公式超过 {a} 个字符',
    '公式超過 {a} 個字元',
    'the formula is longer than {a} characters',
    '数式が {a} 文字を超えています',
  ],
  deep: [
    '括号嵌套超过 {a} 层',
    '括號巢狀超過 {a} 層',
    'more than {a} levels of brackets',
    '括弧の入れ子が {a} 段を超えています',
  ],
  large: [
    '公式超过 {a} 个部分',
    '公式超過 {a} 個部分',
    'the formula has more than {a} parts',
    '数式の要素が {a} 個を超えています',
  ],
  function: ['没有函数 {a}{b}', '沒有函式 {a}{b}', 'there is no function {a}{b}', '関数 {a} はありません{b}'],
  arguments: ['{a} 需要 {b} 个参数', '{a} 需要 {b} 個參數', '{a} takes {b} arguments', '{a} の引数は {b} 個です'],
  field: ['{b}没有字段 {a}', '{b}沒有欄位 {a}', '{a} is not a field of {b}', '{b} に項目 {a} はありません'],
  variable: ['没有名为 {a} 的值', '沒有名為 {a} 的值', 'there is no value named {a}', '{a} という値はありません'],
  column: [
    '{a} 有多行：请放入 SUM、COUNT、MIN、MAX、JOIN 等汇总函数',
    '{a} 有多列：請放入 SUM、COUNT、MIN、MAX、JOIN 等彙總函式',
    '{a} has many rows: put it into SUM, COUNT, MIN, MAX, JOIN or the like',
    '{a} は複数行です。SUM、COUNT、MIN、MAX、JOIN などに入れてください',
  ],
  columns: [
    '一个汇总只能用一个明细：{a}',
    '一個彙總只能用一個明細：{a}',
    'one aggregate goes over the rows of one detail, here are {a}',
    '一つの集計で使える明細は一つです: {a}',
  ],
  nested: ['{a} 不能放在 {b} 里', '{a} 不能放在 {b} 裡', '{a} cannot stand inside {b}', '{a} は {b} の中に置けません'],
  literal: [
    '{a} 必须直接写出：{b}',
    '{a} 必須直接寫出：{b}',
    '{a} must be written out: {b}',
    '{a} は直接書いてください: {b}',
  ],
  map: [
    '{a} 需要对照表，例如 {"A": "1"}',
    '{a} 需要對照表，例如 {"A": "1"}',
    '{a} needs a map such as {"A": "1"}',
    '{a} には {"A": "1"} のような対応表が必要です',
  ],
  pair: ['{a}', '{a}', '{a}', '{a}'],
  'not.number': ['{a} 不是数字', '{a} 不是數字', '{a} is not a number', '{a} は数値ではありません'],
  'not.whole': ['{a} 不是整数', '{a} 不是整數', '{a} is not a whole number', '{a} は整数ではありません'],
  'not.date': ['{a} 不是日期', '{a} 不是日期', '{a} is not a date', '{a} は日付ではありません'],
  'not.bool': ['{a} 不是是或否', '{a} 不是是或否', '{a} is not yes or no', '{a} は真偽値ではありません'],
  'not.single': ['{a} 不是单个值', '{a} 不是單一值', '{a} is not a single value', '{a} は単一の値ではありません'],
  zero: ['除数为零', '除數為零', 'division by zero', 'ゼロで割ることはできません'],
  'number.size': [
    '数字过大或过小',
    '數字過大或過小',
    'the number is too large or too small',
    '数値が大きすぎるか小さすぎます',
  ],
  'text.size': [
    '文本超过 {a} 个字符',
    '文字超過 {a} 個字元',
    'the text is longer than {a} characters',
    '文字列が {a} 文字を超えています',
  ],
  root: ['负数没有平方根', '負數沒有平方根', 'a negative number has no square root', '負の数の平方根はありません'],
  steps: ['计算步骤过多', '計算步驟過多', 'the formula takes too many steps', '計算ステップが多すぎます'],
  unmapped: ['对照表中没有 {a}', '對照表中沒有 {a}', '{a} is not in the map', '対応表に {a} がありません'],
  unit: [
    '{a} 不是时间单位：year, month, week, day, hour, minute, second',
    '{a} 不是時間單位：year, month, week, day, hour, minute, second',
    '{a} is no unit of time: year, month, week, day, hour, minute, second',
    '{a} は時間の単位ではありません: year, month, week, day, hour, minute, second',
  ],
  pattern: [
    '{a} 不是日期或数字格式',
    '{a} 不是日期或數字格式',
    '{a} is not a way to write dates or numbers',
    '{a} は日付または数値の書式ではありません',
  ],
  zone: ['{a} 不是时区', '{a} 不是時區', '{a} is not a time zone', '{a} はタイムゾーンではありません'],
  algorithm: [
    '{a} 不是摘要算法：md5, sha1, sha256',
    '{a} 不是摘要演算法：md5, sha1, sha256',
    '{a} is no digest: md5, sha1, sha256',
    '{a} はダイジェスト方式ではありません: md5, sha1, sha256',
  ],
  range: ['{a} 超出范围 {b}', '{a} 超出範圍 {b}', '{a} is out of {b}', '{a} は {b} の範囲外です'],
} as const satisfies Record<string, readonly [string, string, string, string]>

export type FormulaCode = keyof typeof formulaSentences

/** `at`: the character of the formula's text at which it is, from 0. */
export interface FormulaFault {
  code: FormulaCode
  at: number
  a?: string
  b?: string
}

/** Words that fill in `{b}` of what is expected; the rest of what fills in is the formula's own text. */
const expected: Record<string, readonly [string, string, string, string]> = {
  value: ['一个值', '一個值', 'a value', '値'],
  operator: ['运算符或结尾', '運算子或結尾', 'an operator or the end', '演算子または終わり'],
  closing: ['右括号 )', '右括號 )', 'a closing )', '閉じ括弧 )'],
  'closing list': ['右花括号 }', '右大括號 }', 'a closing }', '閉じ括弧 }'],
  key: ['对照表的键，例如 "A"', '對照表的鍵，例如 "A"', 'a key such as "A"', '"A" のようなキー'],
  colon: ['冒号 :', '冒號 :', 'a colon', 'コロン :'],
  name: ['字段名', '欄位名', 'a name', '項目名'],
}

const position: Record<Locale, (at: number) => string> = {
  zh_CN: (at) => `第 ${at} 个字符：`,
  zh_TW: (at) => `第 ${at} 個字元：`,
  en_US: (at) => `at character ${at}: `,
  ja_JP: (at) => `${at} 文字目: `,
}

/** With its position, counted from 1 as people do. */
export const formulaSentence = (fault: FormulaFault, locale: Locale = 'en_US'): string => {
  const index = Math.max(0, locales.indexOf(locale))
  const text = formulaSentences[fault.code][index] ?? formulaSentences[fault.code][2]
  const b = fault.b === undefined ? '' : (expected[fault.b]?.[index] ?? fault.b)
  const said = text.replace(/\{([ab])\}/g, (_, key: string) => (key === 'a' ? (fault.a ?? '') : b))
  return position[locale](fault.at + 1) + said
}

/** Stops the computation of one formula; caught where it began. */
export class FormulaStop extends Error {
  readonly fault: FormulaFault
  constructor(fault: FormulaFault) {
    super(fault.code)
    this.fault = fault
  }
}

const shownLength = 60
export const quoted = (text: string): string =>
  `"${text.length > shownLength ? `${text.slice(0, shownLength)}…` : text}"`

export const stop = (code: FormulaCode, at: number, a?: string, b?: string): never => {
  throw new FormulaStop({ code, at, ...(a !== undefined && { a }), ...(b !== undefined && { b }) })
}
