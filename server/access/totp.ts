/** Time-based one-time codes (RFC 6238: SHA-1, six digits, half a minute), as authenticators make them. Pure. */
import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto'

const PERIOD = 30_000
const DIGITS = 6
/** Clocks of telephones are off by a little: the code before and the one after count as well. */
const drift = 1

const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'

/** RFC 4648, without padding: what authenticators take when it is typed. */
export const toBase32 = (bytes: Buffer): string => {
  let bits = 0
  let held = 0
  let text = ''
  for (const byte of bytes) {
    held = (held << 8) | byte
    bits += 8
    while (bits >= 5) {
      bits -= 5
      text += alphabet[(held >> bits) & 31]
    }
    held &= (1 << bits) - 1
  }
  return bits > 0 ? text + alphabet[(held << (5 - bits)) & 31] : text
}

export const fromBase32 = (text: string): Buffer => {
  let bits = 0
  let held = 0
  const bytes: number[] = []
  for (const letter of text) {
    held = (held << 5) | alphabet.indexOf(letter)
    bits += 5
    if (bits < 8) continue
    bits -= 8
    bytes.push((held >> bits) & 255)
    held &= (1 << bits) - 1
  }
  return Buffer.from(bytes)
}

/** 160 random bits, as RFC 4226 asks for. */
export const makeTotpSecret = (): string => toBase32(randomBytes(20))

export const stepOf = (now: number): number => Math.floor(now / PERIOD)

/** The code of one half-minute (RFC 4226, 5.3). */
export const codeAt = (secret: string, step: number): string => {
  const counter = Buffer.alloc(8)
  counter.writeBigUInt64BE(BigInt(step))
  const mac = createHmac('sha1', fromBase32(secret)).update(counter).digest()
  const from = (mac.at(-1) as number) & 15
  return String((mac.readUInt32BE(from) & 0x7fff_ffff) % 10 ** DIGITS).padStart(DIGITS, '0')
}

/** The half-minute whose code this is, or null. The same work whichever it is. */
export const stepOfCode = (secret: string, code: string, now: number): number | null => {
  const given = Buffer.from(code)
  let found: number | null = null
  for (let step = stepOf(now) - drift; step <= stepOf(now) + drift; step++) {
    const wanted = Buffer.from(codeAt(secret, step))
    if (given.length === wanted.length && timingSafeEqual(given, wanted)) found = step
  }
  return found
}

/** What a QR code tells an authenticator. SHA-1, six digits and half a minute are what it takes when nothing is said. */
export const totpUri = (secret: string, issuer: string, userId: string): string =>
  `otpauth://totp/${encodeURIComponent(issuer)}:${encodeURIComponent(userId)}?secret=${secret}&issuer=${encodeURIComponent(issuer)}`
