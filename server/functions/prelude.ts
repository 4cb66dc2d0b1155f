/**
 * What a function finds in its world: exact JSON, `decimal`, `date`, `hash`, `lookup`, `xml`, `base64`, `console`. JavaScript for QuickJS,
 * kept as text; it reaches the host through one function that is taken away again before the person's code is read.
 */

/** Marks a number inside JSON text that QuickJS would else read as a double: `1.10` travels as "\u0000#1.10". */
export const numberMark = '\u0000#'
/** Stands before a text that begins with U+0000 of its own accord, also inside the function: no door lets such a text in. */
export const textMark = '\u0000$'

export const prelude = `'use strict';
(() => {
  const host = globalThis.__host
  delete globalThis.__host
  const call = (name, ...args) => {
    const answer = nativeParse(host(nativeStringify([name, ...args])))
    if (answer.fault !== undefined) throw new Error(answer.fault)
    return answer.value
  }
  const nativeParse = JSON.parse
  const nativeStringify = JSON.stringify
  const define = Object.defineProperty
  const keys = Object.keys

  /** A number as it came: its digits are text. */
  class Exact {
    #text
    constructor(digits) { this.#text = digits }
    static text(value) { return value.#text }
    toString() { return this.#text }
    toJSON() { return '\\u0000#' + this.#text }
    toNumber() { return Number(this.#text) }
    plus(other) { return exact(call('decimal', 'plus', this.#text, textOf(other))) }
    minus(other) { return exact(call('decimal', 'minus', this.#text, textOf(other))) }
    times(other) { return exact(call('decimal', 'times', this.#text, textOf(other))) }
    dividedBy(other, places = 10) { return exact(call('decimal', 'dividedBy', this.#text, textOf(other), places)) }
    round(places = 0) { return exact(call('decimal', 'round', this.#text, places)) }
    negated() { return exact(call('decimal', 'negated', this.#text)) }
    abs() { return exact(call('decimal', 'abs', this.#text)) }
    compare(other) { return call('decimal', 'compare', this.#text, textOf(other)) }
    equals(other) { return this.compare(other) === 0 }
    greaterThan(other) { return this.compare(other) > 0 }
    lessThan(other) { return this.compare(other) < 0 }
    isZero() { return this.compare('0') === 0 }
    [Symbol.toPrimitive](hint) {
      if (hint === 'string') return this.#text
      throw new TypeError('the number ' + this.#text + ' is exact: calculate with plus, minus, times, dividedBy, compare; toNumber() makes it a double')
    }
  }
  const exact = (digits) => new Exact(digits)
  const digitsOf = Exact.text
  delete Exact.text
  delete Exact.prototype.constructor
  const textOf = (value) => {
    if (value instanceof Exact) return digitsOf(value)
    if (typeof value === 'string' || typeof value === 'number' || typeof value === 'bigint') return String(value)
    throw new TypeError('not a number: ' + (value === null ? 'null' : typeof value))
  }

  /** Marked texts become numbers again, in place. */
  const revive = (value) => {
    if (typeof value === 'string') return value[0] === '\\u0000' && value[1] === '#' ? new Exact(value.slice(2)) : value
    if (typeof value === 'object' && value !== null) walk(value)
    return value
  }
  const walk = (value) => {
    for (const key in value) {
      const member = value[key]
      if (typeof member === 'string') {
        if (member[0] === '\\u0000' && member[1] === '#') value[key] = new Exact(member.slice(2))
      } else if (typeof member === 'object' && member !== null) walk(member)
    }
  }
  define(BigInt.prototype, 'toJSON', { value() { return exact(String(this)).toJSON() } })
  const read = (json) => revive(nativeParse(json))

  define(JSON, 'parse', { value: (json, reviver) => {
    const value = read(call('exactJson', String(json)))
    if (typeof reviver !== 'function') return value
    const visit = (holder, key) => {
      const member = holder[key]
      if (typeof member === 'object' && member !== null && !(member instanceof Exact))
        for (const inner of keys(member)) {
          const next = visit(member, inner)
          if (next === undefined) delete member[inner]
          else member[inner] = next
        }
      return reviver.call(holder, key, member)
    }
    return visit({ '': value }, '')
  } })
  define(JSON, 'stringify', { value: (value, replacer, space) => {
    const json = nativeStringify(value, replacer, space)
    return json === undefined ? undefined : call('plainJson', json)
  } })

  const show = (value) => {
    if (typeof value === 'string') return value
    if (value instanceof Error) return String(value)
    try { return JSON.stringify(value) ?? String(value) } catch { return Object.prototype.toString.call(value) }
  }
  const log = (...values) => { call('log', values.map(show).join(' ')) }
  const give = (name, value) => define(globalThis, name, { value: Object.freeze(value), writable: false, configurable: false })
  give('console', { log, info: log, warn: log, error: log, debug: log })
  give('decimal', (value) => exact(call('decimal', 'read', textOf(value))))
  give('date', {
    parse: (value, format, zone) => call('date', 'parse', textOf(value), format ?? null, zone ?? null),
    format: (millis, format, zone) => call('date', 'format', textOf(millis), format ?? null, zone ?? null),
    now: () => call('date', 'now'),
  })
  give('hash', (algorithm, value, key) => call('hash', String(algorithm), String(value), key === undefined ? null : String(key)))
  give('base64', { encode: (value) => call('base64', 'encode', String(value)), decode: (value, charset) => call('base64', 'decode', String(value), charset ?? null) })
  give('xml', { parse: (value) => call('xml', 'parse', String(value)), write: (name, value) => call('xml', 'write', String(name), value) })
  const found = (kind, name, id) => {
    const answer = call('lookup', kind, String(name), String(id))
    return answer === null ? null : answer.missing ? miss() : read(answer.json)
  }
  const miss = () => { throw new Error('a look-up that is not answered yet') }
  give('lookup', {
    /** The other side's id of a record, by the pair's id; null: not mapped. */
    mapped: (pair, id) => found('mapped', pair, id),
    /** The newest known state of a record: {masterFieldVal, detailFieldVals}; null: not known. */
    document: (object, id) => found('document', object, id),
  })

  for (const shape of [Object, Array, Function, String, Number, Boolean, BigInt, Map, Set, Promise, RegExp, Exact]) {
    Object.freeze(shape.prototype)
    if (shape !== Exact) Object.freeze(shape)
  }
  Object.freeze(JSON)

  /** What the host calls: JSON text in, JSON text out. */
  globalThis.__enter = (entry) => {
    const own = entry()
    if (typeof own !== 'function') throw new TypeError('the code declares no function of that name')
    return (json) => {
      const answer = own(read(json))
      if (typeof answer === 'object' && answer !== null && typeof answer.then === 'function')
        throw new TypeError('a function answers at once: no async, no Promise')
      const out = nativeStringify(answer)
      return out === undefined ? 'null' : out
    }
  }
})()
`
