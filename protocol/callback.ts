/** How a callback proves that it comes from who holds the salt: the source document's MD5 token, and the Standard Webhooks signature beside it (contracts.md section 5). */
import { createHmac, hash, timingSafeEqual } from 'node:crypto'

/** `access_token`: lower-case hex MD5 over the UTF-8 bytes of bizId and salt. */
export const accessToken = (bizId: string, salt: string): string => hash('md5', bizId + salt, 'hex')

/** In constant time; any of the salts may have made it. */
export const isAccessToken = (given: string, bizId: string, salts: readonly string[]): boolean => {
  const sent = Buffer.from(given.toLowerCase(), 'latin1')
  let found = false
  for (const salt of salts) {
    const own = Buffer.from(accessToken(bizId, salt), 'latin1')
    // a token of another length is compared all the same: with itself, and in vain
    const same = timingSafeEqual(sent.length === own.length ? sent : own, own) && sent.length === own.length
    found = same || found
  }
  return found
}

/** The salt as the secret that libraries for Standard Webhooks take. */
export const webhookSecret = (salt: string): string => `whsec_${Buffer.from(salt, 'utf8').toString('base64')}`

export interface Signed {
  'webhook-id': string
  'webhook-timestamp': string
  'webhook-signature': string
}

const signature = (id: string, seconds: string, body: Buffer, salt: string): string =>
  `v1,${createHmac('sha256', Buffer.from(salt, 'utf8')).update(`${id}.${seconds}.`).update(body).digest('base64')}`

/** The three headers; one signature for each salt that is valid. `at`: epoch ms of this try. */
export const signWebhook = (id: string, at: number, body: Buffer, salts: readonly string[]): Signed => {
  const seconds = String(Math.floor(at / 1000))
  return {
    'webhook-id': id,
    'webhook-timestamp': seconds,
    'webhook-signature': salts.map((salt) => signature(id, seconds, body, salt)).join(' '),
  }
}

/** In constant time for each signature; false as well where the timestamp is no number or further than `tolerance` from now. */
export const isSigned = (
  headers: Partial<Signed>,
  body: Buffer,
  salts: readonly string[],
  now: number,
  tolerance = 300_000,
): boolean => {
  const { 'webhook-id': id, 'webhook-timestamp': seconds, 'webhook-signature': given } = headers
  if (id === undefined || seconds === undefined || given === undefined || !/^\d{1,12}$/.test(seconds)) return false
  if (Math.abs(now - Number(seconds) * 1000) > tolerance) return false
  const own = salts.map((salt) => Buffer.from(signature(id, seconds, body, salt)))
  let found = false
  for (const one of given.split(' ')) {
    const sent = Buffer.from(one)
    for (const ours of own) found = (sent.length === ours.length && timingSafeEqual(sent, ours)) || found
  }
  return found
}
