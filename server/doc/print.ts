/**
 * Fingerprints: which value each field had when two sides agreed, without keeping the body.
 * A print holds one (field, value hash) entry for each field that a flow reads or writes; details print column by column over rows
 * sorted by row id. Comparing two prints tells *which* fields differ, which one hash over the body could not (D2-D4).
 */

/** Field key to value hash, both as numbers: 32 bits of the key, 53 bits of the value. */
export type Print = ReadonlyMap<number, number>

export const emptyPrint: Print = new Map()

/** 53-bit string hash (cyrb53): 0.1 µs a field where a digest takes 1 µs; a collision only delays a change until the next one. */
export const hash53 = (text: string, seed = 0): number => {
  let a = 0xdeadbeef ^ seed
  let b = 0x41c6ce57 ^ seed
  for (let i = 0; i < text.length; i++) {
    const c = text.charCodeAt(i)
    a = Math.imul(a ^ c, 2654435761)
    b = Math.imul(b ^ c, 1597334677)
  }
  a = Math.imul(a ^ (a >>> 16), 2246822507) ^ Math.imul(b ^ (b >>> 13), 3266489909)
  b = Math.imul(b ^ (b >>> 16), 2246822507) ^ Math.imul(a ^ (a >>> 13), 3266489909)
  return 4294967296 * (2097151 & b) + (a >>> 0)
}

/** Hash of a value that is absent, null or empty: the three count as the same. */
export const emptyValue = hash53('')

/** Key of a master field (`name`) or of a detail column (`contacts.mobile`). */
export const printKey = (field: string): number => hash53(field) >>> 0

/** Keys whose value in `now` differs from `then`. What an agreement does not speak of counts as empty there; before one, all differ. */
export const differing = (now: Print, then: Print): number[] => {
  const keys: number[] = []
  for (const [key, value] of now) if ((then.get(key) ?? (then.size ? emptyValue : undefined)) !== value) keys.push(key)
  return keys
}

/** Every entry of `now` stands in `then` with the same value. */
export const covers = (then: Print, now: Print): boolean => {
  for (const [key, value] of now) if (then.get(key) !== value) return false
  return true
}

/** `then` with the entries of `now` over it. */
export const overlay = (then: Print, now: Print): Print =>
  !now.size ? then : !then.size ? now : new Map([...then, ...now])

const entryBytes = 12

const packed = new WeakMap<Print, Buffer>()

/**
 * As stored: entries of 4 bytes key and 8 bytes value, sorted by key, so that equal prints are equal bytes. What is marked is settled a
 * moment later, so the bytes are remembered. Through BigInt a print took three times as long.
 */
export const packPrint = (print: Print): Buffer => {
  const known = packed.get(print)
  if (known) return known
  const out = Buffer.allocUnsafe(print.size * entryBytes)
  let at = 0
  for (const key of Uint32Array.from(print.keys()).sort()) {
    const value = print.get(key) ?? 0
    const high = Math.floor(value / 4294967296)
    out.writeUInt32BE(key, at)
    out.writeUInt32BE(high, at + 4)
    out.writeUInt32BE(value - high * 4294967296, at + 8)
    at += entryBytes
  }
  packed.set(print, out)
  return out
}

export const unpackPrint = (bytes: Buffer | null): Print => {
  if (!bytes?.length) return emptyPrint
  const print = new Map<number, number>()
  for (let at = 0; at + entryBytes <= bytes.length; at += entryBytes) {
    print.set(bytes.readUInt32BE(at), bytes.readUInt32BE(at + 4) * 4294967296 + bytes.readUInt32BE(at + 8))
  }
  return print
}
