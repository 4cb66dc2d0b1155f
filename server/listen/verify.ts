/** Whether a webhook call was signed by who holds the secret: HMAC over what the sender signs, in the header it uses, within a tolerance of time. Pure. */
import { createHmac, timingSafeEqual } from 'node:crypto'
import type { Millis } from '../doc/document.ts'
import type { HookVerify } from '../doc/queue.ts'

/** As declared, with the secrets that are valid now: the one in use, and beside it the former one. */
export interface Verify extends HookVerify {
  secrets: readonly { value: string; until: Millis | null }[]
}

/** The only value of a header; null where it is missing or stands several times. */
const headerOf = (rawHeaders: readonly string[], name: string): string | null => {
  const wanted = name.toLowerCase()
  const found: string[] = []
  for (let i = 0; i + 1 < rawHeaders.length; i += 2)
    if (rawHeaders[i]?.toLowerCase() === wanted) found.push(rawHeaders[i + 1] as string)
  return found.length === 1 ? (found[0] as string) : null
}

/** Epoch seconds, epoch milliseconds or ISO 8601. */
const momentOf = (text: string): Millis | null => {
  if (/^\d{9,11}$/.test(text)) return Number(text) * 1_000
  if (/^\d{12,14}$/.test(text)) return Number(text)
  const moment = Date.parse(text)
  return Number.isNaN(moment) ? null : moment
}

const decode = (text: string, encoding: HookVerify['encoding']): Buffer =>
  // Buffer.from stops at what it does not know, and a shorter signature is none
  encoding === 'hex' ? Buffer.from(text.toLowerCase(), 'hex') : Buffer.from(text, encoding)

const keyOf = (secret: string, as: HookVerify['key']): Buffer =>
  as === 'base64' ? Buffer.from(secret.replace(/^whsec_/, ''), 'base64') : Buffer.from(secret)

/** A sender that rotates as well puts several signatures into one header, separated by spaces or commas. */
const candidates = (header: string, { prefix, encoding }: HookVerify): Buffer[] =>
  header
    .split(prefix.includes(',') ? /\s+/ : /[\s,]+/)
    .filter((one) => one.startsWith(prefix))
    .slice(0, 8)
    .map((one) => decode(one.slice(prefix.length), encoding))

export const verified = (verify: Verify, rawHeaders: readonly string[], body: Buffer, now: Millis): boolean => {
  const header = headerOf(rawHeaders, verify.header)
  if (header === null) return false
  if (verify.timestamp) {
    const told = headerOf(rawHeaders, verify.timestamp.header)
    const moment = told === null ? null : momentOf(told)
    if (moment === null || Math.abs(now - moment) > verify.timestamp.tolerance) return false
  }
  const parts: Buffer[] = []
  for (const part of verify.sign) {
    if (part === 'body') parts.push(body)
    else if ('text' in part) parts.push(Buffer.from(part.text))
    else {
      const value = headerOf(rawHeaders, part.header)
      if (value === null) return false
      parts.push(Buffer.from(value))
    }
  }
  const given = candidates(header, verify)
  let is = false
  for (const { value, until } of verify.secrets) {
    if (until !== null && now >= until) continue
    const made = createHmac(verify.algorithm, keyOf(value, verify.key))
    for (const part of parts) made.update(part)
    const wanted = made.digest()
    for (const one of given) if (one.length === wanted.length && timingSafeEqual(one, wanted)) is = true
  }
  return is
}
