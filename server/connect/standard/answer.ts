/** What a target's answer means: the connection's result rule over HTTP status and body (contracts.md section 2; O1-O4). Pure. */
import type { Json, Millis } from '../../doc/document.ts'
import type { Fault } from '../../doc/fault.ts'
import type { ConnectionDef } from '../../doc/flow.ts'
import { at, type Parsed, textOf } from './body.ts'
import { answerText, readAnswer } from './formats.ts'

type Rule = Pick<
  ConnectionDef,
  | 'result'
  | 'format'
  | 'refusedBeforeEffect'
  | 'unsureCodes'
  | 'refusedCodes'
  | 'notFoundCodes'
  | 'throttleCodes'
  | 'quotaCodes'
>

export interface Answered {
  status: number
  body: Buffer
  contentType?: string
  /** On our clock. */
  retryAt?: Millis
}

/** `code` and `parsed` where the body had them, for the callers that know more codes (duplicates, gone). */
export type Verdict = { code?: string; parsed?: Parsed } & (
  | { kind: 'success'; data: Json | undefined; parsed: Parsed }
  /** `wait`: the whole target waits, and no attempt is burnt: after "too fast", or until its midnight. */
  | { kind: 'again'; why: Fault; at?: Millis; wait?: 'throttle' | 'day' }
  | { kind: 'refused'; proved: boolean; why: Fault }
  | { kind: 'unknown'; why: Fault }
)

/** The other system's words, short enough to show. */
export const shorten = (text: string, most = 500): string => (text.length > most ? `${text.slice(0, most)}…` : text)

/** HTTP statuses below 500 that do not say that the request was turned down: it may have been taken, or may be later. */
const openStatuses = new Set([303, 408])

/**
 * A code that the connection lists speaks before the HTTP status: whoever listed it knows that target. 401 and 403 are refused before
 * any effect (they come from the door of the system) and are about our credentials. Redirects are never followed: refused, and not
 * proved, since some systems redirect after they have processed a form.
 */
export const judge = (
  answer: Answered,
  rule: Rule,
  stage: 'send' | 'read',
  mask: (text: string) => string,
): Verdict => {
  const { status } = answer
  const ok = status >= 200 && status < 300
  // Masked before it is cut: half a secret at the cut would not be known again.
  const said = (text: string): string => shorten(mask(text))
  const broken = (text: string): Fault => ({
    code: stage === 'read' ? 'read.contract' : 'send.contract',
    stage,
    value: `HTTP ${status}`,
    said: said(text),
  })

  const text = answerText(rule.format, answer.body, answer.contentType)
  const read =
    text === null
      ? { wrong: 'the body is not in its charset' }
      : readAnswer(rule.format, text, rule.result, stage === 'read')
  const parsed = 'wrong' in read ? undefined : read
  const code = parsed ? textOf(at(parsed.value, rule.result.codePath)) : null
  const message = parsed ? textOf(at(parsed.value, rule.result.messagePath)) : null
  const words = code === null ? (text ?? '').trim() : `${code} ${message ?? ''}`.trim()
  const statusFault = (): Fault => ({ code: 'send.status', stage, value: String(status), said: said(words) })
  const base = { ...(code === null ? null : { code }), ...(parsed ? { parsed } : null) }

  if (status === 429) {
    const why: Fault = { code: 'send.limited', stage, value: '429', said: said(words || 'HTTP 429') }
    return {
      ...base,
      kind: 'again',
      wait: 'throttle',
      why,
      ...(answer.retryAt === undefined ? null : { at: answer.retryAt }),
    }
  }
  if (code !== null) {
    const used = rule.quotaCodes?.includes(code) ?? false
    if (used || rule.throttleCodes?.includes(code)) {
      const why: Fault = { code: used ? 'send.quota' : 'send.limited', stage, value: code, said: said(words) }
      const at = answer.retryAt === undefined ? null : { at: answer.retryAt }
      return { ...base, kind: 'again', wait: used ? 'day' : 'throttle', why, ...at }
    }
    if (rule.unsureCodes.includes(code))
      return { ...base, kind: 'unknown', why: statusOr(ok, statusFault, stage, said(words)) }
    if (rule.refusedBeforeEffect.includes(code)) {
      const why: Fault = { code: 'send.again', stage, value: code, said: said(words) }
      return { ...base, kind: 'again', why, ...(answer.retryAt === undefined ? null : { at: answer.retryAt }) }
    }
    if (rule.refusedCodes.includes(code)) {
      return {
        ...base,
        kind: 'refused',
        proved: true,
        why: { code: 'send.refused', stage, value: code, said: said(words) },
      }
    }
  }
  if (status === 401 || status === 403) {
    return {
      ...base,
      kind: 'refused',
      proved: true,
      why: { code: 'config.auth', stage, value: String(status), said: said(words) },
    }
  }
  if (status >= 500 || openStatuses.has(status)) return { ...base, kind: 'unknown', why: statusFault() }
  const success = code !== null && rule.result.successCodes.includes(code)
  if (!ok) {
    if (success) return { ...base, kind: 'unknown', why: broken(`success code ${code} with HTTP ${status}`) }
    if (status === 425) return { ...base, kind: 'again', why: statusFault() }
    if (code === null || status < 400) return { ...base, kind: 'refused', proved: false, why: statusFault() }
    return {
      ...base,
      kind: 'refused',
      proved: false,
      why: { code: 'send.refused', stage, value: code, said: said(words) },
    }
  }
  if (!parsed)
    return {
      ...base,
      kind: 'unknown',
      why: broken(`${'wrong' in read ? read.wrong : ''}: ${shorten(mask(text ?? ''), 200)}`),
    }
  if (code === null)
    return { ...base, kind: 'unknown', why: broken(`no code at ${rule.result.codePath}: ${shorten(mask(words), 200)}`) }
  if (!success)
    return {
      ...base,
      kind: 'refused',
      proved: false,
      why: { code: 'send.refused', stage, value: code, said: said(words) },
    }
  const twice = parsed.flaws.find((flaw) => flaw.kind === 'duplicate')
  if (twice && stage === 'send') return { ...base, kind: 'unknown', why: broken(twice.said) }
  return { ...base, kind: 'success', data: at(parsed.value, rule.result.dataPath), parsed }
}

