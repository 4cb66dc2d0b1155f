/** One alert as each channel wants it: title, sentence, link; robots' bodies and signatures; signed webhooks. Pure. */
import { createHmac } from 'node:crypto'
import type { Locale } from '../../protocol/codes.ts'
import type { Millis } from '../doc/document.ts'
import { type Figures, type Level, sayAlert, testSentence, titles } from './alert-words.ts'

export interface Told {
  tenantId: string
  alertId: number
  rule: string
  about: string
  level: Level
  what: 'fired' | 'recovered' | 'test'
  figures: Figures
  since: Millis
  /** How long it lasted; null while it lasts. */
  lastedMs: Millis | null
  link: string | null
}

export interface Message {
  title: string
  /** One line per alert. */
  lines: string[]
  link: string | null
}

const most = 20

/** Several alerts for one reader in one message. */
export const messageOf = (all: readonly Told[], locale: Locale): Message => {
  const [first] = all
  if (!first) throw new Error('a message tells of something')
  const word = titles[first.what === 'fired' ? first.level : first.what][locale]
  const lines = all.slice(0, most).map((told) => {
    if (told.what === 'test') return testSentence[locale]
    const lasted = told.lastedMs === null ? null : Math.max(0, Math.round(told.lastedMs / 60_000))
    return sayAlert({ rule: told.rule, figures: { ...told.figures, about: told.about } }, locale, lasted)
  })
  if (all.length > most) lines.push(`… +${all.length - most}`)
  return { title: `[Mortise ${first.tenantId}] ${word}`, lines, link: first.link }
}

export interface Post {
  /** Replaces the query of the address where the robot wants its signature there. */
  query?: Record<string, string>
  headers: Record<string, string>
  body: string
}

const json = (value: unknown, headers: Record<string, string> = {}, query?: Record<string, string>): Post => ({
  headers: { 'content-type': 'application/json; charset=utf-8', ...headers },
  body: JSON.stringify(value),
  ...(query && { query }),
})

const hmac = (key: string, text: string): string => createHmac('sha256', key).update(text).digest('base64')

/** A group robot of 企业微信. */
export const wecom = ({ title, lines, link }: Message): Post =>
  json({
    msgtype: 'markdown',
    // 4,096 bytes are taken.
    markdown: {
      content: cut(
        [`**${title}**`, ...lines.map((line) => `> ${line}`), ...(link ? [`[${link}](${link})`] : [])].join('\n'),
        4_000,
      ),
    },
  })

/** A group robot of 钉钉; with a secret the query is signed. */
export const dingtalk = ({ title, lines, link }: Message, secret: string | undefined, now: Millis): Post =>
  json(
    {
      msgtype: 'markdown',
      markdown: { title, text: [`### ${title}`, ...lines, ...(link ? [`[${link}](${link})`] : [])].join('\n\n') },
    },
    {},
    secret === undefined ? undefined : { timestamp: String(now), sign: hmac(secret, `${now}\n${secret}`) },
  )

/** A group robot of 飞书; its signature's key is timestamp and secret, over nothing. */
export const feishu = ({ title, lines, link }: Message, secret: string | undefined, now: Millis): Post => {
  const seconds = String(Math.floor(now / 1000))
  return json({
    ...(secret !== undefined && { timestamp: seconds, sign: hmac(`${seconds}\n${secret}`, '') }),
    msg_type: 'text',
    content: { text: [title, ...lines, ...(link ? [link] : [])].join('\n') },
  })
}

/** Standard Webhooks: the same id with each try; a secret of the form `whsec_…` is base64. */
export const webhook = (all: readonly Told[], message: Message, secret: string, id: string, now: Millis): Post => {
  const body = JSON.stringify({
    type: `alert.${all[0]?.what ?? 'fired'}`,
    timestamp: new Date(now).toISOString(),
    data: {
      title: message.title,
      text: message.lines.join('\n'),
      link: message.link,
      alerts: all.map(({ tenantId, alertId, rule, about, level, what, figures, since, lastedMs }) => ({
        tenantId,
        alertId,
        rule,
        about,
        level,
        what,
        figures,
        since: new Date(since).toISOString(),
        lastedMs,
      })),
    },
  })
  const key = secret.startsWith('whsec_') ? Buffer.from(secret.slice(6), 'base64') : Buffer.from(secret)
  const at = String(Math.floor(now / 1000))
  const signature = createHmac('sha256', key).update(`${id}.${at}.${body}`).digest('base64')
  return {
    headers: {
      'content-type': 'application/json; charset=utf-8',
      'webhook-id': id,
      'webhook-timestamp': at,
      'webhook-signature': `v1,${signature}`,
    },
    body,
  }
}

/** At most so many bytes of UTF-8, whole characters. */
const cut = (text: string, bytes: number): string => {
  if (Buffer.byteLength(text) <= bytes) return text
  let kept = ''
  let used = 0
  for (const character of text) {
    used += Buffer.byteLength(character)
    if (used > bytes) break
    kept += character
  }
  return `${kept}…`
}

/** Robots answer HTTP 200 whatever happened: their own code says it. Null = taken. */
export const refusedBy = (
  kind: 'wecom' | 'dingtalk' | 'feishu' | 'webhook',
  status: number,
  body: string,
): string | null => {
  if (status < 200 || status >= 300) return `HTTP ${status}`
  if (kind === 'webhook') return null
  try {
    const read = JSON.parse(body) as {
      errcode?: number
      errmsg?: string
      code?: number
      StatusCode?: number
      msg?: string
    }
    const code = kind === 'feishu' ? (read.code ?? read.StatusCode) : read.errcode
    return code === 0 ? null : `${code ?? 'no code'} ${read.errmsg ?? read.msg ?? ''}`.trim().slice(0, 200)
  } catch {
    return 'the robot’s answer is not JSON'
  }
}
