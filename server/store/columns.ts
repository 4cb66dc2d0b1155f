/** Columns for bulk statements: JavaScript arrays become PostgreSQL's binary array format, to be unfolded with `unnest(${col.text(ids)}::text[], …)`. */

// One binary parameter per column costs 2.2 times less CPU than text arrays, and its bytes arrive as they were (architecture.md, "Tables that carry the weight").
// The server checks the element type: the cast in the SQL must name the same one (`col.text` is text[], not varchar[]).
type Cell<T> = T | null

const HEADER = 20 // dimensions, has-null flag, element oid, length, lower bound
const KEEP = 1 << 20
const POSTGRES_EPOCH = 946_684_800_000
const OID = { bool: 16, bytea: 17, int8: 20, int4: 23, text: 25, json: 114, float8: 701, timestamptz: 1184 } as const

let scratch = Buffer.allocUnsafe(1 << 16)

const grow = (needed: number) => {
  if (needed <= scratch.length) return
  const larger = Buffer.allocUnsafe(Math.max(needed, scratch.length * 2))
  scratch.copy(larger)
  scratch = larger
}

const finish = (oid: number, count: number, nulls: boolean, end: number): Buffer => {
  if (count === 0) return Buffer.from([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, (oid >> 8) & 255, oid & 255])
  scratch.writeInt32BE(1, 0)
  scratch.writeInt32BE(nulls ? 1 : 0, 4)
  scratch.writeInt32BE(oid, 8)
  scratch.writeInt32BE(count, 12)
  scratch.writeInt32BE(1, 16)
  const made = Buffer.allocUnsafe(end) // short columns share a page
  scratch.copy(made, 0, 0, end)
  if (scratch.length > KEEP) scratch = Buffer.allocUnsafe(1 << 16)
  return made
}

/** Writes an identifier-sized ASCII string byte by byte (faster than the call into C++ below some 24 characters); -1 when it is not ASCII. */
const writeAscii = (value: string, at: number): number => {
  const length = value.length
  for (let i = 0; i < length; i++) {
    const code = value.charCodeAt(i)
    if (code > 127) return -1
    scratch[at + i] = code
  }
  return length
}

const bytesColumn = (oid: number, values: readonly Cell<string | Uint8Array>[]): Buffer => {
  let at = HEADER
  let nulls = false
  for (let i = 0; i < values.length; i++) {
    const value = values[i]
    if (value === null || value === undefined) {
      grow(at + 4)
      scratch.writeInt32BE(-1, at)
      at += 4
      nulls = true
    } else if (typeof value === 'string') {
      grow(at + 4 + value.length * 3)
      const short = value.length < 24 ? writeAscii(value, at + 4) : -1
      const length = short >= 0 ? short : scratch.write(value, at + 4)
      scratch.writeInt32BE(length, at)
      at += 4 + length
    } else {
      grow(at + 4 + value.length)
      scratch.writeInt32BE(value.length, at)
      scratch.set(value, at + 4)
      at += 4 + value.length
    }
  }
  return finish(oid, values.length, nulls, at)
}

const fixedColumn = <T>(
  oid: number,
  width: number,
  values: readonly Cell<T>[],
  write: (value: T, at: number) => void,
) => {
  grow(HEADER + values.length * (4 + width))
  let at = HEADER
  let nulls = false
  for (let i = 0; i < values.length; i++) {
    const value = values[i]
    if (value === null || value === undefined) {
      scratch.writeInt32BE(-1, at)
      at += 4
      nulls = true
    } else {
      scratch.writeInt32BE(width, at)
      write(value, at + 4)
      at += 4 + width
    }
  }
  return finish(oid, values.length, nulls, at)
}

const putInt8 = (into: Buffer, value: number | bigint, at: number) => {
  if (typeof value === 'bigint') return void into.writeBigInt64BE(value, at)
  if (!Number.isSafeInteger(value)) throw new TypeError(`not a whole number that int8 can take exactly: ${value}`)
  const high = Math.floor(value / 4_294_967_296)
  into.writeInt32BE(high, at)
  into.writeUInt32BE(value - high * 4_294_967_296, at + 4)
}

const putTime = (into: Buffer, ms: number, at: number) => {
  if (Number.isNaN(ms)) throw new TypeError('not a moment: NaN')
  if (ms === Infinity) return void into.writeBigInt64BE(0x7fff_ffff_ffff_ffffn, at)
  if (ms === -Infinity) return void into.writeBigInt64BE(-0x8000_0000_0000_0000n, at)
  const micros = Math.round((ms - POSTGRES_EPOCH) * 1000)
  putInt8(into, Number.isSafeInteger(micros) ? micros : BigInt(Math.round(ms - POSTGRES_EPOCH)) * 1000n, at)
}

/** Every column takes nulls. Times are epoch milliseconds. Strings and Buffers mix freely in `text`, `json` and `bytes`. */
export const col = {
  text: (values: readonly Cell<string | Uint8Array>[]) => bytesColumn(OID.text, values),
  json: (values: readonly Cell<string | Uint8Array>[]) => bytesColumn(OID.json, values),
  bytes: (values: readonly Cell<string | Uint8Array>[]) => bytesColumn(OID.bytea, values),
  int4: (values: readonly Cell<number>[]) => fixedColumn(OID.int4, 4, values, (v, at) => scratch.writeInt32BE(v, at)),
  int8: (values: readonly Cell<number | bigint>[]) =>
    fixedColumn(OID.int8, 8, values, (v, at) => putInt8(scratch, v, at)),
  float8: (values: readonly Cell<number>[]) =>
    fixedColumn(OID.float8, 8, values, (v, at) => scratch.writeDoubleBE(v, at)),
  bool: (values: readonly Cell<boolean>[]) => fixedColumn(OID.bool, 1, values, (v, at) => (scratch[at] = v ? 1 : 0)),
  time: (values: readonly Cell<number>[]) =>
    fixedColumn(OID.timestamptz, 8, values, (v, at) => putTime(scratch, v, at)),
}

/** One moment (epoch ms) as a parameter that PostgreSQL takes for a timestamptz: `next_at <= ${at(now)}`, exact and without a cast. */
export const at = (ms: number): Buffer => {
  const made = Buffer.allocUnsafe(8)
  putTime(made, ms, 0)
  return made
}
