/** Secrets at rest: an AES-256-GCM envelope whose outer key never enters the database (reliability.md 27). */
import { createCipheriv, createDecipheriv, createHash, randomBytes } from 'node:crypto'

/**
 * The key of one installation: 32 bytes, from MORTISE_SECRET_KEY or the data folder (key.ts). Several while it is being changed: the first
 * one closes, all of them open.
 */
export type SecretKey = Buffer | readonly [Buffer, ...Buffer[]]

const current = (key: SecretKey): Buffer => (Buffer.isBuffer(key) ? key : key[0])
const all = (key: SecretKey): readonly Buffer[] => (Buffer.isBuffer(key) ? [key] : key)

/** The envelope cannot be opened: another key, another place, or changed bytes. The sentence is for the operator. */
export class SecretRefused extends Error {
  override name = 'SecretRefused'
}

const VERSION = 1
const IV = 12
const TAG = 16
const KEY = 32
const KEY_ID = 4
const WRAPPED = IV + TAG + KEY

/** Tells which key closed an envelope, so that a wrong key is named as such and not as damage. */
const keyId = (key: Buffer): Buffer =>
  createHash('sha256').update('mortise key id').update(key).digest().subarray(0, KEY_ID)

const close = (key: Buffer, place: string, plain: Buffer): Buffer => {
  const iv = randomBytes(IV)
  const cipher = createCipheriv('aes-256-gcm', key, iv, { authTagLength: TAG }).setAAD(Buffer.from(place))
  const sealed = Buffer.concat([cipher.update(plain), cipher.final()])
  return Buffer.concat([iv, cipher.getAuthTag(), sealed])
}

const reopen = (key: Buffer, place: string, closed: Buffer): Buffer => {
  const decipher = createDecipheriv('aes-256-gcm', key, closed.subarray(0, IV), { authTagLength: TAG })
    .setAAD(Buffer.from(place))
    .setAuthTag(closed.subarray(IV, IV + TAG))
  return Buffer.concat([decipher.update(closed.subarray(IV + TAG)), decipher.final()])
}

/**
 * version · key id · data key closed with the installation's key · secret closed with the data key.
 * `place` names table and row (`connection/acme/erp`): an envelope copied to another row does not open there.
 */
export const seal = (key: SecretKey, place: string, secret: string): Buffer => {
  const dataKey = randomBytes(KEY)
  return Buffer.concat([
    Buffer.from([VERSION]),
    keyId(current(key)),
    close(current(key), place, dataKey),
    close(dataKey, place, Buffer.from(secret)),
  ])
}

const head = 1 + KEY_ID

/** The key that closed an envelope; throws where it is none of ours, or no envelope. */
const keyOf = (key: SecretKey, place: string, envelope: Buffer): Buffer => {
  if (envelope.length < head + WRAPPED + IV + TAG || envelope[0] !== VERSION) {
    throw new SecretRefused(`The secret of ${place} is not in a form this version knows.`)
  }
  const found = all(key).find((one) => envelope.subarray(1, head).equals(keyId(one)))
  if (!found) {
    throw new SecretRefused(
      `The secret of ${place} was encrypted with another key. Start Mortise with the MORTISE_SECRET_KEY (or the data folder) it was stored with.`,
    )
  }
  return found
}

const dataKeyOf = (key: SecretKey, place: string, envelope: Buffer): Buffer => {
  const outer = keyOf(key, place, envelope)
  try {
    return reopen(outer, place, envelope.subarray(head, head + WRAPPED))
  } catch {
    throw new SecretRefused(`The secret of ${place} is damaged or belongs to another row.`)
  }
}

/** Opens what `seal` closed for the same place. Throws SecretRefused. */
export const open = (key: SecretKey, place: string, envelope: Buffer): string => {
  const dataKey = dataKeyOf(key, place, envelope)
  try {
    return reopen(dataKey, place, envelope.subarray(head + WRAPPED)).toString()
  } catch {
    throw new SecretRefused(`The secret of ${place} is damaged or belongs to another row.`)
  }
}

/** The same secret under the newest key; the secret itself is not touched. Throws SecretRefused. */
export const reseal = (key: SecretKey, place: string, envelope: Buffer): Buffer => {
  const dataKey = dataKeyOf(key, place, envelope)
  return Buffer.concat([
    Buffer.from([VERSION]),
    keyId(current(key)),
    close(current(key), place, dataKey),
    envelope.subarray(head + WRAPPED),
  ])
}

/** Names of the keys, the newest first: eight hex digits that tell nothing of the key. */
export const keyNames = (key: SecretKey): string[] => all(key).map((one) => keyId(one).toString('hex'))

/** What is stored of a token: enough to know it again, not enough to use it. */
export const hashSecret = (secret: string): Buffer => createHash('sha256').update(secret).digest()
