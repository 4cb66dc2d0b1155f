/** Answers to what goes wrong outside the record paths, as RFC 9457 problem details in the caller's language. Never a stack, never our own words for a bug. */
import type { FastifyReply } from 'fastify'
import { type Locale, localeFrom, type Sentences } from '../../protocol/codes.ts'

const titles: Record<number, Sentences> = {
  400: { zh_CN: '请求不正确', zh_TW: '請求不正確', en_US: 'Bad request', ja_JP: '不正なリクエスト' },
  401: { zh_CN: '需要登录', zh_TW: '需要登入', en_US: 'Sign-in required', ja_JP: 'サインインが必要です' },
  403: { zh_CN: '没有权限', zh_TW: '沒有權限', en_US: 'Not allowed', ja_JP: '権限がありません' },
  404: { zh_CN: '找不到', zh_TW: '找不到', en_US: 'Not found', ja_JP: '見つかりません' },
  405: { zh_CN: '不支持该方法', zh_TW: '不支援該方法', en_US: 'Method not allowed', ja_JP: '許可されていないメソッド' },
  408: { zh_CN: '请求超时', zh_TW: '請求逾時', en_US: 'The request took too long', ja_JP: 'リクエストのタイムアウト' },
  409: { zh_CN: '与现状冲突', zh_TW: '與現狀衝突', en_US: 'Conflict', ja_JP: '競合' },
  412: { zh_CN: '内容已有变化', zh_TW: '內容已有變化', en_US: 'Changed since', ja_JP: '変更されています' },
  413: { zh_CN: '请求体过大', zh_TW: '請求內容過大', en_US: 'The body is too large', ja_JP: '本文が大きすぎます' },
  414: { zh_CN: '地址过长', zh_TW: '位址過長', en_US: 'The address is too long', ja_JP: 'アドレスが長すぎます' },
  415: { zh_CN: '不支持的数据格式', zh_TW: '不支援的資料格式', en_US: 'Unsupported media type', ja_JP: '非対応の形式' },
  422: {
    zh_CN: '内容不符合要求',
    zh_TW: '內容不符合要求',
    en_US: 'The content was refused',
    ja_JP: '内容が受け付けられません',
  },
  429: { zh_CN: '请求过于频繁', zh_TW: '請求過於頻繁', en_US: 'Too many requests', ja_JP: 'リクエストが多すぎます' },
  431: {
    zh_CN: '请求头过大',
    zh_TW: '請求標頭過大',
    en_US: 'The headers are too large',
    ja_JP: 'ヘッダーが大きすぎます',
  },
  500: { zh_CN: '服务器异常', zh_TW: '伺服器異常', en_US: 'Something broke here', ja_JP: 'サーバー内部のエラー' },
  502: {
    zh_CN: '另一系统的回答有误',
    zh_TW: '另一系統的回答有誤',
    en_US: 'Another system did not answer as it should',
    ja_JP: '相手のシステムの応答に問題があります',
  },
  503: { zh_CN: '暂时不可用', zh_TW: '暫時無法使用', en_US: 'Not available now', ja_JP: '一時的に利用できません' },
}

export interface Problem {
  status: number
  /** Stable word for programs: `flow.atWork`, `notFound`. */
  code?: string
  /** Sentence for people, already in their language. */
  detail?: string
  /** Where in the request: `mapping.fields[3].to`. */
  path?: string
  /** What the caller can do about it, in their language. */
  todo?: string
  /** Every place that is wrong, where there are several. */
  problems?: readonly { path: string; say: string }[]
  retryAfter?: number
}

/** `locale` header, else the first of ours in Accept-Language, else zh_CN. */
export const localeOf = (headers: Record<string, string | string[] | undefined>): Locale => {
  const named = headers.locale
  const chosen = typeof named === 'string' ? localeFrom(named) : null
  if (chosen) return chosen
  const accepted = headers['accept-language']
  if (typeof accepted !== 'string') return 'zh_CN'
  for (const entry of accepted.slice(0, 200).split(',')) {
    const tag = (entry.split(';')[0] ?? '').trim().toLowerCase()
    if (tag === 'zh-tw' || tag === 'zh-hk' || tag === 'zh-mo' || tag.startsWith('zh-hant')) return 'zh_TW'
    if (tag === 'zh' || tag.startsWith('zh-')) return 'zh_CN'
    if (tag === 'en' || tag.startsWith('en-')) return 'en_US'
    if (tag === 'ja' || tag.startsWith('ja-')) return 'ja_JP'
  }
  return 'zh_CN'
}

export const problemBody = (problem: Problem, locale: Locale, traceId: string): string =>
  JSON.stringify({
    type: 'about:blank',
    title: (titles[problem.status] ?? titles[problem.status < 500 ? 400 : 500])?.[locale],
    status: problem.status,
    code: problem.code,
    detail: problem.detail,
    path: problem.path,
    todo: problem.todo,
    problems: problem.problems,
    traceId,
  })

export const sendProblem = (reply: FastifyReply, problem: Problem): FastifyReply => {
  if (problem.retryAfter !== undefined) reply.header('Retry-After', problem.retryAfter)
  return reply
    .code(problem.status)
    .type('application/problem+json; charset=utf-8')
    .send(problemBody(problem, localeOf(reply.request.headers), reply.request.id))
}
