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

/** No hash is as large: what a field holds is not known. */
export const unknownValue = 2 ** 53
/** The same fields, and of none is it known what it holds. */
export const unknown = (print: Print): Print => new Map([...print.keys()].map((key) => [key, unknownValue]))

const entryBytes = 12

const packed = new WeakMap<Print, Buffer>()

/** Places of a print's keys when sorted. Prints of one flow have the same keys in the same order, so few of these serve all. */
interface Shape {
  keys: readonly number[]
  sorted: readonly number[]
}

const shapes = new Map<string, Shape>()
const mostShapes = 1_000

const shapeOf = (keys: readonly number[]): Shape => {
  const name = `${keys.length}/${keys[0]}/${keys.at(-1)}`
  const known = shapes.get(name)
  if (known && keys.every((key, i) => known.keys[i] === key)) return known
  const sorted = keys.map((_, i) => i).sort((a, b) => (keys[a] as number) - (keys[b] as number))
  const made = { keys, sorted }
  if (shapes.size >= mostShapes) shapes.clear()
  shapes.set(name, made)
  return made
}

/**
 * As stored: entries of 4 bytes key and 8 bytes value, sorted by key, so that equal prints are equal bytes. What is marked is settled a
 * moment later, so the bytes are remembered. Through BigInt a print took three times as long; sorting each one twice as long.
 */
export const packPrint = (print: Print): Buffer => {
  const known = packed.get(print)
  if (known) return known
  const keys: number[] = []
  const values: number[] = []
  print.forEach((value, key) => {
    keys.push(key)
    values.push(value)
  })
  const out = Buffer.allocUnsafe(print.size * entryBytes)
  const view = new DataView(out.buffer, out.byteOffset, out.length)
  let at = 0
  for (const i of shapeOf(keys).sorted) {
    const value = values[i] as number
    const high = Math.floor(value / 4294967296)
    view.setUint32(at, keys[i] as number)
    view.setUint32(at + 4, high)
    view.setUint32(at + 8, value - high * 4294967296)
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