const statusOr = (ok: boolean, statusFault: () => Fault, stage: 'send' | 'read', said: string): Fault =>
  ok ? { code: 'send.contract', stage, said } : statusFault()

// oxlint-disable-next-line no-control-regex
const notPrintable = /[\u0000-\u001f\u007f-\u009f]/

/** An id as section 2 allows it: text or number, 1 to 128 printable characters (reliability.md); null where it is none. */
export const idOf = (value: Json | undefined): string | null => {
  const id = typeof value === 'boolean' ? null : textOf(value)
  if (id === null || id.length === 0 || id.length > 256 || [...id].length > 128) return null
  return notPrintable.test(id) || !id.isWellFormed() ? null : id
}

const hexOf = (char: string): string => char.charCodeAt(0).toString(16).padStart(2, '0')

/** A secret in every way in which the other side may repeat it: as it is, in a URL or form, in JSON, in JSON within JSON. */
const spellings = (secret: string): string => {
  const flexible = secret.replace(/[^A-Za-z0-9\u0080-\uffff]/g, (char) => {
    const plain = char === ' ' ? '[ +]' : `\\${char}`
    return `(?:\\\\*${plain}|\\\\+u00${hexOf(char)}|%${hexOf(char)})`
  })
  return [flexible, encodeURIComponent(secret).replace(/[^A-Za-z0-9]/g, '\\$&')].join('|')
}

const anyOf = (secrets: Iterable<string>): RegExp | null => {
  const all = [...new Set(secrets)].sort((a, b) => b.length - a.length)
  return all.length ? new RegExp(all.map(spellings).join('|'), 'gi') : null
}

/**
 * Secrets that the connection's headers carry, and those that its auth has (`more`, asked each time: tokens change), wherever the other
 * side repeats them, become `***`. Shorter ones than these would blacken half of every text.
 */
export const createMask = (
  headers: Record<string, string>,
  more: () => readonly string[] = () => [],
): ((text: string) => string) => {
  const fromHeaders = Object.entries(headers)
    .filter(([name]) => !/^(accept|content-type|user-agent)/i.test(name))
    .flatMap(([, value]) => [value, ...value.split(/\s+/)])
    .filter((secret) => secret.length >= 6)
  let seen: readonly string[] = []
  let secrets = anyOf(fromHeaders)
  return (text) => {
    const now = more()
    if (now.length !== seen.length || now.some((one, i) => one !== seen[i])) {
      seen = [...now]
      secrets = anyOf([...fromHeaders, ...now.filter((secret) => secret.length >= 4)])
    }
    return secrets ? text.replace(secrets, '***') : text
  }
}
