/** `test connection`: the route, and what each step found in the caller's language. */
import { z } from 'zod'
import type { Locale, Sentences } from '../../protocol/codes.ts'
import type { ProbeStep } from '../connect/probe.ts'
import { advice } from '../doc/advice.ts'
import { sentence } from '../doc/fault.ts'
import { absent } from '../http/declaring.ts'
import { type Asked, inTenant, ok, type Route, route } from '../http/route.ts'

const to = (zh_CN: string, zh_TW: string, en_US: string, ja_JP: string): Sentences => ({ zh_CN, zh_TW, en_US, ja_JP })

export const foundSentences: Record<NonNullable<ProbeStep['found']>, Sentences> = {
  dns: to(
    '{host} 的地址为 {addresses}。',
    '{host} 的位址為 {addresses}。',
    '{host} is {addresses}.',
    '{host} のアドレスは {addresses} です。',
  ),
  connect: to(
    '已连接 {host}:{port}，未加密。',
    '已連線 {host}:{port}，未加密。',
    'A connection to {host}:{port} stands; it is not encrypted.',
    '{host}:{port} に接続しました（暗号化なし）。',
  ),
  tls: to(
    '已加密（{protocol}）；{subject} 的证书有效至 {until}。',
    '已加密（{protocol}）；{subject} 的憑證有效至 {until}。',
    'Encrypted ({protocol}); the certificate of {subject} is valid until {until}.',
    '暗号化されています（{protocol}）。{subject} の証明書は {until} まで有効です。',
  ),
  tlsSoon: to(
    '已加密（{protocol}）；{subject} 的证书将在 {days} 天后（{until}）到期，请更换。',
    '已加密（{protocol}）；{subject} 的憑證將在 {days} 天後（{until}）到期，請更換。',
    'Encrypted ({protocol}); the certificate of {subject} ends in {days} days ({until}): have it renewed.',
    '暗号化されています（{protocol}）。{subject} の証明書はあと {days} 日（{until}）で失効します。更新してください。',
  ),
  auth: to('凭据已被接受。', '憑證已被接受。', 'The credentials were accepted.', '認証情報が受け入れられました。'),
  authNone: to(
    '没有配置凭据，对方也没有要求。',
    '沒有設定憑證，對方也沒有要求。',
    'No credentials are configured, and none were asked for.',
    '認証情報は設定されておらず、要求もされませんでした。',
  ),
  authSent: to(
    '凭据可用；对方没有就此作出判断。',
    '憑證可用；對方沒有就此作出判斷。',
    'The credentials are at hand; the other side has not judged them.',
    '認証情報は用意できています。相手側の判定はありません。',
  ),
  read: to(
    '已读取 {object} 的一页：{count} 条数据。',
    '已讀取 {object} 的一頁：{count} 筆資料。',
    'A page of {object} was read: {count} record(s).',
    '{object} を 1 ページ読み取りました：{count} 件。',
  ),
  readNothing: to(
    '没有读取：该连接器还没有声明对象。',
    '沒有讀取：該連接器還沒有宣告物件。',
    'Nothing was read: no object is declared on this connection yet.',
    '読み取りなし：このコネクションにはまだオブジェクトがありません。',
  ),
  readOff: to(
    '没有读取：该连接器声明为不提供查询接口。',
    '沒有讀取：該連接器宣告為不提供查詢介面。',
    'Nothing was read: the connection is declared to offer no queries.',
    '読み取りなし：照会を提供しないコネクションとして定義されています。',
  ),
}

const stepShape = z.object({
  step: z
    .enum(['dns', 'connect', 'tls', 'auth', 'read'])
    .describe('connect where the address is http, tls where it is https.'),
  ok: z.boolean(),
  ms: z.number(),
  sentence: z.string().describe('What was found, in the caller’s language.'),
  code: z.string().optional().describe('Of the fault (docs/errors.md), where the step failed.'),
  todo: z.string().optional(),
})

export const shownStep = (one: ProbeStep, locale: Locale): z.output<typeof stepShape> => {
  const { step, ms, why } = one
  if (why)
    return { step, ok: false, ms, sentence: sentence(why, locale), code: why.code, todo: advice(why.code, locale) }
  const pattern = one.found === null ? '' : foundSentences[one.found][locale]
  return {
    step,
    ok: one.ok,
    ms,
    sentence: pattern.replace(/\{(\w+)\}/g, (whole, key: string) => one.said[key] ?? whole),
  }
}

export interface TryDeps {
  /** Undefined: there is no such connection. */
  probe(tenantId: string, connectionId: string): Promise<ProbeStep[] | undefined>
  tried(asked: Asked<unknown, unknown, unknown>, tenantId: string, connectionId: string, ended: unknown): Promise<void>
}

export const tryRoutes = ({ probe, tried }: TryDeps): Route[] => [
  route({
    id: 'testConnection',
    method: 'POST',
    path: '/tenants/:tenant/connections/:connection/test',
    group: 'connections',
    summary: 'Test a connection as it is declared: name, connection or TLS, credentials, one page',
    describe:
      'Ends at the first step that fails. It asks one page of a minute of the first declared object; the call counts against the limits of the target, and neither its breaker nor its queue stops it.',
    params: inTenant.extend({ connection: z.string().min(1).max(200) }),
    answer: z.object({ ok: z.boolean(), steps: z.array(stepShape) }),
    handle: async (asked) => {
      const { tenant, connection } = asked.params
      const steps = await probe(tenant, connection)
      if (!steps) return absent(`connection ${connection}`)
      const ended = { ok: steps.every((one) => one.ok), failed: steps.find((one) => !one.ok)?.step ?? null }
      await tried(asked, tenant, connection, ended)
      return ok({ ok: ended.ok, steps: steps.map((one) => shownStep(one, asked.locale)) })
    },
  }),
]
